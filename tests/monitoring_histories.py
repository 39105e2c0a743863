"""Golden histories of monitoring: clocks that run, deadlines, a search, a complaint, an end."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid5

from events.care import (
    AssessmentCompleted,
    ClosureRejected,
    ClosureRequested,
    ConcernRecorded,
    GuardianAppointed,
    GuardianEnded,
    ReopeningJustified,
    RiskAssessed,
    ViewsRecorded,
)
from events.case import CaseClosed, CaseOpened, CaseReopened, ChildFound, ChildMissing
from events.codes import RiskLevel, Safety, Satisfaction
from events.monitoring import (
    ComplaintAnswered,
    ComplaintReceived,
    ContactAttempted,
    DeadlineBreached,
    DeadlineEscalated,
    DeadlineSet,
    DeadlinesReckoned,
    FeedbackReceived,
    FollowUpCompleted,
    MonitoringBegun,
    MonitoringEnded,
    SearchBegun,
    SearchEnded,
    SearchExtended,
)
from tests.history import History

SINCE = datetime(2026, 3, 2, 9, tzinfo=UTC)
DUE, NEXT = datetime(2026, 3, 3, 9, tzinfo=UTC), datetime(2026, 3, 3, 13, tzinfo=UTC)


def _deadline(history: History, key: str) -> UUID:
    """Return the id of the deadline that the event just recorded has begun."""
    return uuid5(history.entries[-1].event.event_id, key)


def _set(history: History, deadline_id: UUID, step: str, **changes: object) -> None:
    said = {"subject": None, "begins_at": SINCE, "due_at": DUE, **changes}
    history.put("KZ", DeadlineSet, deadline_id=deadline_id, step=step, **said)


def monitored() -> History:
    history = History(
        "monitored", "Deadlines met, breached once, told to others, and lifted at the end.",
        shared=False, newest=True,
    )  # fmt: skip
    history.put("KZ", CaseOpened)
    history.put("KZ", ConcernRecorded, concern_id="concern")
    history.put("KZ", MonitoringBegun, since=SINCE)
    guardian = _deadline(history, "guardian")
    contact = _deadline(history, "first_contact")
    history.put("KZ", DeadlinesReckoned, decision_id="first", cause=None)
    _set(history, guardian, "guardian")
    _set(history, contact, "first_contact")
    history.put("KZ", RiskAssessed, assessment_id="risk", risk=RiskLevel.EMERGENCY)
    _set(history, contact, "first_contact", due_at=SINCE)
    history.put("KZ", DeadlineBreached, deadline_id=guardian, next_at=NEXT)
    _set(history, guardian, "guardian", due_at=NEXT)
    said = {"deadline_id": guardian, "told": 1, "role": "supervisor", "next_at": None}
    history.put("KZ", DeadlineEscalated, **said)
    history.put("KZ", GuardianAppointed, guardian_id="aunt")
    history.put("KZ", DeadlineBreached, deadline_id=guardian, next_at=None)
    history.put("KZ", ContactAttempted, attempt_id="first")
    history.put("KZ", FollowUpCompleted, follow_up_id="visit", safety=Safety.UNSAFE)
    review = _deadline(history, "risk_review")
    _set(history, review, "risk_review")
    history.put("KZ", RiskAssessed, assessment_id="again", risk=RiskLevel.HIGH)
    history.put("KZ", ViewsRecorded, views_id="not yet", heard=False)
    history.put("KZ", AssessmentCompleted, assessment_id="whole")
    history.put("KZ", FollowUpCompleted, follow_up_id="next visit", safety=Safety.SAFE)
    history.put("KZ", GuardianEnded, guardian_id="aunt")
    history.put("KZ", FeedbackReceived, feedback_id="words", rating=Satisfaction.SATISFIED)
    history.put("KZ", ComplaintReceived, complaint_id="complaint", against="cw-4f2a")
    _set(history, _deadline(history, "nothing of that name"), "complaint")
    history.put("KZ", ComplaintAnswered, complaint_id="complaint", upheld=True)
    history.put("KZ", MonitoringEnded)
    return history


def searched() -> History:
    history = History(
        "searched", "Missing, searched for here and by a neighbour, found, and looked at anew.",
        shared=False, newest=True,
    )  # fmt: skip
    history.put("KZ", CaseOpened)
    history.put("KZ", MonitoringBegun, since=SINCE)
    history.put("KZ", ChildMissing)
    history.put("KZ", SearchBegun, search_id="search")
    history.put("KZ", SearchExtended, search_id="search", handoff_id="referral")
    history.put("KZ", ChildFound)
    history.put("KZ", SearchEnded, search_id="search")
    history.put("KZ", RiskAssessed, assessment_id="after", risk=RiskLevel.LOW)
    return history


def ended() -> History:
    history = History(
        "ended", "Closure asked for, not granted, granted; and work that began again for a reason.",
        shared=False, newest=True,
    )  # fmt: skip
    history.put("KZ", CaseOpened)
    history.put("KZ", MonitoringBegun, since=SINCE)
    asked = {"reason": "overall_goal_of_the_case_plan", "informed": True}
    history.put("KZ", ClosureRequested, **asked)
    history.put("KZ", ClosureRejected)
    history.put("KZ", ClosureRequested, **asked)
    history.put("KZ", CaseClosed)
    history.put("KZ", MonitoringEnded)
    history.put("KZ", ReopeningJustified, reason="neglect_medical")
    history.put("KZ", CaseReopened)
    history.put("KZ", MonitoringBegun, since=DUE)
    return history


TOLD = (monitored, searched, ended)
