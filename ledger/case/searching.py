"""The part that searches for a missing child, here and, if somebody asks it to, in a neighbour.

That she is missing is said on the topic of her case (ChildMissing); who searches is national. A
neighbour is asked by a referral, which rests on an override or a consent like every other one: so
nothing goes to a country that a block excludes, and what was sent stops when she is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from events.case import ChildFound, ChildMissing
from events.codes import DataScope
from events.errors import NotAllowedNow
from events.monitoring import SearchBegun, SearchEnded, SearchExtended
from events.referral import ReferralRevoked
from events.stamp import Event
from ledger.case.case import Case
from ledger.case.effects import Effect
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.personal import PersonalData
from ledger.case.plane import Plane, with_care
from ledger.case.referral import send_referral


def _ended(plane: Plane, event: SearchEnded) -> Plane:
    """Whoever was missing is looked at anew: what happened to her meanwhile nobody knows."""
    return with_care(plane, search=None, searched_by=(), unsafe=event.search_id)


EFFECTS: Mapping[type[Event], Effect] = {
    SearchBegun: lambda plane, event: with_care(plane, search=event.search_id),
    SearchExtended: lambda plane, event: with_care(
        plane, searched_by=(*plane.care.searched_by, event.handoff_id)
    ),
    SearchEnded: _ended,
}


def has_to_be_searched(case: Case) -> bool:
    """Say whether the child is missing and this country answers for her."""
    return case.identity.missing and case.goes_on_here


def report_missing(matter: Matter, /) -> Drafts:
    """Raise the alarm that nobody knows where the child is; who answers for her searches."""
    matter.require_known()
    alarm = Draft(ChildMissing)
    if matter.case.national.care.search is not None or not matter.case.goes_on_here:
        return (alarm,)
    return (alarm, Draft(SearchBegun, {"search_id": matter.new_id()}))


def report_found(matter: Matter, /) -> Drafts:
    """Say that the missing child has been found; what neighbours were sent is taken back."""
    matter.require_known()
    return (Draft(ChildFound), *_ends(matter))


def begin_search(matter: Matter, /, *, search_id: UUID) -> Drafts:
    """Search for a child whom another country has reported missing."""
    matter.require_known()
    matter.require_program()
    if not has_to_be_searched(matter.case) or matter.case.national.care.search is not None:
        raise NotAllowedNow(f"case {matter.case.case_id}: no search is missing", rule="search")
    return (Draft(SearchBegun, {"search_id": search_id}),)


def end_search(matter: Matter, /) -> Drafts:
    """Stop searching: she has been found, or another country answers for her."""
    matter.require_known()
    matter.require_program()
    if has_to_be_searched(matter.case) or matter.case.national.care.search is None:
        raise NotAllowedNow(f"case {matter.case.case_id}: the search goes on", rule="search")
    return _ends(matter)


def extend_search(
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
    """Ask a neighbour's focal point to search, too; what it may know rests on a basis.

    In an emergency that is an override, approved by a second person (`ledger override approve`).
    """
    matter.require_known()
    matter.require_abroad(recipient)
    search_id = matter.case.national.care.search
    if search_id is None:
        raise NotAllowedNow(f"case {matter.case.case_id}: nobody is missing", rule="search")
    handoff_id = handoff_id or matter.new_id()
    sent = send_referral(
        matter, recipient=recipient, basis_id=basis_id, scopes=scopes, due_on=due_on, data=data,
        handoff_id=handoff_id,
    )  # fmt: skip
    return (*sent, Draft(SearchExtended, {"search_id": search_id, "handoff_id": handoff_id}))


def _ends(matter: Matter) -> Drafts:
    care = matter.case.national.care
    if care.search is None:
        return ()
    sent = (
        handoff_id
        for handoff_id in care.searched_by
        if (referral := matter.case.ahead.referrals.get(handoff_id)) is not None and referral.open
    )
    return (
        *(Draft(ReferralRevoked, {"handoff_id": one}) for one in sent),
        Draft(SearchEnded, {"search_id": care.search}),
    )
