"""Cases that cannot be folded on: which, since when and why, and how they go on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row, scalar_row

from events.registry import BY_FINGERPRINT
from ledger import mirror
from ledger.keys.national import NationalKeys
from ledger.mirror import Placed
from projections import positions
from projections.folding import UNKNOWN_SCHEMA, Stop, fold_in
from projections.generation import schema_of


class Parked(NamedTuple):
    """A case that waits on one topic."""

    case_id: UUID
    topic: str
    #: `unknown_schema`, or the class of the exception.
    reason: str
    #: Of the schema that is not installed here.
    fingerprint: bytes | None
    since_offset: int
    since_rank: int
    parked_at: datetime

    @property
    def can_be_read_now(self) -> bool:
        """Whether the schema that was missing is installed by now."""
        return self.fingerprint is not None and self.fingerprint in BY_FINGERPRINT


class Held(NamedTuple):
    """An event that waits for an earlier one of its origin, or for what its decider had seen."""

    case_id: UUID
    topic: str
    origin: str
    version: int
    offset: int
    mirrored_at: datetime


def parked(
    connection: Connection[Any], generation: int, case_id: UUID | None = None
) -> list[Parked]:
    """Return the parked cases, the oldest first; or those of one case."""
    columns = ", ".join(Parked._fields)
    statement = (
        f"SELECT {columns} FROM {schema_of(generation)}.parked"  # noqa: S608 - our own names
        " WHERE %(case)s::uuid IS NULL OR case_id = %(case)s ORDER BY parked_at, case_id, topic"
    )
    return [Parked(*row) for row in connection.execute(statement, {"case": case_id})]


def held(connection: Connection[Any], case_id: UUID | None = None) -> list[Held]:
    """Return the held events, the oldest first; or those of one case."""
    with connection.cursor(row_factory=class_row(Held)) as cursor:
        return cursor.execute(
            'SELECT case_id, topic, origin, version, "offset", mirrored_at FROM mirror.record'
            " WHERE effect_offset IS NULL AND (%(case)s::uuid IS NULL OR case_id = %(case)s)"
            ' ORDER BY mirrored_at, topic, partition, "offset"',
            {"case": case_id},
        ).fetchall()


def waits(connection: Connection[Any], generation: int) -> list[tuple[str, int, float]]:
    """Return for each kind of wait, parked and held: how many cases, and the oldest in seconds."""
    return connection.execute(
        "SELECT 'parked', count(DISTINCT case_id),"  # noqa: S608 - our own name
        " coalesce(extract(epoch FROM now() - min(parked_at)), 0)::float8"
        f" FROM {schema_of(generation)}.parked UNION ALL"
        " SELECT 'held', count(DISTINCT case_id),"
        " coalesce(extract(epoch FROM now() - min(mirrored_at)), 0)::float8"
        " FROM mirror.record WHERE effect_offset IS NULL"
    ).fetchall()


def waiting_events(connection: Connection[Any], generation: int) -> list[tuple[str, int]]:
    """Return for each kind of wait how many events do: behind a parked one, or held."""
    return connection.execute(_EVENTS.format(schema=schema_of(generation))).fetchall()


_EVENTS = """
SELECT 'parked', count(*) FROM {schema}.parked
    JOIN mirror.record AS record USING (case_id, topic)
WHERE (record.effect_offset, record.effect_rank) >= (parked.since_offset, parked.since_rank)
UNION ALL
SELECT 'held', count(*) FROM mirror.record WHERE effect_offset IS NULL
"""


def waiting(connection: Connection[Any], generation: int, side: Parked) -> list[Placed]:
    """Return the events of a parked case that are mirrored and not folded, in order of effect."""
    schema = schema_of(generation)
    with connection.cursor(row_factory=scalar_row) as cursor:
        folded = cursor.execute(
            f"SELECT count FROM {schema}.case_state"  # noqa: S608 - our own name
            " WHERE case_id = %s AND topic = %s",
            (side.case_id, side.topic),
        ).fetchone()
    return mirror.records_of(connection, side.topic, [side.case_id])[folded or 0 :]


def retry(
    connection: Connection[Any],
    generation: int,
    sides: Sequence[Parked],
    *,
    country: str,
    keys: NationalKeys | None = None,
) -> list[Stop]:
    """Fold parked cases on, each in one transaction; return where some have to stop again."""
    stops: list[Stop] = []
    for side in sides:
        with connection.transaction():
            stops += _retry(connection, generation, side, country, keys)
    return stops


def retry_readable(
    connection: Connection[Any],
    generation: int,
    *,
    country: str,
    keys: NationalKeys | None = None,
) -> int:
    """Fold on every case that waited for a schema which is installed by now; return how many."""
    readable = [side for side in parked(connection, generation) if side.can_be_read_now]
    return len(readable) - len(retry(connection, generation, readable, country=country, keys=keys))


def _retry(
    connection: Connection[Any],
    generation: int,
    side: Parked,
    country: str,
    keys: NationalKeys | None,
) -> Sequence[Stop]:
    schema = schema_of(generation)
    first = waiting(connection, generation, side)[:1]
    # The partition's worker waits here, or we for it: nobody else folds the case meanwhile.
    partitions = {record.partition for record in first}
    positions.lock(connection, schema, partitions)
    positions.refolded(connection, schema, partitions)
    gone = connection.execute(
        f"DELETE FROM {schema}.parked WHERE case_id = %s AND topic = %s",  # noqa: S608
        (side.case_id, side.topic),
    ).rowcount
    records = waiting(connection, generation, side)
    if not gone or not records:
        return ()
    return fold_in(connection, schema, records, country=country, keys=keys).stops


__all__ = ["UNKNOWN_SCHEMA", "Held", "Parked", "held", "parked", "retry", "retry_readable"]
