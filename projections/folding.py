"""From placed records to read models: load the planes of the cases, fold, write, in one go.

Live batches, the end of a rebuild and the retry of a parked case are all this one function, so
they cannot disagree. A case that cannot be folded on is parked, alone and at its place: the others
go on, and its later events stay in the mirror until it is retried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from events.compiled import HEADER_BYTES
from events.errors import UnknownSchema
from events.stamp import Event
from ledger.case.case import Topic
from ledger.case.plane import Plane
from ledger.case.reading import read_on
from ledger.mirror import Placed
from projections import case_file, case_state
from projections.change import Change
from projections.keeping import Kept
from projections.models import rows_of
from projections.store import Sheet, write

UNKNOWN_SCHEMA = "unknown_schema"
#: Topic, partition and case.
_Place = tuple[str, int, UUID]

#: (topic, event class or NoneType, effective) -> how many.
Counts = Counter[tuple[str, type[Event | None], bool]]


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
    connection: Connection[Any],
    schema: str,
    records: Sequence[Placed],
    *,
    country: str,
    decoded: Mapping[bytes, Event] = MappingProxyType({}),
    kept: Kept | None = None,
) -> Folded:
    """Fold records, in order of effect within each case, and write what follows from them.

    `decoded` holds events that were read from their bytes already, by leaf hash; `kept` what the
    caller remembers. It holds the positions of the partitions (projections.positions.lock), so
    nobody else folds the same cases.
    """
    kept = Kept() if kept is None else kept
    sides = _by_side(records)
    _load(connection, schema, sides, kept)
    parked = kept.parked(connection, schema)
    sheet, folded = Sheet(), Folded()
    for (topic, partition, case_id), waiting in sides.items():
        if (case_id, topic) in parked:
            folded.waiting += len(waiting)
            continue
        before = kept.plane(topic, partition, case_id)
        after, stop = fold_side(
            before, waiting, sheet, folded.events, country=country, decoded=decoded
        )
        kept.keep(topic, partition, after)
        if stop is not None:
            parked.add((case_id, topic))
            folded.stops.append(stop)
            folded.waiting += len(waiting) - waiting.index(stop.record) - 1
        sheet.put(case_state.TABLE, case_state.row(after))
        if case_file.differs(before, after):
            put_file(sheet, *(kept.plane(topic, partition, case_id) for topic in Topic))
    write(connection, schema, sheet)
    park(connection, schema, folded.stops)
    kept.trim()
    return folded


def _by_side(records: Iterable[Placed]) -> dict[_Place, list[Placed]]:
    sides: dict[_Place, list[Placed]] = {}
    for record in records:
        sides.setdefault((record.topic, record.partition, record.case_id), []).append(record)
    return sides


def _load(connection: Connection[Any], schema: str, sides: Iterable[_Place], kept: Kept) -> None:
    cases: dict[int, set[UUID]] = {}
    for _, partition, case_id in sides:
        cases.setdefault(partition, set()).add(case_id)
    for partition, some in cases.items():
        kept.load(connection, schema, partition, some)


def fold_side(
    plane: Plane,
    records: Iterable[Placed],
    sheet: Sheet,
    events: Counts,
    *,
    country: str,
    decoded: Mapping[bytes, Event] = MappingProxyType({}),
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
                event=decoded.get(record.leaf),
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


def put_file(sheet: Sheet, shared: Plane, national: Plane) -> None:
    """Put a case's file on the sheet, joined from what is known of both its topics."""
    if shared.count + national.count:
        sheet.put(case_file.TABLE, case_file.row(shared, national))


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
