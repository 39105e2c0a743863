"""The part that says who answers for the case and whether it may be handed over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from events.case import (
    CaseClosed,
    CaseJoined,
    CaseOpened,
    CaseParted,
    CaseReopened,
    ChildFound,
    ChildMissing,
    RecordCorrected,
    StatusChanged,
)
from events.codes import NeutralStatus
from events.errors import BadInput, CodeUnknown, NotAllowedNow
from events.stamp import Event
from ledger.case.block import require_may_be_ready
from ledger.case.changing import changed
from ledger.case.duplicate import moved
from ledger.case.effects import Effect
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.personal import PersonalData
from ledger.case.plane import Identity, Plane


def state(plane: Plane, _event: Event) -> str:
    """Return the state of the case."""
    return plane.identity.state


def _opened(plane: Plane, event: CaseOpened) -> Plane:
    identity = Identity(
        state="open",
        opened_on=event.opened_on,
        opener=event.origin,
        responsible=event.responsible,
        status=event.status,
        parties=(event.origin,),
    )
    return changed(plane, identity=identity)


def _status_changed(plane: Plane, event: StatusChanged) -> Plane:
    if event.status is NeutralStatus.READY:
        return changed(plane, identity=changed(plane.identity, status=event.status))
    return _held_by(stopped(plane), event.origin)


def _held_by(plane: Plane, sender: str) -> Plane:
    """Hold what a country handed over that says, not knowing of the move, that it must not be.

    The move stands; the sender decides anew what else it gives. A block looks like this, too.
    """
    if plane.identity.responsible == sender:
        return plane
    held = {
        handoff_id: changed(transfer, held=True)
        for handoff_id, transfer in plane.transfers.items()
        if transfer.sender == sender and transfer.state in {"moved", "completed"}
    }
    return changed(plane, transfers={**plane.transfers, **held})


def stopped(plane: Plane) -> Plane:
    """Return the plane with the case not ready: transfers not yet accepted are revoked.

    An accepted one waits: its move is void while the case is not ready.
    """
    transfers = {
        handoff_id: changed(transfer, state="revoked")
        if transfer.state in {"proposed", "previewed"}
        else transfer
        for handoff_id, transfer in plane.transfers.items()
    }
    identity = changed(plane.identity, status=NeutralStatus.NOT_READY)
    return changed(plane, identity=identity, transfers=transfers)


def _closed(plane: Plane, _event: CaseClosed) -> Plane:
    closures = plane.identity.closures + 1
    return changed(plane, identity=changed(plane.identity, state="closed", closures=closures))


def _reopened(plane: Plane, _event: CaseReopened | CaseParted) -> Plane:
    """A reopened case is not ready: plan and consent have to be confirmed again."""
    for suspicion_id, suspicion in plane.suspicions.items():
        if suspicion.state == "joined":
            plane = moved(plane, suspicion_id, "parted")
    identity = changed(plane.identity, state="open", status=NeutralStatus.NOT_READY, into_case=None)
    return changed(plane, identity=identity)


def _joined(plane: Plane, event: CaseJoined) -> Plane:
    identity = changed(plane.identity, state="joined", into_case=event.into_case_id)
    return moved(changed(plane, identity=identity), event.suspicion_id, "joined")


def _missing(plane: Plane, _event: ChildMissing) -> Plane:
    return changed(plane, identity=changed(plane.identity, missing=True))


def _found(plane: Plane, _event: ChildFound) -> Plane:
    return changed(plane, identity=changed(plane.identity, missing=False))


def _corrected(plane: Plane, _event: RecordCorrected) -> Plane:
    return plane  # the trail shows it; what it amends is sealed


EFFECTS: Mapping[type[Event], Effect] = {
    CaseOpened: _opened,
    StatusChanged: _status_changed,
    CaseClosed: _closed,
    CaseReopened: _reopened,
    CaseJoined: _joined,
    CaseParted: _reopened,
    ChildMissing: _missing,
    ChildFound: _found,
    RecordCorrected: _corrected,
}


def open_case(
    matter: Matter, /, *, opened_on: date | None = None, data: PersonalData | None = None
) -> Drafts:
    """Begin to answer for a child. The case is national until its first cross-border step."""
    if matter.case.is_known:
        raise NotAllowedNow(f"case {matter.case.case_id} exists already")
    if opened_on is not None and opened_on > matter.today:
        raise BadInput(f"a case cannot be opened on {opened_on}, which is still to come")
    fields = {
        "opened_on": opened_on or matter.today,
        "responsible": matter.case.country,
        "status": NeutralStatus.NOT_READY,
    }
    return (Draft(CaseOpened, fields, data=data),)


def change_status(matter: Matter, /, *, status: NeutralStatus) -> Drafts:
    """Say that the case may be handed over, or that it may not; never why."""
    matter.require_known()
    matter.require_working()
    if status is NeutralStatus.UNKNOWN:
        raise CodeUnknown("the neutral status is ready or not_ready", rule="status_known")
    matter.require_responsible()
    if status is NeutralStatus.READY:
        require_may_be_ready(matter)
    return (Draft(StatusChanged, {"status": status}),)


def correct_record(matter: Matter, /, *, corrects_version: int) -> Drafts:
    """Correct descriptive data of an earlier event of this country's own."""
    matter.require_known()
    return (Draft(RecordCorrected, {"corrects_version": corrects_version}),)
