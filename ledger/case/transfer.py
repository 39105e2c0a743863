"""The part of a transfer: responsibility for the case moves to another country."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from uuid import UUID

from events.codes import DataScope, NeutralStatus
from events.errors import BasisMissing, NotAllowedNow
from events.stamp import Event
from events.transfer import (
    HandoverCompleted,
    ResponsibilityMoved,
    TransferAccepted,
    TransferExpired,
    TransferPreviewed,
    TransferProposed,
    TransferRejected,
    TransferRequested,
    TransferRevoked,
)
from ledger.case import documents
from ledger.case.bases import TRANSFER, basis_of, require_basis_for
from ledger.case.block import require_unblocked
from ledger.case.changing import changed
from ledger.case.effects import Effect
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.personal import PersonalData
from ledger.case.plane import Handoff, Plane
from ledger.case.previewing import require_preview
from ledger.case.referral import (
    accepted,
    answer,
    expired,
    handoff_state,
    moved_on,
    standing,
    with_party,
)
from ledger.case.reserving import require_not_reserved


def state(plane: Plane, event: Event) -> str:
    """Return the state of the transfer that the event belongs to."""
    return handoff_state(plane.transfers, plane.referrals, event)


def _requested(plane: Plane, event: TransferRequested) -> Plane:
    """The asker does not become a party: asking discloses nothing and gives no voice."""
    request = Handoff(
        state="requested",
        sender=event.origin,
        receiver=event.holder,
        began_with=event.event_id,
        due_on=event.due_on,
    )
    return changed(plane, transfers={**plane.transfers, event.handoff_id: request})


def _proposed(plane: Plane, event: TransferProposed) -> Plane:
    transfer = Handoff(
        state="proposed",
        sender=event.origin,
        receiver=event.recipient,
        began_with=event.event_id,
        due_on=event.due_on,
        basis_id=event.basis_id,
        scopes=event.scopes,
    )
    transfers = {**plane.transfers, event.handoff_id: transfer}
    asked = plane.transfers.get(event.request_id) if event.request_id is not None else None
    if asked is not None and event.request_id is not None and _asked_by(asked, event.recipient):
        transfers[event.request_id] = changed(asked, state="completed")
    return with_party(changed(plane, transfers=transfers), event.recipient)


def _asked_by(handoff: Handoff, country: str) -> bool:
    """Say whether a country asked for this transfer, and still waits for the answer."""
    return handoff.state == "requested" and handoff.sender == country


def _moved_on(plane: Plane, event: TransferPreviewed) -> Plane:
    after = moved_on(plane.transfers[event.handoff_id], event)
    return changed(plane, transfers={**plane.transfers, event.handoff_id: after})


def _responsibility_moved(plane: Plane, event: ResponsibilityMoved) -> Plane:
    """Towards everybody else the case starts again as not ready, now held by the receiver."""
    after = _moved_on(plane, event)  # type: ignore[arg-type]  # same two fields
    identity = changed(after.identity, responsible=event.origin, status=NeutralStatus.NOT_READY)
    return changed(after, identity=identity)


EFFECTS: Mapping[type[Event], Effect] = {
    TransferRequested: _requested,
    TransferProposed: _proposed,
    TransferPreviewed: _moved_on,
    TransferAccepted: _moved_on,
    TransferRejected: _moved_on,
    TransferRevoked: _moved_on,
    TransferExpired: _moved_on,
    ResponsibilityMoved: _responsibility_moved,
    HandoverCompleted: _moved_on,
}


def request_transfer(
    matter: Matter, /, *, holder: str, due_on: date, handoff_id: UUID | None = None
) -> Drafts:
    """Ask another country to hand a case over, known here or not. Discloses nothing."""
    matter.require_supervising()
    matter.require_abroad(holder)
    matter.require_day_ahead(due_on, "the due day")
    fields = {"handoff_id": handoff_id or matter.new_id(), "holder": holder, "due_on": due_on}
    return (Draft(TransferRequested, fields),)


def propose_transfer(
    matter: Matter,
    /,
    *,
    recipient: str,
    basis_id: UUID,
    scopes: tuple[DataScope, ...],
    due_on: date,
    data: PersonalData | None = None,
    handoff_id: UUID | None = None,
    request_id: UUID | None = None,
) -> Drafts:
    """Propose that another country take over responsibility for a case that is ready."""
    matter.require_known()
    matter.require_supervising()
    matter.require_abroad(recipient)
    matter.require_scopes(scopes)
    matter.require_day_ahead(due_on, "the due day")
    require_preview(matter, recipient, data, "a transfer")
    require_unblocked(matter, recipient)
    require_not_reserved(matter)
    require_basis_for(matter, basis_id, recipient, scopes, purposes=TRANSFER)
    if request_id is not None:
        _require_answerable(matter, request_id, recipient)
    fields = {
        "handoff_id": handoff_id or matter.new_id(),
        "recipient": recipient,
        "basis_id": basis_id,
        "scopes": scopes,
        "due_on": due_on,
        "request_id": request_id,
    }
    return (Draft(TransferProposed, fields, data=data),)


def return_case(
    matter: Matter,
    /,
    *,
    returned_id: UUID,
    basis_id: UUID,
    scopes: tuple[DataScope, ...],
    due_on: date,
    data: PersonalData,
    handoff_id: UUID | None = None,
) -> Drafts:
    """Propose that a country take back what it handed over: a new transfer, never an undo.

    `returned_id` is the transfer by which the case came; the new one says that it follows from
    it. The grounds are data of scope preview: whoever is asked sees them, and nobody else.
    """
    before = standing(matter, returned_id)
    came = before.state in {"moved", "completed"} and before.receiver == matter.case.country
    if not came or returned_id not in matter.case.ahead.transfers:
        raise NotAllowedNow(
            f"case {matter.case.case_id} did not come by transfer {returned_id}", rule="returned"
        )
    matter.require_responsible()
    (proposal,) = propose_transfer(
        matter,
        recipient=before.sender,
        basis_id=basis_id,
        scopes=scopes,
        due_on=due_on,
        data=data,
        handoff_id=handoff_id,
    )
    return (replace(proposal, caused_by=before.began_with),)


def _require_answerable(matter: Matter, request_id: UUID, asker: str) -> None:
    """Refuse to answer a request that is not there, or before its due day.

    A quick yes would tell as much as a quick no: whether this country knows the child (design §7).
    """
    asked = standing(matter, request_id)
    if not _asked_by(asked, asker):
        raise NotAllowedNow(f"{request_id} is no open request of {asker}", rule="request_known")
    _require_due(matter, asked)


def _require_due(matter: Matter, asked: Handoff) -> None:
    if matter.today < asked.due_on:
        raise NotAllowedNow(
            f"a request is answered on its due day, {asked.due_on}, never earlier", rule="due_on"
        )


def preview_transfer(matter: Matter, /, *, handoff_id: UUID) -> Drafts:
    """Look at the preview of a proposed transfer: offer a key for it."""
    matter.require_supervising()
    grant_key = matter.one_time_key(handoff_id, preview=True)
    return answer(matter, TransferPreviewed, handoff_id, grant_key=grant_key)


def accept_transfer(matter: Matter, /, *, handoff_id: UUID, basis_id: UUID | None = None) -> Drafts:
    """Agree to take responsibility; it moves later, at `move_responsibility`."""
    matter.require_supervising()
    return accepted(matter, TransferAccepted, handoff_id, basis_id, purposes=TRANSFER)


def reject_transfer(matter: Matter, /, *, handoff_id: UUID) -> Drafts:
    """Say no to a proposed transfer, or to a request for one.

    A request gets its answer on its due day, never earlier, known case or not (design §7): how
    quickly a country says no must not tell whether it knows the child.
    """
    matter.require_supervising()
    handoff = standing(matter, handoff_id)
    if handoff.state == "requested":
        _require_due(matter, handoff)
    return answer(matter, TransferRejected, handoff_id)


def revoke_transfer(matter: Matter, /, *, handoff_id: UUID) -> Drafts:
    """Take a transfer back; impossible once responsibility has moved."""
    matter.require_supervising()
    return answer(matter, TransferRevoked, handoff_id)


def expire_transfer(matter: Matter, /, *, handoff_id: UUID) -> Drafts:
    """Stop waiting for a transfer, after the due day and the grace after it."""
    return expired(matter, TransferExpired, handoff_id)


def move_responsibility(
    matter: Matter,
    /,
    *,
    handoff_id: UUID,
    basis_id: UUID | None = None,
    child_is_here: bool = False,
) -> Drafts:
    """Answer for the case from here on, as the country that accepted it.

    Without a basis in force the transfer is on hold and the move is refused, unless the child is
    already here: then protection goes first (design §11).
    """
    matter.require_supervising()
    handoff = standing(matter, handoff_id)
    cited = basis_of(matter, handoff_id, handoff, basis_id, purposes=TRANSFER)
    if not child_is_here and not matter.case.ahead.in_force(cited, handoff, matter.today):
        raise BasisMissing(
            f"handoff {handoff_id} is on hold: its basis is no longer in force", rule="on_hold"
        )
    return answer(matter, ResponsibilityMoved, handoff_id, basis_id=cited)


def complete_handover(
    matter: Matter, /, *, handoff_id: UUID, missing: tuple[str, ...] = ()
) -> Drafts:
    """Say that the receiving country has met the child; documents that are missing stay sealed."""
    completed = answer(matter, HandoverCompleted, handoff_id)
    return (*documents.missing(handoff_id, missing), *completed)
