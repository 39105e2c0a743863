"""The part of a referral: a service is sought elsewhere, responsibility stays."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid5

from events.codes import DataScope, Outcome, Purpose
from events.errors import CodeUnknown, NotAllowedNow
from events.referral import (
    ReferralAccepted,
    ReferralCompleted,
    ReferralExpired,
    ReferralReceived,
    ReferralRejected,
    ReferralRevoked,
    ReferralSent,
    ReferralStarted,
)
from events.stamp import Event
from events.transfer import TransferPreviewed
from ledger.case.bases import SERVICE, basis_of, require_basis_for
from ledger.case.block import require_unblocked
from ledger.case.changing import changed
from ledger.case.effects import Effect
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.personal import PersonalData
from ledger.case.plane import NONE, Handoff, Plane
from ledger.case.previewing import require_preview
from ledger.case.steps import step_of


def state(plane: Plane, event: Event) -> str:
    """Return the state of the referral that the event belongs to."""
    return handoff_state(plane.referrals, plane.transfers, event)


def handoff_state(
    mine: Mapping[UUID, Handoff], others: Mapping[UUID, Handoff], event: Event
) -> str:
    """Return the state of a handoff of one kind; an id of the other kind is never legal."""
    handoff_id: UUID = event.handoff_id  # type: ignore[attr-defined]  # rows of handoffs only
    if handoff_id in others:
        return "of_other_kind"
    handoff = mine.get(handoff_id)
    return NONE if handoff is None else handoff.state


def with_party(plane: Plane, country: str) -> Plane:
    """Return the plane with a country among those that may speak in this case."""
    if country in plane.identity.parties:
        return plane
    parties = (*plane.identity.parties, country)
    return changed(plane, identity=changed(plane.identity, parties=parties))


def _sent(plane: Plane, event: ReferralSent) -> Plane:
    referral = Handoff(
        state="sent",
        sender=event.origin,
        receiver=event.recipient,
        began_with=event.event_id,
        due_on=event.due_on,
        basis_id=event.basis_id,
        scopes=event.scopes,
    )
    after = changed(plane, referrals={**plane.referrals, event.handoff_id: referral})
    return with_party(after, event.recipient)


def _moved_on(plane: Plane, event: ReferralReceived) -> Plane:
    after = moved_on(plane.referrals[event.handoff_id], event)
    return changed(plane, referrals={**plane.referrals, event.handoff_id: after})


def moved_on(handoff: Handoff, event: Event) -> Handoff:
    """Return a handoff after a step: its state, the basis it rests on now, and a key offered."""
    changes: dict[str, Any] = {"state": step_of(event).to_state}
    if (basis_id := getattr(event, "basis_id", None)) is not None:
        changes["basis_id"] = basis_id
    if (grant_key := getattr(event, "grant_key", None)) is not None:
        first = type(event) in _WITH_PREVIEW
        changes["preview_key" if first else "key"] = grant_key
    return changed(handoff, **changes)


#: Steps at which the receiver offers its key for the preview; with the others it is for the rest.
_WITH_PREVIEW = frozenset({ReferralReceived, TransferPreviewed})

EFFECTS: Mapping[type[Event], Effect] = {
    ReferralSent: _sent,
    ReferralReceived: _moved_on,
    ReferralAccepted: _moved_on,
    ReferralRejected: _moved_on,
    ReferralStarted: _moved_on,
    ReferralCompleted: _moved_on,
    ReferralRevoked: _moved_on,
    ReferralExpired: _moved_on,
}


#: How long after its due day a handoff may still be answered; then the sender lets it expire.
GRACE = timedelta(days=1)


def send_referral(
    matter: Matter,
    /,
    *,
    recipient: str,
    basis_id: UUID,
    scopes: tuple[DataScope, ...],
    due_on: date,
    data: PersonalData | None = None,
    handoff_id: UUID | None = None,
) -> Drafts:
    """Seek a service from another country's focal point, or from an organisation of one's own.

    `data` is what the receiver sees first, in scope preview: which service, from whom, how soon.
    """
    matter.require_known()
    matter.require_working()
    matter.require_country(recipient)
    matter.require_scopes(scopes)
    matter.require_day_ahead(due_on, "the due day")
    matter.require_going_on()
    require_preview(matter, recipient, data, "a referral")
    require_unblocked(matter, recipient)
    require_basis_for(matter, basis_id, recipient, scopes, purposes=SERVICE)
    fields = {
        "handoff_id": handoff_id or matter.new_id(),
        "recipient": recipient,
        "basis_id": basis_id,
        "scopes": scopes,
        "due_on": due_on,
    }
    return (Draft(ReferralSent, fields, data=data),)


def receive_referral(matter: Matter, /, *, handoff_id: UUID) -> Drafts:
    """Say that the referral has arrived and is looked at, and offer a key for its preview."""
    grant_key = matter.one_time_key(handoff_id, preview=True)
    return answer(matter, ReferralReceived, handoff_id, grant_key=grant_key)


def accept_referral(matter: Matter, /, *, handoff_id: UUID, basis_id: UUID | None = None) -> Drafts:
    """Take the referral on, resting on the basis it was sent with or one given for it since."""
    return accepted(matter, ReferralAccepted, handoff_id, basis_id, purposes=SERVICE)


def reject_referral(matter: Matter, /, *, handoff_id: UUID) -> Drafts:
    """Do not take the referral on."""
    return answer(matter, ReferralRejected, handoff_id)


def start_referral(matter: Matter, /, *, handoff_id: UUID) -> Drafts:
    """Say that the service began."""
    return answer(matter, ReferralStarted, handoff_id)


def complete_referral(matter: Matter, /, *, handoff_id: UUID, outcome: Outcome) -> Drafts:
    """Say that the service ended, and whether it was given."""
    if outcome is Outcome.UNKNOWN:
        raise CodeUnknown("the outcome is fulfilled or unfulfilled", rule="outcome_known")
    return answer(matter, ReferralCompleted, handoff_id, outcome=outcome)


def revoke_referral(matter: Matter, /, *, handoff_id: UUID) -> Drafts:
    """Take the referral back."""
    return answer(matter, ReferralRevoked, handoff_id)


def expire_referral(matter: Matter, /, *, handoff_id: UUID) -> Drafts:
    """Stop waiting for an answer, after the due day and the grace after it."""
    return expired(matter, ReferralExpired, handoff_id)


def standing(matter: Matter, handoff_id: UUID) -> Handoff:
    """Return a handoff this node knows, or refuse."""
    matter.require_known()
    case = matter.case
    handoff = case.ahead.handoff(handoff_id) or case.national.handoff(handoff_id)
    if handoff is None:
        raise NotAllowedNow(
            f"case {case.case_id} has no handoff {handoff_id}", rule="handoff_known"
        )
    return handoff


def answer(matter: Matter, kind: type[Event], handoff_id: UUID, **fields: object) -> Drafts:
    """Return one step of a handoff, caused by the event that began it."""
    handoff = standing(matter, handoff_id)
    return (Draft(kind, {"handoff_id": handoff_id, **fields}, caused_by=handoff.began_with),)


def accepted(
    matter: Matter,
    kind: type[Event],
    handoff_id: UUID,
    basis_id: UUID | None,
    *,
    purposes: frozenset[Purpose],
) -> Drafts:
    """Return an acceptance in time, with the basis it rests on and a key for the data."""
    handoff = standing(matter, handoff_id)
    if matter.today - GRACE > handoff.due_on:
        raise NotAllowedNow(
            f"handoff {handoff_id} was due on {handoff.due_on}; ask its sender to send it again",
            rule="due_on",
        )
    cited = basis_of(matter, handoff_id, handoff, basis_id, purposes=purposes)
    grant_key = matter.one_time_key(handoff_id, preview=False)
    return answer(matter, kind, handoff_id, basis_id=cited, grant_key=grant_key)


def expired(matter: Matter, kind: type[Event], handoff_id: UUID) -> Drafts:
    """Return an expiry; its event id follows from the handoff, so that it is recorded once."""
    handoff = standing(matter, handoff_id)
    if matter.today - GRACE <= handoff.due_on:  # a day from another country may be the last of all
        raise NotAllowedNow(
            f"handoff {handoff_id}, due on {handoff.due_on}, may be answered for a day more",
            rule="due_on",
        )
    event_id = uuid5(handoff_id, kind.__name__)
    return (Draft(kind, {"handoff_id": handoff_id}, handoff.began_with, event_id),)
