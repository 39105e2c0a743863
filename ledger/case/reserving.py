"""A case that goes on for another one is reserved for it, until it is decided whether that yields.

Two cases have no common order. So the country that answers for both keeps the one that goes on
from ending and from moving, as long as it has not seen in the yielding case's own order that the
suspicion is at an end: at every moment of either order one country answers for the child.
"""

from __future__ import annotations

from uuid import UUID

from events.duplicate import CaseReserved
from events.errors import NotAllowedNow, ProtectiveRefusal, WrongCountry
from ledger.case.case import Case
from ledger.case.matter import Draft, Drafts, Matter


def reserve_case(matter: Matter, /, *, yielding_case_id: UUID) -> Drafts:
    """Let this case go on for another one that is to yield to it.

    Until that is decided it is neither closed, joined nor handed over: the child of both has one
    country that answers for her at every moment.
    """
    matter.require_known()
    matter.require_supervising()
    case, yielding = matter.case, matter.other(yielding_case_id)
    require_answers(case)
    _require_settled(case)
    if any(plane.open_transfers for plane in (case.settled, case.ahead, case.national)):
        raise NotAllowedNow(
            f"case {case.case_id}: a transfer is open; end it first", rule="handoff_open"
        )
    if case.case_id in _awaited(matter, yielding):
        raise NotAllowedNow(
            f"case {yielding_case_id} is to go on, and this one to yield", rule="reserved"
        )
    for suspicion_id, noted in yielding.national.care.duplicates.items():
        if noted.other_case_id == case.case_id and is_open(yielding, suspicion_id):
            fields = {"suspicion_id": suspicion_id, "yielding_case_id": yielding_case_id}
            return (Draft(CaseReserved, fields),)
    raise NotAllowedNow(
        f"case {yielding_case_id} is not suspected to be about the same child", rule="suspected"
    )


def require_not_reserved(matter: Matter) -> None:
    """Refuse what would end a case, or hand it over, that goes on for another one."""
    if awaited := _awaited(matter, matter.case):
        raise ProtectiveRefusal(
            f"case {matter.case.case_id} goes on for case {awaited[0]}, which is to yield to it:"
            " join or dismiss that first",
            rule="reserved",
        )


def _awaited(matter: Matter, case: Case) -> list[UUID]:
    """Return the cases that are to yield to one and have not yet, nor been kept from it.

    The order of the yielding case decides. What this country has not seen there is not decided.
    """
    return [
        yielding
        for suspicion_id, yielding in case.national.care.reserved.items()
        if is_open(matter.other(yielding), suspicion_id)
    ]


def is_open(case: Case, suspicion_id: UUID) -> bool:
    """Say whether a suspicion is undecided, as far as this country has seen."""
    found = case.settled.suspicions.get(suspicion_id) or case.national.suspicions.get(suspicion_id)
    return found is None or found.state == "suspected"


def open_case_of(matter: Matter, case_id: UUID) -> Case:
    """Return another case that is known here and goes on, or refuse."""
    other = matter.other(case_id)
    if other.identity.state != "open":
        raise NotAllowedNow(f"case {case_id} is not open", rule="into_open")
    return other


def _require_settled(case: Case) -> None:
    """Refuse a case that is not open, or of which something decided has not got its place yet.

    To close it and to open it again, say, may come behind the join in the other order: then the
    child would have nobody for a while.
    """
    if case.identity.state != "open":
        raise NotAllowedNow(f"case {case.case_id} is not open", rule="into_open")
    if case.pending:
        raise NotAllowedNow(
            f"case {case.case_id}: a decision on it has still to get its place; try again soon",
            rule="pending",
        )


def require_answers(case: Case) -> None:
    """Refuse unless this country answers for a case."""
    if case.identity.responsible != case.country:
        raise WrongCountry(
            f"case {case.case_id}: {case.identity.responsible} answers for it", rule="same_country"
        )
