"""From placed records to read models: load the planes of the cases, fold, write, in one go.

Live batches, the end of a rebuild and the retry of a parked case are all this one function, so
they cannot disagree. A case that cannot be folded on is parked, alone and at its place: the others
go on, and its later events stay in the mirror until it is retried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from events.compiled import HEADER_BYTES
from events.errors import UnknownSchema
from events.stamp import Event
from ledger.case.case import Topic
from ledger.case.encoding import plane_from_json
from ledger.case.plane import Plane, empty
from ledger.case.reading import read_on
from ledger.mirror import Placed
from projections import case_file, case_state
from projections.change import Change
from projections.models import rows_of
from projections.store import Sheet, write

UNKNOWN_SCHEMA = "unknown_schema"

#: (topic, event class or NoneType, effective) -> how many.
Counts = Counter[tuple[str, type[Event | None], bool]]
#: A case on one topic.
Side = tuple[UUID, str]


class Stop(NamedTuple):
    """Where a case could not be folded on, and why: a class name, never a message."""

    record: Placed
    reason: str


@dataclass(slots=True)
class Folded:
    """What became of some records."""

    events: Counts = field(default_factory=Counter)
    #: Cases that were parked now.
    stops: list[Stop] = field(default_factory=list)
    #: Records that wait behind a parked one.
    waiting: int = 0


def fold_in(
    connection: Connection[Any], schema: str, records: Sequence[Placed], *, country: str
) -> Folded:
    """Fold records, in order of effect within each case, and write what follows from them.

    The caller holds the positions of their partitions (projections.positions.lock), so nobody
    else folds the same cases.
    """
    sides: dict[Side, list[Placed]] = {}
    for record in records:
        sides.setdefault((record.case_id, record.topic), []).append(record)
    cases = {case_id for case_id, _ in sides}
    parked = parked_sides(connection, schema, cases)
    planes = load_planes(connection, schema, cases)
    sheet, folded = Sheet(), Folded()
    for side, waiting in sides.items():
        if side in parked:
            folded.waiting += len(waiting)
            continue
        plane = planes.get(side) or empty(side[0], shared=side[1] == Topic.SHARED)
        planes[side], stop = fold_side(plane, waiting, sheet, folded.events, country=country)
        if stop is not None:
            folded.stops.append(stop)
            folded.waiting += len(waiting) - waiting.index(stop.record) - 1
    for side in sides.keys() - parked:
        sheet.put(case_state.TABLE, case_state.row(planes[side]))
        put_file(sheet, side[0], planes)
    write(connection, schema, sheet)
    park(connection, schema, folded.stops)
    return folded


def fold_side(
    plane: Plane,
    records: Iterable[Placed],
    sheet: Sheet,
    events: Counts,
    *,
    country: str,
) -> tuple[Plane, Stop | None]:
    """Fold one case on one topic as far as it can be read; put its rows on the sheet."""
    for record in records:
        try:
            after, verdict, event = read_on(
                plane,
                record.value,
                record.leaf,
                origin=record.origin,
                version=record.version,
                named=record.ce_type,
            )
            rows = rows_of(Change(record, event, verdict, plane, after, country))
        except UnknownSchema:
            return plane, Stop(record, UNKNOWN_SCHEMA)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it concerns this case only
            return plane, Stop(record, type(error).__name__)
        for table, row in rows:
            sheet.put(table, row)
        events[record.topic, type(event), verdict.void is None] += 1
        plane = after
    return plane, None


def put_file(sheet: Sheet, case_id: UUID, planes: Mapping[Side, Plane]) -> None:
    """Put a case's file on the sheet, joined from what is known of both its topics."""
    shared, national = (
        planes.get((case_id, topic)) or empty(case_id, shared=topic is Topic.SHARED)
        for topic in Topic
    )
    if shared.count + national.count:
        sheet.put(case_file.TABLE, case_file.row(shared, national))


def load_planes(
    connection: Connection[Any], schema: str, cases: Iterable[UUID]
) -> dict[Side, Plane]:
    """Return the planes of some cases, on both topics."""
    rows = connection.execute(
        f"SELECT case_id, topic, state FROM {schema}.case_state"  # noqa: S608 - our own name
        " WHERE case_id = ANY(%b)",
        (list(cases),),
        prepare=True,
        binary=True,
    )
    return {(case_id, topic): plane_from_json(state) for case_id, topic, state in rows}


def parked_sides(connection: Connection[Any], schema: str, cases: Iterable[UUID]) -> set[Side]:
    """Return which of some cases are parked, and on which topic."""
    rows = connection.execute(
        f"SELECT case_id, topic FROM {schema}.parked WHERE case_id = ANY(%b)",  # noqa: S608
        (list(cases),),
        prepare=True,
        binary=True,
    )
    return set(rows)


def park(connection: Connection[Any], schema: str, stops: Iterable[Stop]) -> None:
    """Remember that cases wait, from which record on, and why."""
    for record, reason in stops:
        unknown = record.value[2:HEADER_BYTES] if reason == UNKNOWN_SCHEMA else None
        connection.execute(
            f"INSERT INTO {schema}.parked"  # noqa: S608 - our own name
            " (case_id, topic, reason, fingerprint, since_offset, since_rank)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (case_id, topic) DO UPDATE"
            " SET reason = excluded.reason, fingerprint = excluded.fingerprint,"
            " since_offset = excluded.since_offset, since_rank = excluded.since_rank",
            (record.case_id, record.topic, reason, unknown, *record[3:5]),
        )
