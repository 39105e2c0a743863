"""From placed records to read models: load the planes of the cases, fold, write, in one go.

Live batches, the end of a rebuild and the retry of a parked case are all `fold_in`; the filling of
a rebuild and every answer about the past are `fold_case`. Both are `fold_side`, so they cannot
disagree. A case that cannot be folded on is parked, alone and at its place: the others
go on, and its later events stay in the mirror until it is retried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from events.compiled import HEADER_BYTES
from events.contract import is_register
from events.errors import UnknownSchema
from events.stamp import Event
from ledger.case.case import Topic
from ledger.case.plane import Plane, empty
from ledger.case.reading import read_on
from ledger.keys.national import NationalKeys, opened
from ledger.mirror import Placed
from projections import case_file, case_state
from projections.change import Change
from projections.keeping import TOPICS, Kept, Pair
from projections.models import rows_of
from projections.store import Sheet, write

UNKNOWN_SCHEMA = "unknown_schema"
#: Index of a topic in TOPICS, and records on it.
_Waiting = tuple[int, list[Placed]]

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
    keys: NationalKeys | None = None,
    decoded: Mapping[bytes, Event] = MappingProxyType({}),
    kept: Kept | None = None,
) -> Folded:
    """Fold records, in order of effect within each case, and write what follows from them.

    `keys` open the envelopes of the national topic. `decoded` holds events that were read from
    their bytes already, by leaf hash; `kept` what the caller remembers. The caller holds the
    positions of the partitions (projections.positions.lock), so nobody else folds the same cases.
    """
    kept = Kept() if kept is None else kept
    sheet, folded = Sheet(), Folded()
    for partition, cases in _by_case(records).items():
        pairs = kept.load(connection, schema, partition, cases)
        for case_id, sides in cases.items():
            for at, waiting in sides:
                if (case_id, TOPICS[at]) in kept.parked(connection, schema):
                    folded.waiting += len(waiting)
                    continue
                stop = _fold_case(
                    pairs[case_id], at, waiting, sheet, folded, country, keys, decoded
                )
                if stop is not None:
                    kept.parked(connection, schema).add((case_id, TOPICS[at]))
    write(connection, schema, sheet)
    park(connection, schema, folded.stops)
    kept.trim()
    return folded


def _by_case(records: Iterable[Placed]) -> dict[int, dict[UUID, list[_Waiting]]]:
    """Return for each partition and case what there is on each topic, in order."""
    found: dict[int, dict[UUID, list[_Waiting]]] = {}
    for record in records:
        cases = found.setdefault(record.partition, {})
        sides = cases.get(record.case_id)
        if sides is None:
            sides = cases[record.case_id] = []
        at = TOPICS.index(record.topic)
        if not sides or sides[-1][0] != at:
            sides.append((at, []))
        sides[-1][1].append(record)
    return found


def _fold_case(
    pair: Pair,
    at: int,
    waiting: Sequence[Placed],
    sheet: Sheet,
    folded: Folded,
    country: str,
    keys: NationalKeys | None,
    decoded: Mapping[bytes, Event],
) -> Stop | None:
    """Fold one topic's records of a case on; put the case on the sheet."""
    before = pair[at]
    pair[at], stop = fold_side(
        before, waiting, sheet, folded.events, country=country, keys=keys, decoded=decoded
    )
    sheet.put(case_state.TABLE, case_state.row(pair[at]))
    if case_file.differs(before, pair[at]):
        put_file(sheet, *pair)
    if stop is not None:
        folded.stops.append(stop)
        folded.waiting += len(waiting) - waiting.index(stop.record) - 1
    return stop


def fold_side(
    plane: Plane,
    records: Iterable[Placed],
    sheet: Sheet,
    events: Counts,
    *,
    country: str,
    keys: NationalKeys | None = None,
    decoded: Mapping[bytes, Event] = MappingProxyType({}),
) -> tuple[Plane, Stop | None]:
    """Fold one case on one topic as far as it can be read; put its rows on the sheet."""
    unsealed = partial(opened, keys=keys)
    for record in records:
        try:
            after, verdict, event = read_on(
                plane,
                record.value,
                record.leaf,
                origin=record.origin,
                version=record.version,
                event=decoded.get(record.leaf),
                unsealed=unsealed,
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


def fold_case(
    case_id: UUID,
    records: Iterable[Placed],
    sheet: Sheet,
    events: Counts,
    *,
    country: str,
    keys: NationalKeys | None = None,
) -> tuple[Pair, list[Stop]]:
    """Fold a case from its beginning, one topic after the other; put all its rows on the sheet."""
    pair = [empty(case_id, shared=topic is Topic.SHARED) for topic in Topic]
    stops: list[Stop] = []
    for topic, of_side in groupby(records, itemgetter(0)):
        at = TOPICS.index(topic)
        pair[at], stop = fold_side(pair[at], of_side, sheet, events, country=country, keys=keys)
        sheet.put(case_state.TABLE, case_state.row(pair[at]))
        if stop is not None:
            stops.append(stop)
    put_file(sheet, *pair)
    return pair, stops


def put_file(sheet: Sheet, shared: Plane, national: Plane) -> None:
    """Put a case's file on the sheet, joined from what is known of both its topics.

    The register has none: it is no child's matter.
    """
    if shared.count + national.count and not is_register(shared.case_id):
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
