"""Suspicions that a case is another one's child's: how far each is, and which case is meant.

Each topic has its row: on the shared one stands what everybody sees, at home which case it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from events.registry import CLASSES
from ledger.case.plane import Plane
from projections.change import DUPLICATE, Change, Opinions, on
from projections.table import Row, Table, plain

TABLE = Table(
    name="duplicates",
    columns={
        "case_id": "uuid NOT NULL",
        "topic": "text NOT NULL",
        "suspicion_id": "uuid NOT NULL",
        "state": "text",  # suspected, dismissed, joined, parted; NULL: noted here, not raised here
        "asked": "text",
        "holder": "text",
        "confirmed": "text[] NOT NULL",  # countries, once for each person
        "other_case_id": "uuid",
        "since": "timestamptz",
    },
    key=("case_id", "topic", "suspicion_id"),
    kept=("since",),
)

_MOVED = f"{DUPLICATE} CaseJoined CaseReopened"


def _differing(change: Change) -> Iterable[Row]:
    """Return a row for every suspicion that the event raised, moved or named."""
    before, after = change.before, change.after
    known = {**after.suspicions, **after.care.duplicates}
    return [
        _row(change, suspicion_id)
        for suspicion_id in known
        if _said(before, suspicion_id) != _said(after, suspicion_id)
    ]


def _said(plane: Plane, suspicion_id: UUID) -> tuple[object, object]:
    return plane.suspicions.get(suspicion_id), plane.care.duplicates.get(suspicion_id)


def _row(change: Change, suspicion_id: UUID) -> Row:
    record, event, after = change.record, change.event, change.after
    assert event is not None
    key = (record.case_id, record.topic, suspicion_id)
    noted = after.care.duplicates.get(suspicion_id)
    other = None if noted is None else noted.other_case_id
    is_new = suspicion_id not in change.before.suspicions
    found = after.suspicions.get(suspicion_id)
    if found is None:
        return (*key, None, None, None, [], other, None)
    countries = [plain(country) for country, _ in found.confirmed]
    sides = (plain(found.asked), plain(found.holder))
    since = event.recorded_at if is_new else None
    return (*key, found.state, *sides, countries, other, since)


OPINIONS: Opinions = {
    **on(" ".join(name for name in CLASSES if name not in _MOVED.split())),
    **on(_MOVED, _differing),
}
