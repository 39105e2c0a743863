"""The part that says what is done for the child: generated, agreed, approved, done.

What it says stands sealed; here stands which item is due when, and whether it keeps her safe. A
plan in use stays in use until the next version is approved.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from events.codes import Agreement, DataScope
from events.errors import BadInput, CodeUnknown, NotAllowedNow, ProtectiveRefusal
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
from events.stamp import Event
from ledger.case.case import Case
from ledger.case.changing import changed
from ledger.case.effects import Effect
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.national import Plan, PlannedItem
from ledger.case.personal import PersonalData
from ledger.case.plane import Plane, with_care


class Planned(NamedTuple):
    """An item that the rules ask for."""

    item_id: UUID
    mandatory: bool
    due_at: datetime


def _plan(plane: Plane, plan_id: UUID, **changes: Any) -> Plane:
    """Return the plane with a plan changed; nothing changes if there is no such plan."""
    before = plane.care.plans.get(plan_id)
    if before is None:
        return plane
    return with_care(plane, plans={**plane.care.plans, plan_id: changed(before, **changes)})


def _generated(plane: Plane, event: ProtectionPlanGenerated) -> Plane:
    """A draft that nobody has submitted gives way to the next one."""
    waiting = {"draft", "submitted"}
    plans = {
        key: changed(one, state="superseded") if one.state in waiting else one
        for key, one in plane.care.plans.items()
    }
    made = Plan(state="draft", number=event.number, concerns=event.concerns)
    return with_care(plane, plans={**plans, event.plan_id: made}, to_plan=None)


def _item(plane: Plane, plan_id: UUID, item_id: UUID, made: PlannedItem) -> Plane:
    plan = plane.care.plans.get(plan_id)
    return plane if plan is None else _plan(plane, plan_id, items={**plan.items, item_id: made})


def _added(plane: Plane, event: PlanItemAdded) -> Plane:
    made = PlannedItem(state="open", mandatory=event.mandatory, due_at=event.due_at)
    return _item(plane, event.plan_id, event.item_id, made)


def _ended(plane: Plane, event: PlanItemRemoved | PlanItemFinished, state: str) -> Plane:
    plan = plane.care.plans.get(event.plan_id)
    item = None if plan is None else plan.items.get(event.item_id)
    if item is None:
        return plane
    return _item(plane, event.plan_id, event.item_id, changed(item, state=state))


def _approved(plane: Plane, event: PlanApproved) -> Plane:
    plans = {
        key: changed(one, state="superseded") if one.state == "active" else one
        for key, one in plane.care.plans.items()
    }
    return _plan(with_care(plane, plans=plans), event.plan_id, state="active")


EFFECTS: Mapping[type[Event], Effect] = {
    ProtectionPlanGenerated: _generated,
    PlanItemAdded: _added,
    PlanItemRemoved: lambda plane, event: _ended(plane, event, "removed"),
    PlanSubmitted: lambda plane, event: _plan(
        plane, event.plan_id, state="submitted", submitted_by=event.actor.id
    ),
    PlanApproved: _approved,
    PlanRejected: lambda plane, event: _plan(plane, event.plan_id, state="draft"),
    PlanItemFinished: lambda plane, event: _ended(
        plane, event, "done" if event.done else "not_done"
    ),
    PlanReviewed: lambda plane, event: _plan(plane, event.plan_id, review_by=event.review_by),
    PlanCompleted: lambda plane, event: _plan(plane, event.plan_id, state="completed"),
}


def has_to_be_planned(case: Case) -> bool:
    """Say whether the rules have to be asked for a plan, by the country that answers for her."""
    return case.goes_on_here and case.national.care.to_plan is not None


def generate_plan(
    matter: Matter,
    /,
    *,
    plan_id: UUID,
    cause: UUID,
    rules: str,
    items: tuple[Planned, ...],
    data: PersonalData,
) -> Drafts:
    """Record the plan that follows from the rules; what it says and why is sealed."""
    matter.require_known()
    matter.require_going_on()
    matter.require_responsible()
    matter.require_program()
    data.require_only({DataScope.PROTECTION}, "a plan")
    care = matter.case.national.care
    if cause != care.to_plan:
        raise NotAllowedNow(
            f"case {matter.case.case_id} has a plan meanwhile, or something is new", rule="cause"
        )
    if not items:
        raise ProtectiveRefusal("a plan without anything to do is none", rule="plan_empty")
    number = 1 + max((one.number for one in care.plans.values()), default=0)
    fields = {"plan_id": plan_id, "number": number, "cause": cause, "concerns": care.concerns}
    return (
        Draft(ProtectionPlanGenerated, fields, data=data, rules=rules),
        *(
            Draft(PlanItemAdded, {"plan_id": plan_id, **one._asdict()}, rules=rules)
            for one in items
        ),
    )


def add_item(
    matter: Matter,
    /,
    *,
    plan_id: UUID,
    due_on: date,
    data: PersonalData,
    item_id: UUID | None = None,
) -> Drafts:
    """Add something to a draft; what it is, is data: `protection.activity` of `plan_activity`."""
    _standing(matter, plan_id, "draft")
    matter.require_working()
    matter.require_day_ahead(due_on, "the day by which it is done")
    item_id = item_id or matter.new_id()
    if DataScope.PROTECTION not in data.scopes:
        raise BadInput("what is to be done is data of scope protection", rule="data_given")
    coded = data.coded(DataScope.PROTECTION, "activity", list_id="plan_activity", key=item_id)
    if coded is data:
        raise CodeUnknown("protection.activity is a code of the list 'plan_activity'", rule="code")
    due_at = datetime.combine(due_on, datetime.max.time(), tzinfo=matter.at.tzinfo)
    fields = {"plan_id": plan_id, "item_id": item_id, "mandatory": False, "due_at": due_at}
    return (Draft(PlanItemAdded, fields, data=coded),)


def remove_item(
    matter: Matter, /, *, plan_id: UUID, item_id: UUID, data: PersonalData | None = None
) -> Drafts:
    """Take something out of a draft; what keeps her safe only a supervisor, with a reason."""
    plan = _standing(matter, plan_id, "draft")
    matter.require_working()
    item = _open_item(matter, plan, item_id)
    if item.mandatory:
        matter.require_supervising()
        _require_reason(data, "this keeps the child safe: say why it is not to be done")
    return (Draft(PlanItemRemoved, {"plan_id": plan_id, "item_id": item_id}, data=data),)


def submit_plan(
    matter: Matter,
    /,
    *,
    plan_id: UUID,
    child: Agreement,
    caregiver: Agreement,
    data: PersonalData | None = None,
) -> Drafts:
    """Ask somebody else to approve a plan, and say whether she and who cares for her agree.

    Who was not asked, or disagrees, is a reason to be given: data of scope narrative.
    """
    _standing(matter, plan_id, "draft")
    matter.require_working()
    if Agreement.UNKNOWN in {child, caregiver}:
        raise CodeUnknown("agreement is agrees, disagrees or not_asked", rule="agreement")
    if {child, caregiver} != {Agreement.AGREES}:
        _require_reason(data, "say why somebody was not asked, or does not agree")
    fields = {"plan_id": plan_id, "child": child, "caregiver": caregiver}
    return (Draft(PlanSubmitted, fields, data=data),)


def approve_plan(matter: Matter, /, *, plan_id: UUID) -> Drafts:
    """Let a plan be followed; never as the one who submitted it. It answers every open concern."""
    plan = _standing(matter, plan_id, "submitted")
    _require_second(matter, plan)
    missing = set(matter.case.national.care.concerns) - set(plan.concerns)
    if missing:
        raise ProtectiveRefusal(
            f"case {matter.case.case_id}: {len(missing)} concerns are newer than this plan; a new"
            " version is on its way",
            rule="concerns_answered",
        )
    return (Draft(PlanApproved, {"plan_id": plan_id}),)


def reject_plan(matter: Matter, /, *, plan_id: UUID, data: PersonalData) -> Drafts:
    """Give a plan back to be worked on; why is data of scope narrative."""
    plan = _standing(matter, plan_id, "submitted")
    _require_second(matter, plan)
    _require_reason(data, "say why it is given back")
    return (Draft(PlanRejected, {"plan_id": plan_id}, data=data),)


def finish_item(
    matter: Matter,
    /,
    *,
    plan_id: UUID,
    item_id: UUID,
    done: bool,
    data: PersonalData | None = None,
) -> Drafts:
    """Say that something was done, or will not be; why not is data of scope narrative."""
    plan = _standing(matter, plan_id, "active")
    matter.require_care()
    _open_item(matter, plan, item_id)
    if not done:
        _require_reason(data, "say why it will not be done")
    fields = {"plan_id": plan_id, "item_id": item_id, "done": done}
    return (Draft(PlanItemFinished, fields, data=data),)


def review_plan(matter: Matter, /, *, plan_id: UUID, review_by: date) -> Drafts:
    """Say that somebody has looked whether the plan still helps, and when somebody looks again."""
    _standing(matter, plan_id, "active")
    matter.require_working()
    matter.require_day_ahead(review_by, "the day of the next look")
    return (Draft(PlanReviewed, {"plan_id": plan_id, "review_by": review_by}),)


def complete_plan(matter: Matter, /, *, plan_id: UUID) -> Drafts:
    """Say that everything in a plan is done, or will not be."""
    plan = _standing(matter, plan_id, "active")
    matter.require_supervising()
    still = sum(one.state == "open" for one in plan.items.values())
    if still:
        raise NotAllowedNow(f"{still} things of plan {plan_id} are open", rule="items_open")
    return (Draft(PlanCompleted, {"plan_id": plan_id}),)


def _standing(matter: Matter, plan_id: UUID, state: str) -> Plan:
    matter.require_known()
    matter.require_going_on()
    matter.require_responsible()
    plan = matter.case.national.care.plans.get(plan_id)
    if plan is None or plan.state != state:
        is_what = "unknown" if plan is None else plan.state
        raise NotAllowedNow(f"plan {plan_id} is {is_what}, not {state}", rule="plan_state")
    return plan


def _require_second(matter: Matter, plan: Plan) -> None:
    matter.require_supervising()
    if plan.submitted_by == matter.by.id:
        raise ProtectiveRefusal("who submitted a plan does not decide on it", rule="four_eyes")


def _require_reason(data: PersonalData | None, words: str) -> None:
    if data is None or DataScope.NARRATIVE not in data.scopes:
        raise ProtectiveRefusal(f"{words} (--data, scope narrative)", rule="reason_given")


def _open_item(matter: Matter, plan: Plan, item_id: UUID) -> PlannedItem:
    item = plan.items.get(item_id)
    if item is None or item.state != "open":
        raise NotAllowedNow(
            f"case {matter.case.case_id}: item {item_id} is not open in this plan",
            rule="item_known",
        )
    return item
