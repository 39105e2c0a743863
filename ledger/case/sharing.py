"""What may be shared of a case right now, and what has to stop: read from the case, no words asked.

The keystore and the decisions ask the same functions, so neither can release what the other would
refuse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import NamedTuple
from uuid import UUID

from events.codes import BasisKind, ConsentGiver, DataScope, NeutralStatus
from ledger.case.bases import SERVICE, TRANSFER, bases_of
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
            if due is not None and not is_made(case, due):
                yield due


def due_of(
    case: Case,
    handoff_id: UUID,
    on: date,
    *,
    preview: bool,
    without: frozenset[UUID] = frozenset(),
) -> Due | None:
    """Return what is permitted to go to the receiver of a handoff, on the first basis there is.

    `without` names bases that the caller knows to have ended, though no decision says so yet.
    """
    permitted = permitted_bases(case, handoff_id, on, preview=preview)
    return next((due for due in permitted if due.basis_id not in without), None)


def permitted_bases(case: Case, handoff_id: UUID, on: date, *, preview: bool) -> Iterator[Due]:
    """Yield what may go to the receiver of a handoff in one step, once for each basis of it.

    The receiver's key and its answer have to be effective on the topic; everything that forbids
    counts as soon as this country has decided it.
    """
    settled = case.settled.handoff(handoff_id)
    handoff = case.ahead.handoff(handoff_id)
    if settled is None or handoff is None or not _asks(settled, preview=preview):
        return
    if settled.sender != case.country or not _asks(handoff, preview=preview):
        return
    if case.ahead.identity.state != "open":
        return
    if case.national.care.excludes_country(handoff.receiver) or _on_hold(case, handoff_id):
        return
    for basis_id in bases_of(case.ahead, handoff):
        scopes = _permitted(case.ahead, handoff, basis_id, on, preview=preview)
        if scopes and _is_for(case, handoff_id, basis_id):
            yield Due(handoff_id, basis_id, handoff.receiver, scopes)


def stops(case: Case, on: date) -> Mapping[UUID, int]:
    """Return handoffs for which this country has to stop sharing, with the last epoch released.

    What a recipient says of its keys ends nothing: claimed or destroyed, later data needs keys of
    another epoch all the same.
    """
    own, found = _own(case), dict[UUID, int]()
    ended = case.ahead.stopped_epochs.get(case.country, 0)
    over = [release for release in own if _is_over(case, release, on)]
    for release in sorted(over, key=lambda one: one.state != "released"):
        if release.state == "released" or release.epoch > ended:
            last = max(one.epoch for one in own if one.handoff_id == release.handoff_id)
            found[release.handoff_id] = last
            ended = max(ended, last)  # the stops of one answer end an epoch once
    return found


def spent_epoch(case: Case) -> int:
    """Return the last epoch whose keys may not be released any more; 0 if there is none.

    Every release has an epoch of its own, and what is sealed after it another one. So the number
    counts releases, which both countries see, and nothing that one of them has to hide.
    """
    released = max((release.epoch for release in _own(case)), default=0)
    return max(case.ahead.stopped_epochs.get(case.country, 0), released)


def _own(case: Case) -> tuple[Release, ...]:
    """Return what this country released, or has just decided to."""
    releases = case.ahead.releases.values()
    return tuple(release for release in releases if release.origin == case.country)


def _is_over(case: Case, release: Release, on: date) -> bool:
    return _has_ended(case, release) or not is_permitted(case.ahead, release, on)


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


def may_leave(case: Case, grant_id: UUID, on: date) -> bool:
    """Say whether what was permitted when it was released still is, so that its keys may leave.

    After a transfer nothing asks for data any more, and the receiver needs it all the same.
    """
    grant = case.settled.releases[grant_id]
    ahead = case.ahead.releases.get(grant_id, grant)
    if grant.state != "released" or ahead.state != "released":
        return False
    if grant.handoff_id in stops(case, on) or not is_permitted(case.ahead, grant, on):
        return False
    if case.national.care.excludes_country(grant.recipient):
        return False
    handoff = case.ahead.handoff(grant.handoff_id)
    if handoff is not None and handoff.state == "completed":
        return not handoff.held
    return due_of(case, grant.handoff_id, on, preview=grant.is_preview) is not None


def offered(handoff: Handoff, *, preview: bool) -> bool:
    """Say whether the receiver offered a key for this step, in a state in which it gets data."""
    return _asks(handoff, preview=preview)


def _asks(handoff: Handoff, *, preview: bool) -> bool:
    if preview:
        return handoff.preview_key is not None and handoff.state in PREVIEW_STATES
    return handoff.key is not None and handoff.state in FULL_STATES


def _on_hold(case: Case, handoff_id: UUID) -> bool:
    """Say whether a transfer waits because the case is not ready, whatever the reason."""
    transfer = case.ahead.transfers.get(handoff_id)
    waits = transfer is not None and transfer.state == "accepted"
    return waits and case.ahead.identity.status is not NeutralStatus.READY


def _is_for(case: Case, handoff_id: UUID, basis_id: UUID) -> bool:
    """Say whether a basis was given for this kind of handoff, as this country recorded it.

    The receiver may have rested its answer on a consent to something else: only the sender knows
    what each is for, and the fold does not ask. A consent of which nobody wrote down who gave it
    lets a handoff go on, and opens no data; nor does an override without a reason.
    """
    terms = case.national.care.terms.get(basis_id)
    if terms is None:
        return False
    if terms.kind is BasisKind.CONSENT and terms.given_by is ConsentGiver.UNKNOWN:
        return False
    if terms.kind is BasisKind.OVERRIDE and terms.reason is None:
        return False
    purposes = SERVICE if handoff_id in case.ahead.referrals else TRANSFER
    return terms.purpose in purposes


def _permitted(
    plane: Plane, handoff: Handoff, basis_id: UUID, on: date, *, preview: bool
) -> tuple[DataScope, ...]:
    """Return the scopes of one step; nothing if the basis does not cover each of them."""
    wanted = tuple(scope for scope in handoff.scopes if (scope is DataScope.PREVIEW) is preview)
    basis = plane.consents.get(basis_id)
    if basis is None or not wanted or not basis.covers(handoff.receiver, wanted, on):
        return ()
    return wanted


def is_made(case: Case, due: Due) -> bool:
    """Say whether a grant like this stands or waits for its place, or ended on the same basis."""
    like = [
        release
        for release in _own(case)
        if (release.handoff_id, release.is_preview) == (due.handoff_id, due.is_preview)
    ]
    return any(release.state == "released" or release.basis_id == due.basis_id for release in like)
