"""Histories as read models are told them, and the rows that they make of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

from events.codec import read_stamp
from ledger.case.case import Topic
from ledger.case.plane import empty
from ledger.case.reading import read_on
from ledger.mirror import Placed, Record
from projections.change import Change
from projections.models import TABLES, rows_of
from tests.histories import HISTORIES
from tests.history import History


def placed(history: History) -> list[Placed]:
    """Return the records of a history as they stand in a mirror."""
    topic = Topic.SHARED if history.shared else Topic.NATIONAL
    return [
        Placed(topic.value, 0, offset, offset, 0, entry.event.case_id, entry.event.origin,
               entry.event.version, entry.leaf, entry.ce_type, entry.value)
        for offset, entry in enumerate(history.entries)
    ]  # fmt: skip


def changes(history: History, country: str = "KZ") -> Iterator[Change]:
    """Yield a history as the read models of a country are told it."""
    plane = empty(history.entries[0].event.case_id, shared=history.shared)
    for record, entry in zip(placed(history), history.entries, strict=True):
        after, verdict, read = read_on(
            plane, entry.value, entry.leaf,
            origin=entry.event.origin, version=entry.event.version,
        )  # fmt: skip
        yield Change(record, read, verdict, plane, after, country)
        plane = after


def rows_after(told: Iterable[Change], name: str) -> list[dict[str, Any]]:
    """Return what stands in a read model after some changes, row by row."""
    (table,) = (table for table in TABLES if table.name == name)
    newest: dict[Any, Any] = {}
    for change in told:
        for shown, row in rows_of(change):
            if shown is table:
                key = row[: table.key_size]
                newest[key] = table.over(newest.get(key), row)
    return [dict(zip(table.columns, row, strict=True)) for row in newest.values()]


def rows_told(history: History, name: str, country: str = "KZ") -> list[dict[str, Any]]:
    """Return what stands in a read model of a country after a whole history."""
    return rows_after(changes(history, country), name)


def mirrored() -> list[Record]:
    """Return every golden history as it stands in a mirror, cases mingled, each in its order."""
    luck = Random(7)
    left = [(history, list(history.entries)) for history in HISTORIES]
    offsets = {Topic.SHARED: 0, Topic.NATIONAL: 0}
    records = []
    while left:
        history, entries = left[luck.randrange(len(left))]
        entry = entries.pop(0)
        topic = Topic.SHARED if history.shared else Topic.NATIONAL
        at, stamp = offsets[topic], read_stamp(entry.value)
        offsets[topic] += 1
        records.append(
            Record(
                topic.value, 0, at, at, 0, stamp.case_id, stamp.origin, stamp.version,
                stamp.event_id, entry.leaf, at, bytes(64), entry.ce_type, entry.value,
            )
        )  # fmt: skip
        left = [one for one in left if one[1]]
    return records


def placed_of(record: Record) -> Placed:
    """Return a record that took effect where it came."""
    return Placed(*record[:8], record.leaf, record.ce_type, record.value)
