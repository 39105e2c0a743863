"""Golden histories of a protection plan, from its generation to its end."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import partial

from events.care import AssessmentCompleted, ConcernRecorded
from events.case import CaseOpened
from events.codes import Agreement
from events.plan import (
    PlanApproved,
    PlanCompleted,
    PlanItemAdded,
    PlanItemFinished,
    PlanItemRemoved,
    PlanRejected,
    PlanReviewed,
    PlanSubmitted,
    ProtectionPlanGenerated,
)
from tests.history import History
from tests.vectors import invented_uuid

DUE = datetime(2026, 3, 9, 9, tzinfo=UTC)
AGREED = {"child": Agreement.AGREES, "caregiver": Agreement.NOT_ASKED}


def _added(history: History, plan: str, item: str, *, mandatory: bool = False) -> None:
    said = {"plan_id": plan, "item_id": item, "mandatory": mandatory, "due_at": DUE}
    history.put("KZ", PlanItemAdded, **said)


def planned() -> History:
    history = History(
        "planned", "Generated, given back, approved, followed, and followed by the next one.",
        shared=False, newest=True,
    )  # fmt: skip

    def generated(plan: str, number: int, *concerns: str) -> None:
        said = tuple(invented_uuid(f"planned/{one}") for one in concerns)
        history.put(
            "KZ", ProtectionPlanGenerated, plan_id=plan, number=number, cause=None, concerns=said
        )

    added = partial(_added, history)
    history.put("KZ", CaseOpened)
    history.put("KZ", ConcernRecorded, concern_id="concern")
    history.put("KZ", AssessmentCompleted, assessment_id="assessment")
    generated("first", 1, "concern")
    added("first", "guardian", mandatory=True)
    added("first", "school")
    history.put("KZ", PlanItemRemoved, plan_id="first", item_id="school")
    history.put("KZ", PlanSubmitted, plan_id="first", **AGREED)
    history.put("KZ", PlanRejected, plan_id="first")
    added("first", "language class")
    history.put("KZ", PlanSubmitted, plan_id="first", **AGREED)
    history.put("KZ", PlanApproved, plan_id="first")
    history.put("KZ", PlanItemFinished, plan_id="first", item_id="guardian", done=True)
    history.put("KZ", PlanReviewed, plan_id="first", review_by=date(2026, 4, 1))
    history.put("KZ", ConcernRecorded, concern_id="another")
    generated("second", 2, "concern", "another")
    added("second", "doctor", mandatory=True)
    generated("third", 3, "concern", "another")
    added("third", "doctor", mandatory=True)
    history.put("KZ", PlanSubmitted, plan_id="third", **AGREED)
    history.put("KZ", PlanApproved, plan_id="third")
    history.put("KZ", PlanItemFinished, plan_id="third", item_id="doctor", done=False)
    history.put("KZ", PlanCompleted, plan_id="third")
    history.put("KZ", PlanApproved, plan_id="nobody has generated this one")
    return history


TOLD = (planned,)
