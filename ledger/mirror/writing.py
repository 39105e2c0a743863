"""Appending to the mirror: set-based, inside the transaction of whoever calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from ledger.mirror.reading import Placed


class Record(NamedTuple):
    """An admitted record as it is mirrored. `effect_offset` and `effect_rank` are None if held."""

    topic: str
    partition: int
    offset: int
    effect_offset: int | None
    effect_rank: int | None
    case_id: UUID
    origin: str
    version: int
    event_id: UUID
    leaf: bytes
    log_index: int
    signature: bytes
    ce_type: str
    value: bytes


class Release(NamedTuple):
    """The place that a record, held until now, has got."""

    topic: str
    partition: int
    offset: int
    effect_offset: int
    effect_rank: int


class Stray(NamedTuple):
    """A record that is kept as evidence only."""

    topic: str
    partition: int
    offset: int
    outcome: str
    reason: str
    key: bytes | None
    value: bytes | None
    leaf: bytes | None
    log: bytes | None
    origin: str | None


_RECORD_TYPES = [
    *("text", "int4", "int8", "int8", "int4", "uuid", "text", "int4", "uuid"),
    *("bytea", "int8", "bytea", "text", "bytea"),
]


def append(connection: Connection[Any], records: Sequence[Record]) -> None:
    """Add records that were admitted."""
    columns = ", ".join(f'"{name}"' for name in Record._fields)
    statement = f"COPY mirror.record ({columns}) FROM STDIN (FORMAT BINARY)"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(_RECORD_TYPES)
        for record in records:
            copy.write_row(record)


def put_aside(connection: Connection[Any], strays: Sequence[Stray]) -> None:
    """Keep records that are no event of a case, or not another one."""
    columns = ", ".join(f'"{name}"' for name in Stray._fields)
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO mirror.stray ({columns}) VALUES"  # noqa: S608 - our own field names
            " (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            strays,
        )


def release(connection: Connection[Any], releases: Sequence[Release]) -> list[Placed]:
    """Give held records their place, and return them in order of effect. Each must be held."""
    columns = [list(column) for column in zip(*releases, strict=True)]
    rows = connection.execute(_RELEASE, columns).fetchall()
    assert len(rows) == len(releases), f"{len(releases) - len(rows)} records are not held"
    return sorted((Placed(*row) for row in rows), key=lambda row: row[3:5])


_RELEASE = f"""
UPDATE mirror.record AS record
SET effect_offset = freed.effect_offset, effect_rank = freed.effect_rank
FROM unnest(%b::text[], %b::int4[], %b::int8[], %b::int8[], %b::int4[])
    AS freed (topic, partition, "offset", effect_offset, effect_rank)
WHERE record.topic = freed.topic AND record.partition = freed.partition
    AND record."offset" = freed."offset" AND record.effect_offset IS NULL
RETURNING {", ".join(f'record."{name}"' for name in Placed._fields)}
"""  # noqa: S608 - our own field names
