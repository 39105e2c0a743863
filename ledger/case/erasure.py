"""The part about erasing what this country knows: asked, approved, done, and what forbids it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from events.codes import DataScope, Role
from events.erasure import ErasureApproved, ErasureRequested, HoldEnded, HoldPlaced, KeysErased
from events.errors import CaseUnknown, NotAllowedNow, ProtectiveRefusal, WrongRole
from events.stamp import Event
from ledger.case.case import Case
from ledger.case.changing import changed
from ledger.case.effects import Effect
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.national import Erasure
from ledger.case.personal import PersonalData
from ledger.case.plane import Plane, with_care

_ENDED = frozenset({"closed", "joined"})
#: How the keystore destroys keys (ledger/keys).
OVERWRITTEN = "overwritten_in_place"


def _moved(plane: Plane, erasure_id: UUID, state: str) -> Plane:
    before = plane.care.erasures.get(erasure_id)
    if before is None:
        return plane
    return with_care(
        plane, erasures={**plane.care.erasures, erasure_id: changed(before, state=state)}
    )


def _requested(plane: Plane, event: ErasureRequested) -> Plane:
    """What was asked for before and not carried out is about an older record."""
    asked = Erasure(
        state="requested",
        requested_by=event.actor.id,
        requester_role=event.actor.role,
        closures=plane.care.closure_requested,
    )
    before = {
        erasure_id: one if one.state == "erased" else changed(one, state="lapsed")
        for erasure_id, one in plane.care.erasures.items()
    }
    return with_care(plane, erasures={**before, event.erasure_id: asked})


def _held(plane: Plane, event: HoldPlaced) -> Plane:
    return with_care(plane, holds={**plane.care.holds, event.hold_id: event.until})


def _hold_ended(plane: Plane, event: HoldEnded) -> Plane:
    holds = {one: until for one, until in plane.care.holds.items() if one != event.hold_id}
    return with_care(plane, holds=holds)


EFFECTS: Mapping[type[Event], Effect] = {
    ErasureRequested: _requested,
    ErasureApproved: lambda plane, event: _moved(plane, event.erasure_id, "approved"),
    KeysErased: lambda plane, event: _moved(plane, event.erasure_id, "erased"),
    HoldPlaced: _held,
    HoldEnded: _hold_ended,
}


def request_erasure(matter: Matter, /, *, erasure_id: UUID | None = None) -> Drafts:
    """Ask that what this country knows of a closed case be erased."""
    require_erasable(matter.case, matter.today)
    matter.require_answering()
    return (Draft(ErasureRequested, {"erasure_id": erasure_id or matter.new_id()}),)


def approve_erasure(matter: Matter, /, *, erasure_id: UUID) -> Drafts:
    """Approve an erasure: two persons, one of them the data-protection officer."""
    require_erasable(matter.case, matter.today)
    matter.require_answering()
    erasure = matter.case.national.care.erasures.get(erasure_id)
    if erasure is None or erasure.state != "requested":
        raise NotAllowedNow(
            f"case {matter.case.case_id}: no erasure {erasure_id} waits for approval",
            rule="erasure_requested",
        )
    require_of_this_record(matter.case, erasure_id)
    if erasure.requested_by == matter.by.id:
        raise ProtectiveRefusal("who asked for an erasure cannot approve it", rule="four_eyes")
    if Role.DATA_PROTECTION_OFFICER not in {erasure.requester_role, matter.by.role}:
        raise WrongRole("a data-protection officer has to ask for an erasure or approve it")
    return (Draft(ErasureApproved, {"erasure_id": erasure_id}),)


def record_erased(
    matter: Matter, /, *, erasure_id: UUID, slots: int, replicas: int, method: str
) -> Drafts:
    """Record what the keystore did: its keys are overwritten, and the canary failed everywhere.

    It asked `require_erasable` before. A hold or a reopening since then brings no key back, so
    that it happened is recorded all the same.
    """
    matter.require_known()
    if matter.by.role != Role.SYSTEM:
        raise WrongRole("only the program that saw the keys fail records that they are erased")
    erasure = matter.case.national.care.erasures.get(erasure_id)
    if erasure is None or erasure.state != "approved":
        raise NotAllowedNow(
            f"case {matter.case.case_id}: erasure {erasure_id} is not approved",
            rule="erasure_approved",
        )
    fields = {"erasure_id": erasure_id, "slots": slots, "replicas": replicas, "method": method}
    return (Draft(KeysErased, fields),)


def place_hold(
    matter: Matter,
    /,
    *,
    until: date | None = None,
    data: PersonalData | None = None,
    hold_id: UUID | None = None,
) -> Drafts:
    """Forbid erasure for a while, on a legal ground; which is sealed."""
    matter.require_known()
    matter.require_answering()
    if until is not None and until < matter.today:
        raise NotAllowedNow(f"a hold until {until} would be over", rule="hold_until")
    if data is not None:
        data.require_only({DataScope.NARRATIVE}, "a hold")
    return (Draft(HoldPlaced, {"hold_id": hold_id or matter.new_id(), "until": until}, data=data),)


def end_hold(matter: Matter, /, *, hold_id: UUID) -> Drafts:
    """End a hold before its day."""
    matter.require_known()
    matter.require_answering()
    if hold_id not in matter.case.national.care.holds:
        raise NotAllowedNow(f"case {matter.case.case_id} has no hold {hold_id}", rule="hold_known")
    return (Draft(HoldEnded, {"hold_id": hold_id}),)


def holds_on(plane: Plane, on: date) -> tuple[UUID, ...]:
    """Return the holds that stand on a day."""
    return tuple(
        hold_id for hold_id, until in plane.care.holds.items() if until is None or on <= until
    )


def require_erasable(case: Case, on: date) -> None:
    """Refuse to erase what a child or a court may still need (design §11).

    A closure counts once the topic has ordered it: it may be void, and keys do not come back.
    """
    if not case.is_known:
        raise CaseUnknown(f"case {case.case_id} is not known here")
    settled = case.settled.identity if case.is_shared else case.identity
    if case.identity.state == "open" or (case.is_shared and settled.state not in _ENDED):
        raise ProtectiveRefusal(
            f"case {case.case_id} is open: what is known of a child in care is not erased",
            rule="case_open",
        )
    if any(
        handoff.open
        for plane in (case.ahead, case.national)
        for handoff in (*plane.referrals.values(), *plane.open_transfers.values())
    ):
        raise NotAllowedNow(f"case {case.case_id}: a handoff is open", rule="handoff_open")
    if holds_on(case.national, on):
        raise ProtectiveRefusal(
            f"case {case.case_id}: a hold forbids erasure until it ends", rule="hold"
        )


def is_of_this_record(case: Case, erasure_id: UUID) -> bool:
    """Say whether the case has not been opened and closed again since an erasure was asked for."""
    care = case.national.care
    return care.erasures[erasure_id].closures == care.closure_requested


def unfinished(case: Case) -> list[tuple[UUID, Erasure]]:
    """Return the erasures that are approved and not attested, nor made idle by a later one.

    An approval of an earlier record of the case, which was opened and closed again, is none.
    """
    said = [plane.attested.get(case.country) for plane in (case.ahead, case.national)]
    attested = {one.erasure_id for one in said if one is not None}
    left: list[tuple[UUID, Erasure]] = []
    for erasure_id, one in case.national.care.erasures.items():
        if erasure_id in attested:
            left = []
        elif one.state == "erased" or (
            one.state == "approved" and is_of_this_record(case, erasure_id)
        ):
            left.append((erasure_id, one))
    return left


def require_of_this_record(case: Case, erasure_id: UUID) -> None:
    """Refuse an erasure that two people approved of another record than the one there is now."""
    if not is_of_this_record(case, erasure_id):
        raise ProtectiveRefusal(
            f"erasure {erasure_id} is about an earlier record of the case: ask for a new one",
            rule="erasure_record",
        )


def require_not_kept(case: Case, grant_id: UUID, on: date) -> None:
    """Refuse to destroy what was received while a hold or a claim keeps it.

    What is gone may be destroyed again.
    """
    grant = case.ahead.releases[grant_id]
    if grant.state == "destroyed":
        return
    if holds_on(case.national, on):
        raise ProtectiveRefusal(f"grant {grant_id}: a hold keeps its keys", rule="hold")
    if grant.is_kept(on):
        raise ProtectiveRefusal(
            f"grant {grant_id}: its keys are kept until {grant.until}", rule="retention"
        )
