"""A case yields to another one about the same child, and may be parted from it again.

A join moves no responsibility: the country that joins answers for both cases before it, and for
the one that goes on after it. Nothing may be open on the yielding case, or nobody would see to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from events.case import CaseJoined, CaseParted
from events.codes import DataScope
from events.duplicate import DuplicateNoted
from events.errors import BadInput, NotAllowedNow, ProtectiveRefusal, WrongCountry
from ledger.case.case import Case
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.personal import PersonalData
from ledger.case.reserving import open_case_of, require_not_reserved


def join_case(matter: Matter, /, *, into_case_id: UUID) -> Drafts:
    """Let this case yield to another one about the same child, once both sides have confirmed it.

    The other one is reserved for it before. What is open here is ended, or moved there, first.
    """
    matter.require_known()
    matter.require_supervising()
    case = matter.case
    if into_case_id == case.case_id:
        raise BadInput("a case cannot be joined with itself")
    matter.require_responsible()
    other = open_case_of(matter, into_case_id)
    suspicion_id = _confirmed(case, into_case_id)
    _require_goes_on(case, other, suspicion_id)
    require_not_reserved(matter)
    open_here = ", ".join(_open(case, other))
    if open_here:
        raise NotAllowedNow(
            f"case {case.case_id}: end it first, or move it to the other case: {open_here}",
            rule="handoff_open",
        )
    _require_as_safe(case, other)
    return (Draft(CaseJoined, {"into_case_id": into_case_id, "suspicion_id": suspicion_id}),)


def part_case(matter: Matter, /, *, data: PersonalData) -> Drafts:
    """Bring a joined case back: it was another child's. Open, not ready; why is kept at home.

    What the other case has learnt meanwhile is not undone: that is for people to look through.
    """
    matter.require_known()
    matter.require_supervising()
    case = matter.case
    if case.identity.state != "joined":
        raise NotAllowedNow(f"case {case.case_id} is not joined", rule="joined")
    matter.require_responsible()
    data.require_only({DataScope.NARRATIVE}, "parting")
    plane = case.ahead if case.is_shared else case.national
    joined = [key for key, one in plane.suspicions.items() if one.state == "joined"]
    suspicion_id = joined[-1] if joined else matter.new_id()
    said = Draft(DuplicateNoted, {"suspicion_id": suspicion_id}, data=data)
    return (said, Draft(CaseParted))


def _confirmed(case: Case, into_case_id: UUID) -> UUID:
    """Return the suspicion by which a case may yield to another one, or refuse."""
    plane = case.ahead if case.is_shared else case.national
    for suspicion_id, noted in case.national.care.duplicates.items():
        found = plane.suspicions.get(suspicion_id)
        if noted.other_case_id != into_case_id or found is None:
            continue
        if found.state == "suspected" and found.is_confirmed:
            return suspicion_id
    raise ProtectiveRefusal(
        f"case {case.case_id}: not both sides have confirmed that it is the same child; if one"
        " country answers for both, two of its people do",
        rule="not_confirmed",
    )


def _require_goes_on(case: Case, other: Case, suspicion_id: UUID) -> None:
    """Refuse unless this country answers for the other case, which waits for this one."""
    if other.identity.responsible != case.country:
        raise WrongCountry(
            f"case {other.case_id}: {other.identity.responsible} answers for it; let one country"
            " answer for both before, by a transfer",
            rule="same_country",
        )
    if suspicion_id not in other.national.care.reserved:
        raise NotAllowedNow(
            f"case {other.case_id} is not reserved: `ledger duplicate reserve {other.case_id}"
            f" --for {case.case_id}`",
            rule="not_reserved",
        )


def _open(case: Case, other: Case) -> Iterator[str]:
    """Yield what goes on in a case and not in the other one, by what it is and its id."""
    care, there = case.national.care, other.national.care
    for handoff_id, handoff in case.national.referrals.items():
        if handoff.open:
            yield f"referral {handoff_id}"
    services = {one.service for one in there.routings.values() if one.is_live}
    for routing_id, routing in care.routings.items():
        # Who leads her there leads her; a case cannot be left without.
        followed = there.is_led if routing.leads else routing.service in services
        if routing.is_live and not followed:
            yield f"routing {routing_id}"
    for plan_id, plan in care.plans.items():
        if plan.state in {"submitted", "active"}:
            yield f"plan {plan_id}"
    for sibling in care.siblings:
        if sibling != other.case_id and sibling not in there.siblings:
            yield f"sibling {sibling}"
    for complaint_id in care.complaints:
        yield f"complaint {complaint_id}"
    for basis_id in care.withdrawals_asked:
        yield f"withdrawal {basis_id}"
    for measure_id, measure in case.ahead.measures.items():
        if measure.state == "taken":
            yield f"urgent measure {measure_id}"
    if case.identity.missing and not other.identity.missing:
        yield "the alarm that she is missing"


def _require_as_safe(case: Case, other: Case) -> None:
    """Refuse to lose a block: whoever is excluded here is excluded there."""
    there = other.national.care
    for block in case.national.care.blocks.values():
        kept = all(there.excludes_country(one) for one in block.countries)
        if not kept or not all(there.excludes_person(one) for one in block.persons):
            raise ProtectiveRefusal(
                f"case {other.case_id}: somebody who is excluded from the other case is not"
                " excluded here: place that block first",
                rule="block_kept",
            )
