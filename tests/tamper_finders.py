"""Whether a tampering was found, by the product's own means, and was named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import psycopg

from consumers.recheck import Recheck
from ledger.log.heads import Heads
from ledger.log.mirrored import LogName
from node.audit_compare import compare
from node.audit_logs import Pinned
from node.auditing import check
from node.reading import Reader
from projections import generation, hashing
from projections.folding import fold_in
from projections.models import TABLES
from tests import (  # noqa: F401 - make their kinds known
    beyond_tampers,
    note_tampers,
    parked_tampers,
    unconstrained_tampers,
)
from tests.row_tampers import CHECK, COMPARE, KINDS, REBUILD, SEAL, Hand, Tampered
from tests.tampered_world import AGREEMENT, KEYS, Node, log_of, placed_in


class Found(NamedTuple):
    """Something that does not fit, in one form whoever says it."""

    rule: str
    log: str
    event_id: Any = None
    log_index: int | None = None
    #: Whatever else it names: a case, a country, a read model, a size.
    also: frozenset[Any] = frozenset()


class Finders:
    """All who look, on the connection of who tampered, and in the other country."""

    def __init__(self, node: Node, connection: psycopg.Connection[Any], other: Reader) -> None:
        self._node = node
        self._connection = connection
        self._other = other
        self._by = {
            CHECK: self._checked,
            COMPARE: self._compared,
            SEAL: self._sealed,
            REBUILD: self._rebuilt,
        }

    def found(self, finder: str) -> list[Found]:
        """Return what somebody finds."""
        return list(self._by[finder]())

    @property
    def _reading(self) -> Reader:
        return Reader(self._connection, self._node.country, 1)

    def _checked(self) -> Iterator[Found]:
        keys = KEYS[self._node.country]
        audit = check(self._reading, Pinned(agreement=AGREEMENT), keys=keys)
        for one in audit.breaches:
            also = frozenset({one.case_id, one.origin, one.size} - {None, ""})
            yield Found(f"{one.rule} {one.what}", one.log, one.event_id, one.log_index, also)

    def _compared(self) -> Iterator[Found]:
        said = compare(self._reading, self._other, AGREEMENT)
        for part in said.partitions:
            if (one := part.difference) is not None:
                yield Found(f"compare {one.kind}", one.log or "", one.event_id, one.log_index)
            assert part.equal or one is not None
        for far in said.beyond:
            yield Found(f"compare {far.rule}", far.log or "", far.event_id, far.log_index)
        for note in said.notes:
            log = AGREEMENT.shared_topic if note.what == "order_note" else note.about
            also = frozenset({note.about, note.size} - {None})
            yield Found(f"compare {note.what} {note.kind}", log, None, None, also)

    def _sealed(self) -> Iterator[Found]:
        country = self._node.country
        for topic in ("shared", "national"):
            log = LogName(log_of(topic, country), topic, country)
            rows = self._connection.execute(
                "SELECT size FROM witness.checkpoint WHERE log = %s ORDER BY size", (log.name,)
            ).fetchall()
            recheck = Recheck(log, Heads(Path("none")), [], with_store=True)
            for _ in rows:
                fault = recheck.step(self._connection, rows[-1][0])
                if fault is not None:
                    yield Found(fault.rule, fault.log, fault.event_id, fault.log_index)
                    break

    def _rebuilt(self) -> Iterator[Found]:
        """What `ledger projections verify` does, within the transaction of who tampered."""
        number = 2
        generation.create(self._connection, number)
        generation.index(self._connection, number)
        fold_in(
            self._connection, "read_2", placed_in(self._connection),
            country=self._node.country, keys=KEYS[self._node.country],
        )  # fmt: skip
        for table in TABLES:
            if not hashing.are_equal(self._connection, "read_1", "read_2", table):
                yield Found("read model differs", "", also=frozenset({table.name}))


def is_named(tampered: Tampered, found: list[Found]) -> bool:
    """Say whether something that was found names what was tampered with."""
    for one in found:
        is_named = one.event_id in tampered.events or (one.log, one.log_index) in tampered.places
        if one.log in tampered.logs and (is_named or not tampered.events):
            return True
        if one.also & tampered.also:
            return True
    return False


#: So often another attempt is made where one would change nothing.
_TRIES = 50


class Score(NamedTuple):
    """One attempt."""

    kind: str
    finder: str
    found: list[Found]
    named: bool


def attempt(
    node: Node,
    connection: psycopg.Connection[Any],
    other: Reader,
    name: str,
    number: int,
) -> Score:
    """Tamper in a transaction, look, and take it back; what changed nothing does not count."""
    finders = Finders(node, connection, other)
    for again in range(_TRIES):
        with connection.transaction(force_rollback=True):
            hand = Hand(node, connection, Random(f"{name} {number} {again}"))
            hand.free()
            tampered = KINDS[name](hand)
            if tampered is not None:
                found = finders.found(tampered.finder)
                return Score(name, tampered.finder, found, is_named(tampered, found))
    raise AssertionError(f"{name} never changes anything")
