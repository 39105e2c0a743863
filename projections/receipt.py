"""Receipts of a generation: on which events it rests, in which order, and what it says.

Whatever a worker writes wrongly it writes for ever after, so what it has consumed is read back from
the audit trail and not from the worker: which events, as a tree per log, whose root its country has
signed at some size; in which order, as a tree per partition; and one hash per read model. An
auditor recomputes all three (node/audit_receipts.py). ADR 0035.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from psycopg import Connection

from events.errors import ServiceUnavailable
from events.registry import BY_NAME
from ledger.log.merkle import CompactRange
from projections import generation
from projections.generation import schema_of
from projections.hashing import shared_hashes, state_hash
from projections.models import TABLES


class Order(NamedTuple):
    """How far a partition was read, and the tree of its events in order of effect."""

    topic: str
    partition: int
    next_offset: int
    size: int
    root: str


class Log(NamedTuple):
    """The tree of a log's events, up to the first place that is not projected."""

    topic: str
    origin: str
    size: int
    root: str


class Parked(NamedTuple):
    """A side of a case that waited, and from which place on."""

    case_id: str
    topic: str
    since_offset: int
    since_rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the read models of a generation rested on at one moment; hashes are hexadecimal."""

    receipt_id: UUID
    generation: int
    taken_at: datetime
    why: str
    orders: Sequence[Order]
    logs: Sequence[Log]
    parked: Sequence[Parked]
    schemas: str
    models: Mapping[str, str]
    shared: Mapping[str, str]


def take(connection: Connection[Any], *, why: str) -> Receipt:
    """Take a receipt of the generation in use, and keep it; `why` is `rebuilt` or `asked`.

    Reads every row of the read models, from one moment, beside the workers. `connection` is in
    autocommit, of a member of `ledger_project`. ServiceUnavailable before the first worker has run.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        number = generation.current(connection)
        if number is None:
            raise ServiceUnavailable("no worker has run yet: there are no read models")
        schema = schema_of(number)
        said = {
            "orders": list(_orders(connection, schema)),
            "logs": list(logs_in(connection.execute(_LOGS.format(schema=schema)))),
            "parked": [Parked(str(row[0]), *row[1:]) for row in _parked(connection, schema)],
            "models": {one.name: state_hash(connection, schema, one) for one in TABLES},
            "shared": shared_hashes(connection, schema),
        }
        values = (number, why, schema_set(), *(json.dumps(one) for one in said.values()))
        connection.execute(_KEEP, values)
        found = newest(connection, number)
    assert found is not None
    return found


def newest(connection: Connection[Any], number: int) -> Receipt | None:
    """Return the last receipt of a generation, if one was ever taken."""
    row = connection.execute(_NEWEST, (number,)).fetchone()
    if row is None:
        return None
    receipt_id, taken_at, why, orders, logs, parked, schemas, models, shared = row
    return Receipt(
        receipt_id=receipt_id,
        generation=number,
        taken_at=taken_at,
        why=why,
        orders=[Order(*one) for one in orders],
        logs=[Log(*one) for one in logs],
        parked=[Parked(*one) for one in parked],
        schemas=schemas.hex(),
        models=models,
        shared=shared,
    )


def schema_set() -> bytes:
    """Return the SHA-256 over all released schemas: name, version and SHA-256 of each, a line."""
    lines = sorted(f"{name} {version} {one.sha256}" for (name, version), one in BY_NAME.items())
    return sha256("\n".join(lines).encode()).digest()


def logs_in(rows: Iterable[tuple[str, str, int, bytes]]) -> Iterator[Log]:
    """Yield the tree of each log, from (topic, origin, log index, leaf) in this order."""
    last: tuple[str, str] | None = None
    tree = CompactRange()
    for topic, origin, index, leaf in rows:
        if (topic, origin) != last:
            if last is not None:
                yield Log(*last, tree.size, tree.root.hex())
            last, tree = (topic, origin), CompactRange()
        if index == tree.size:  # what stands behind a hole is not counted
            tree.append(leaf)
    if last is not None:
        yield Log(*last, tree.size, tree.root.hex())


def orders_in(
    ends: Iterable[tuple[str, int, int]], rows: Iterable[tuple[str, int, bytes]]
) -> Iterator[Order]:
    """Yield the tree of each partition, from (topic, partition, leaf) in order of effect."""
    trees: defaultdict[tuple[str, int], CompactRange] = defaultdict(CompactRange)
    for topic, partition, leaf in rows:
        trees[topic, partition].append(leaf)
    for topic, partition, end in ends:
        tree = trees[topic, partition]
        yield Order(topic, partition, end, tree.size, tree.root.hex())


def _orders(connection: Connection[Any], schema: str) -> Iterator[Order]:
    ends = connection.execute(_ENDS.format(schema=schema)).fetchall()
    with connection.cursor(name="trail", binary=True) as cursor:
        cursor.itersize = 5_000
        yield from orders_in(ends, cursor.execute(_TRAIL.format(schema=schema)))


def _parked(connection: Connection[Any], schema: str) -> Sequence[Any]:
    return connection.execute(_PARKED.format(schema=schema)).fetchall()


_ENDS = "SELECT topic, partition, next_offset FROM {schema}.position ORDER BY topic, partition"
_TRAIL = """
SELECT topic, partition, leaf FROM {schema}.audit_trail
ORDER BY topic, partition, effect_offset, effect_rank
"""
# The trail does not say where in its log an event stands: the mirror does, and the root proves it.
_LOGS = """
SELECT record.topic, record.origin, record.log_index, line.leaf
FROM {schema}.audit_trail AS line
JOIN mirror.record AS record USING (topic, partition, "offset")
ORDER BY record.topic, record.origin, record.log_index
"""
_PARKED = "SELECT case_id, topic, since_offset, since_rank FROM {schema}.parked ORDER BY 1, 2"
_KEEP: LiteralString = """
INSERT INTO projections.receipt (generation, why, schemas, orders, logs, parked, models, shared)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
_NEWEST: LiteralString = """
SELECT receipt_id, taken_at, why, orders, logs, parked, schemas, models, shared
FROM projections.receipt WHERE generation = %s ORDER BY taken_at DESC LIMIT 1
"""
