"""The part that ends a case: asked for with a reason, by a checklist, closed by another person.

A case never ends over work that is open, over a child who is missing, or unheard. What has to be
so stands in `CHECKLIST`; who asks is told at once, and it is judged again when the case is closed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final, NamedTuple

from events.care import ClosureRejected, ClosureRequested, ReopeningJustified
from events.case import CaseClosed, CaseReopened
from events.code_lists import UNKNOWN, code_list
from events.codes import DataScope
from events.errors import CodeUnknown, NotAllowedNow, ProtectiveRefusal
from events.routing import RoutingEnded
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.national import Care
from ledger.case.personal import PersonalData
from ledger.case.reserving import require_not_reserved
from ledger.case.routing import live

#: A child counts as lost from sight after so long without contact, and so many days on which
#: somebody tried (CPIMS+ closure form: three months; the number of attempts is this project's).
LOST_AFTER: Final = timedelta(days=92)
LOST_ATTEMPTS: Final = 3
#: Reasons with which nobody is there to be told, or heard.
_NOBODY_TO_TELL: Final = frozenset({"death_of_child", "child_no_longer_contactable"})
#: With it there was no work that could have been done.
_IN_ERROR: Final = "case_opened_in_error"


class Item(NamedTuple):
    """One thing that has to be so before a case ends."""

    rule: str
    words: str
    #: Says whether it is not so, from the national work with the child.
    is_open: Callable[[Care], bool]


CHECKLIST: Final = (
    Item("child_missing", "the child is missing", lambda care: care.search is not None),
    Item(
        "plan_open",
        "a plan is not completed",
        lambda care: any(
            one.state in {"draft", "submitted", "active"} for one in care.plans.values()
        ),
    ),
    Item("complaint_open", "a complaint is not answered", lambda care: bool(care.complaints)),
    Item(
        "withdrawal_open",
        "a withdrawal waits for its review",
        lambda care: bool(care.withdrawals_asked),
    ),
)


def request_closure(
    matter: Matter,
    /,
    *,
    reason: str,
    informed: bool = False,
    data: PersonalData | None = None,
) -> Drafts:
    """Ask that the case be closed; another person decides.

    `reason` is a code of the list closure_reason; `informed`: she, or who cares for her, knows that
    she can come back.
    """
    matter.require_known()
    if matter.case.identity.state != "open":
        raise NotAllowedNow(f"case {matter.case.case_id} is not open")
    if reason == UNKNOWN:
        raise CodeUnknown("a reason of the list closure_reason is needed", rule="reason")
    code = code_list("closure_reason").require(reason)
    _require_told(matter, code, informed)
    require_nothing_open(matter)
    fields = {"closing": matter.case.identity.closures + 1, "reason": code, "informed": informed}
    return (Draft(ClosureRequested, fields, data=data),)


def reject_closure(matter: Matter, /, *, data: PersonalData) -> Drafts:
    """Let the work go on although closure was asked for; why is data of scope narrative."""
    closing = _requested(matter)
    matter.require_supervising()
    if DataScope.NARRATIVE not in data.scopes:
        raise ProtectiveRefusal(
            "say why the work goes on (--data, scope narrative)", rule="reason_given"
        )
    return (Draft(ClosureRejected, {"closing": closing}, data=data),)


def close_case(matter: Matter, /) -> Drafts:
    """Close a case. Another person has asked for it (`request_closure`), and nothing is open."""
    matter.require_known()
    matter.require_supervising()
    _requested(matter)
    if matter.case.national.care.closure_requested_by == matter.by.id:
        raise ProtectiveRefusal("who asked for closure cannot close the case", rule="four_eyes")
    require_nothing_open(matter)
    require_not_reserved(matter)
    ends = (Draft(RoutingEnded, {"routing_id": one}) for one in live(matter.case))
    return (*ends, Draft(CaseClosed))


def reopen_case(matter: Matter, /, *, reason: str) -> Drafts:
    """Work on a closed case again, for a reason of the list reopen_reason.

    A supervisor does. Plan and consents have to be confirmed again, and every deadline begins anew.
    """
    matter.require_known()
    matter.require_supervising()
    if matter.case.identity.state == "joined":
        raise NotAllowedNow(
            f"case {matter.case.case_id} is joined: `ledger duplicate part` brings it back",
            rule="joined",
        )
    if reason == UNKNOWN:
        raise CodeUnknown("a reason of the list reopen_reason is needed", rule="reason")
    code = code_list("reopen_reason").require(reason)
    return (Draft(ReopeningJustified, {"reason": code}), Draft(CaseReopened))


def require_nothing_open(matter: Matter) -> None:
    """Refuse while work is open at home: a shared case ends on the shared topic, which knows none.

    Handoffs on the topic on which the case ends are judged there (`no_open_handoff`).
    """
    national = matter.case.national
    if any(handoff.open for handoff in national.referrals.values()):
        raise NotAllowedNow(
            f"case {matter.case.case_id}: a referral at home is open; end it first",
            rule="handoff_open",
        )
    for item in CHECKLIST:
        if item.is_open(national.care):
            raise ProtectiveRefusal(f"case {matter.case.case_id}: {item.words}", rule=item.rule)


def _requested(matter: Matter) -> int:
    """Return which closure was asked for."""
    matter.require_known()
    closing = matter.case.identity.closures + 1
    if matter.case.national.care.closure_requested != closing:
        raise NotAllowedNow(
            f"case {matter.case.case_id}: closure has not been requested; a caseworker asks first",
            rule="four_eyes",
        )
    return closing


def _require_told(matter: Matter, reason: str, informed: bool) -> None:
    """Refuse unless she was heard and told; or is really lost from sight, if that is the reason."""
    case_id, care = matter.case.case_id, matter.case.national.care
    if reason == "child_no_longer_contactable" and not _is_lost(matter, care):
        raise ProtectiveRefusal(
            f"case {case_id}: a child is lost from sight after {LOST_AFTER.days} days and attempts"
            f" to reach her on {LOST_ATTEMPTS} days (`ledger care attempt`)",
            rule="lost_contact",
        )
    if reason in _NOBODY_TO_TELL:
        return
    if not informed:
        raise ProtectiveRefusal(
            f"case {case_id}: tell her, or who cares for her, that she can come back (--informed)",
            rule="informed",
        )
    if not care.views_told and reason != _IN_ERROR:
        raise ProtectiveRefusal(
            f"case {case_id}: nobody has heard the child, or said why not (`ledger care views`)",
            rule="views_recorded",
        )


def _is_lost(matter: Matter, care: Care) -> bool:
    days = sorted(set(care.attempts))
    return len(days) >= LOST_ATTEMPTS and matter.today - days[0] >= LOST_AFTER
