"""Moves by which a child is followed: seen, missing and found; ended, and begun again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from events.codes import Safety, Satisfaction
from ledger.case import closing, complaint, monitoring, searching
from node.simulation import invented
from node.simulation.moves import WORKED, Move
from node.simulation.seen import Seen

_SAFETY = (Safety.SAFE, Safety.SAFE, Safety.SAFE, Safety.CONCERN, Safety.UNSAFE)
_RATINGS = (Satisfaction.VERY_SATISFIED, Satisfaction.SATISFIED, Satisfaction.NOT_SATISFIED)
_REASONS = ("overall_goal_of_the_case_plan", "no_further_action_possible_required", "other")
_AGAIN = ("abuse", "neglect_medical", "other")


def _closable(seen: Seen) -> bool:
    return seen.answers and has_asked(seen) and not _goes_on(seen)


def _goes_on(seen: Seen) -> bool:
    plans = any(seen.plans(state) for state in ("draft", "submitted", "active"))
    open_ = seen.care.complaints or seen.care.search
    return bool(seen.handoffs("referrals") or seen.handoffs("transfers") or plans or open_)


def has_asked(seen: Seen) -> bool:
    """Say whether somebody has asked to close the case."""
    return seen.care.closure_requested == seen.case.identity.closures + 1


def asking(seen: Seen) -> Mapping[str, Any]:
    """Return why a case is to be closed."""
    return {"reason": seen.one(_REASONS), "informed": True}


MOVES = (
    Move(
        take=monitoring.complete_follow_up,
        when=lambda seen: seen.answers,
        arguments=lambda seen: {"safety": seen.one(_SAFETY), "data": invented.words()},
        weight=1,
    ),
    Move(
        take=monitoring.attempt_contact,
        when=lambda seen: seen.answers,
        arguments=lambda _seen: {"data": invented.words()},
        weight=0.3,
    ),
    Move(
        take=searching.report_missing,
        when=lambda seen: seen.answers and not seen.case.identity.missing,
        weight=0.3,
        kinds=WORKED,
        against="report_found",
    ),
    Move(
        take=searching.report_found,
        when=lambda seen: seen.is_open and seen.case.identity.missing,
        weight=5,
        kinds=WORKED,
    ),
    Move(
        take=complaint.receive_feedback,
        when=lambda seen: seen.answers and seen.ends,
        arguments=lambda seen: {"rating": seen.one(_RATINGS), "data": invented.words()},
        weight=0.3,
    ),
    Move(
        take=complaint.receive_complaint,
        when=lambda seen: seen.answers and not seen.care.complaints,
        arguments=lambda seen: {
            "data": invented.words(),
            "against": seen.cast["supervisor"].id if seen.chance(0.5) else None,
        },
        weight=0.1,
    ),
    Move(
        take=complaint.answer_complaint,
        when=lambda seen: seen.answers and bool(seen.care.complaints),
        arguments=lambda seen: {
            "complaint_id": seen.one([*seen.care.complaints]),
            "upheld": seen.chance(0.5),
            "data": invented.words(),
        },
        by="second",
        weight=4,
    ),
    Move(
        take=closing.request_closure,
        when=lambda seen: (
            seen.answers
            and seen.ends
            and seen.care.views_told
            and not has_asked(seen)
            and not _goes_on(seen)
        ),
        arguments=asking,
        by=lambda seen: seen.cast["supervisor" if seen.chance(0.3) else "caseworker"],
        weight=8,
    ),
    Move(
        take=closing.reject_closure,
        when=lambda seen: seen.answers and has_asked(seen),
        arguments=lambda _seen: {"data": invented.words()},
        by="second",
        weight=1,
    ),
    Move(take=closing.close_case, when=_closable, by="second", weight=8),
    Move(
        take=closing.reopen_case,
        when=lambda seen: (
            seen.case.identity.state == "closed" and seen.case.identity.responsible == seen.country
        ),
        arguments=lambda seen: {"reason": seen.one(_AGAIN)},
        by="supervisor",
        weight=0.5,
    ),
)
