"""Questions to the read models that are more than a row of one table."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from projections import positions, quarantine
from projections.generation import schema_of
from projections.positions import Position


class Responsible(NamedTuple):
    """A span of a case's history in which one country answered for it."""

    topic: str
    country: str
    #: Places in the case on this topic, as in the audit trail; `until_place` is not included.
    since_place: int
    until_place: int | None
    since: datetime
    until: datetime | None


class Status(NamedTuple):
    """How far this country has read, and what waits."""

    generation: int
    positions: tuple[Position, ...]
    #: (kind of wait, cases, oldest in seconds): parked, held.
    waits: tuple[tuple[str, int, float], ...]


def responsibility(
    connection: Connection[Any], generation: int, case_id: UUID
) -> list[Responsible]:
    """Return who answered for a case and from where to where, in order of the topics."""
    columns = ", ".join(Responsible._fields)
    statement = (
        # Our own names only.
        f"SELECT {columns} FROM {schema_of(generation)}.responsibility"  # noqa: S608
        " WHERE case_id = %s ORDER BY topic, since_place"
    )
    with connection.cursor(row_factory=class_row(Responsible)) as cursor:
        return cursor.execute(statement, (case_id,)).fetchall()


def responsible_at(
    connection: Connection[Any], generation: int, case_id: UUID, moment: datetime
) -> Responsible | None:
    """Return who answered for a case at a moment, by the clock of whoever took it over.

    The shared topic says so from the moment on which it says anything, the national one before.
    """
    spans = responsibility(connection, generation, case_id)
    begun = [span for span in spans if span.since <= moment]
    return max(begun, key=lambda span: (span.topic == "shared", span.since_place), default=None)


def status(connection: Connection[Any], generation: int) -> Status:
    """Return how far this country has read each partition, and how many cases wait."""
    reached = positions.read(connection, schema_of(generation))
    waits = quarantine.waits(connection, generation)
    return Status(generation, tuple(sorted(reached.values())), tuple(waits))
