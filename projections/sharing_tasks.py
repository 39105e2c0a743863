"""Tasks about sharing: permissions that a handoff has lost, and keys that somebody owes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from uuid import UUID

from events.data import ReleaseStopped
from ledger.case.bases import bases_of
from ledger.case.plane import Handoff, Plane
from projections.change import Change
from projections.table import Row
from projections.task_rows import KEYS_OWED, SHARING_LOST, closed, opened

#: States in which a handoff goes on although it has lost its basis.
_REFERRAL_GOES_ON = frozenset({"accepted", "started"})
_TRANSFER_GOES_ON = frozenset({"accepted"})


def sharing(change: Change) -> Iterable[Row]:
    """Own handoffs that lost their basis by this event, or need none any more."""
    before, after = change.before, change.after
    was, now = _going_on(before, change.country), _going_on(after, change.country)
    if not was and not now:
        return ()
    assert change.event is not None
    today = change.event.recorded_at.date()
    # What the calendar took is gone before and after any event, so it is left out of what is lost.
    lost = _lost(after, now, None) - _lost(before, was, None)
    regained = _lost(before, was, today) - _lost(after, now, today)
    lost_now = [opened(change, SHARING_LOST, handoff_id) for handoff_id in sorted(lost)]
    return lost_now + [closed(change, SHARING_LOST, handoff_id) for handoff_id in sorted(regained)]


def _going_on(plane: Plane, country: str) -> Mapping[UUID, Handoff]:
    """Return a country's handoffs that go on whether they have a basis or not."""
    if not plane.referrals and not plane.transfers:
        return {}
    sides = ((plane.referrals, _REFERRAL_GOES_ON), (plane.transfers, _TRANSFER_GOES_ON))
    return {
        handoff_id: handoff
        for handoffs, goes_on in sides
        for handoff_id, handoff in handoffs.items()
        if (handoff.state in goes_on or handoff.held) and handoff.sender == country
    }


def _lost(plane: Plane, handoffs: Mapping[UUID, Handoff], on_day: date | None) -> frozenset[UUID]:
    """Return handoffs without a basis on a day (None: on any day)."""
    return frozenset(
        handoff_id
        for handoff_id, handoff in handoffs.items()
        if not _has_basis(plane, handoff, on_day)
    )


def _has_basis(plane: Plane, handoff: Handoff, on_day: date | None) -> bool:
    """Say whether its own basis, or one given for it since, is in force on a day (None: any)."""
    bases = (plane.consents.get(basis_id) for basis_id in bases_of(plane, handoff))
    return any(
        basis.covers(handoff.receiver, handoff.scopes, on_day or basis.expires_on or date.max)
        for basis in bases
        if basis is not None
    )


def stopped(change: Change) -> Iterator[Row]:
    """A stop opens what the recipient owes, and what the sender has lost by the calendar.

    Days end without an event. The stop that follows is the first that anybody hears of it.
    """
    event = change.event
    assert isinstance(event, ReleaseStopped)
    for grant_id in _left(change, "released"):
        # What the recipient had claimed before the stop, it has answered for already.
        if change.after.releases[grant_id].state == "stopped":
            yield opened(change, KEYS_OWED, grant_id)
    ours, today = _going_on(change.after, change.country), event.recorded_at.date()
    by_calendar = _lost(change.after, ours, today) - _lost(change.after, ours, None)
    if event.handoff_id in by_calendar and change.before.releases != change.after.releases:
        yield opened(change, SHARING_LOST, event.handoff_id)


def answered(change: Change) -> Iterator[Row]:
    """Keys that were owed are destroyed, or claimed."""
    for grant_id in _left(change, "stopped"):
        yield closed(change, KEYS_OWED, grant_id)


def _left(change: Change, state: str) -> Iterator[UUID]:
    """Yield the grants to this country that an event moved out of a state."""
    after = change.after.releases
    for grant_id, release in change.before.releases.items():
        ours = release.recipient == change.country and release.state == state
        if ours and after[grant_id].state != state:
            yield grant_id
