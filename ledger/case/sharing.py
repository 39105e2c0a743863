"""What may be shared of a case right now, and what has to stop: read from the case, no words asked.

The keystore and the decisions ask the same functions, so neither can release what the other would
refuse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import NamedTuple
from uuid import UUID

from events.codes import DataScope
from ledger.case.case import Case
from ledger.case.plane import Handoff, Plane, Release

#: States in which a receiver gets the preview, and in which it gets the rest.
PREVIEW_STATES = frozenset({"received", "previewed", "accepted", "started", "moved"})
FULL_STATES = frozenset({"accepted", "started", "moved"})


class Due(NamedTuple):
    """A release that is permitted and has not been made."""

    handoff_id: UUID
    basis_id: UUID
    recipient: str
    scopes: tuple[DataScope, ...]

    @property
    def is_preview(self) -> bool:
        """Whether it is the first of the two steps."""
        return self.scopes == (DataScope.PREVIEW,)


def releases_due(case: Case, on: date) -> Iterator[Due]:
    """Yield what this country should release to others on a day (UTC)."""
    plane = case.settled
    for handoff_id in (*plane.referrals, *plane.transfers):
        for preview in (True, False):
            due = due_of(case, handoff_id, on, preview=preview)
            if due is not None and not _is_made(case, due):
                yield due


def due_of(case: Case, handoff_id: UUID, on: date, *, preview: bool) -> Due | None:
    """Return what is permitted to go to the receiver of a handoff in one of the two steps.

    The receiver's key and its answer have to be effective on the topic; everything that forbids
    counts as soon as this country has decided it.
    """
    settled = case.settled.handoff(handoff_id)
    handoff = case.ahead.handoff(handoff_id)
    if settled is None or handoff is None or not _asks(settled, preview=preview):
        return None
    if settled.sender != case.country or not _asks(handoff, preview=preview):
        return None
    if case.ahead.identity.state != "open":
        return None
    if case.national.care.excludes_country(handoff.receiver):
        return None
    for basis_id in _bases(case.ahead, handoff):
        scopes = _permitted(case.ahead, handoff, basis_id, on, preview=preview)
        if scopes:
            return Due(handoff_id, basis_id, handoff.receiver, scopes)
    return None


def stops(case: Case, on: date) -> Mapping[UUID, int]:
    """Return handoffs for which this country has to stop sharing, with the last epoch released."""
    found: dict[UUID, int] = {}
    for release in case.ahead.releases.values():
        given = release.origin == case.country and release.state == "released"
        if given and (_has_ended(case, release) or not is_permitted(case.ahead, release, on)):
            found[release.handoff_id] = max(release.epoch, found.get(release.handoff_id, 0))
    return found


def _has_ended(case: Case, release: Release) -> bool:
    """Say whether what it was for is over. After a transfer the receiver answers for the child."""
    referral = case.ahead.referrals.get(release.handoff_id)
    transfer = case.ahead.transfers.get(release.handoff_id)
    return (referral is not None and not referral.open) or (
        transfer is not None and not transfer.open and transfer.state != "completed"
    )


def is_permitted(plane: Plane, release: Release, on: date) -> bool:
    """Say whether a grant still rests on a basis in force for all of its scopes."""
    basis = plane.consents.get(release.basis_id)
    return basis is not None and basis.covers(release.recipient, release.scopes, on)


def offered(handoff: Handoff, *, preview: bool) -> bool:
    """Say whether the receiver offered a key for this step, in a state in which it gets data."""
    return _asks(handoff, preview=preview)


def _asks(handoff: Handoff, *, preview: bool) -> bool:
    if preview:
        return handoff.preview_key is not None and handoff.state in PREVIEW_STATES
    return handoff.key is not None and handoff.state in FULL_STATES


def _bases(plane: Plane, handoff: Handoff) -> Iterator[UUID]:
    """The basis of the handoff, and those that its sender gave for it since."""
    if handoff.basis_id is not None:
        yield handoff.basis_id
    for basis_id, basis in plane.consents.items():
        if basis.given_for == handoff.began_with and basis.origin == handoff.sender:
            yield basis_id


def _permitted(
    plane: Plane, handoff: Handoff, basis_id: UUID, on: date, *, preview: bool
) -> tuple[DataScope, ...]:
    """Return the scopes of one step; nothing if the basis does not cover each of them."""
    wanted = tuple(scope for scope in handoff.scopes if (scope is DataScope.PREVIEW) is preview)
    basis = plane.consents.get(basis_id)
    if basis is None or not wanted or not basis.covers(handoff.receiver, wanted, on):
        return ()
    return wanted


def _is_made(case: Case, due: Due) -> bool:
    """Say whether a grant like this stands, or waits for its place."""
    return any(
        release.handoff_id == due.handoff_id
        and release.is_preview is due.is_preview
        and (release.state == "released" or release.basis_id == due.basis_id)
        for release in case.ahead.releases.values()
        if release.origin == case.country
    )
