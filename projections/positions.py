"""How far this country has read each topic-partition, stored beside what it wrote.

Whoever reads on locks the positions of its partitions first, those of both topics, because the
case file joins them. A worker that lost its partition waits for that lock, finds that the position
has moved, and leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from events.errors import StartAgain

#: Topic ("shared" or "national") and partition.
Part = tuple[str, int]


class Position(NamedTuple):
    """One topic-partition."""

    topic: str
    partition: int
    topic_id: UUID
    next_offset: int
    leader_epoch: int
    retired: bool = False
    #: How often somebody else than the reading worker has folded cases of this partition on.
    refolds: int = 0


class Move(NamedTuple):
    """From the offset where a batch began to the offset after it."""

    topic: str
    partition: int
    expected: int
    next_offset: int
    leader_epoch: int


CREATE = """
CREATE TABLE {schema}.position (
    topic text NOT NULL,
    partition int NOT NULL,
    topic_id uuid NOT NULL,
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    leader_epoch int NOT NULL DEFAULT -1,
    retired bool NOT NULL DEFAULT false,    -- a newer generation has taken over
    refolds int NOT NULL DEFAULT 0,         -- parked cases that were retried beside the worker
    moved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50)
"""


def read(connection: Connection[Any], schema: str) -> dict[Part, Position]:
    """Return every position of a generation."""
    rows = connection.execute(_SELECT.format(schema=schema))
    return {(row[0], row[1]): Position(*row) for row in rows}


def begin(connection: Connection[Any], schema: str, positions: Iterable[Position]) -> None:
    """Add the positions of partitions that were never read."""
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {schema}.position"  # noqa: S608 - our own name
            " (topic, partition, topic_id, next_offset, leader_epoch)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [position[:5] for position in positions],
        )


def lock(
    connection: Connection[Any], schema: str, partitions: Iterable[int] | None = None
) -> Mapping[Part, Position]:
    """Lock partitions (all of them if None) on both topics, in one order for everybody."""
    some = "" if partitions is None else "WHERE partition = ANY(%b::int4[])"
    statement = f"{_SELECT} {some} ORDER BY partition, topic FOR UPDATE".format(schema=schema)
    parameters = () if partitions is None else (list(partitions),)
    rows = connection.execute(statement, parameters, prepare=True)
    return {(row[0], row[1]): Position(*row) for row in rows}


def swap(
    connection: Connection[Any], schema: str, moves: Sequence[Move]
) -> Mapping[Part, Position]:
    """Move positions, each from where it is expected to be; StartAgain if one is elsewhere.

    First statement of a batch's transaction: a second reader waits here, and then loses. Returns
    the positions as they were, on both topics of each partition.
    """
    there = lock(connection, schema, sorted({move.partition for move in moves}))
    for move in moves:
        found = there.get((move.topic, move.partition))
        if found is None or found.retired or found.next_offset != move.expected:
            raise StartAgain(
                f"{move.topic} partition {move.partition} of {schema} was moved by another reader",
                rule="position",
            )
    columns = [list(column) for column in zip(*moves, strict=True)]
    connection.execute(_MOVE.format(schema=schema), columns, prepare=True)
    return there


def refolded(connection: Connection[Any], schema: str, partitions: Iterable[int]) -> None:
    """Tell whoever reads these partitions that cases were folded on beside it."""
    statement = f"UPDATE {schema}.position SET refolds = refolds + 1"  # noqa: S608 - our own name
    connection.execute(f"{statement} WHERE partition = ANY(%b::int4[])", (list(partitions),))


def retire(connection: Connection[Any], schema: str) -> None:
    """Let nobody move the positions of a generation any more."""
    connection.execute(f"UPDATE {schema}.position SET retired = true")  # noqa: S608 - our own name


_SELECT = (
    "SELECT topic, partition, topic_id, next_offset, leader_epoch, retired, refolds"
    " FROM {schema}.position"
)
_MOVE = """
UPDATE {schema}.position AS position
SET next_offset = move.next_offset, moved_at = now(),
    leader_epoch = greatest(position.leader_epoch, move.leader_epoch)
FROM unnest(%b::text[], %b::int4[], %b::int8[], %b::int8[], %b::int4[])
    AS move (topic, partition, expected, next_offset, leader_epoch)
WHERE position.topic = move.topic AND position.partition = move.partition
"""
