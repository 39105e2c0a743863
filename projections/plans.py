"""Protection plans: each version, how far it is, and who submitted it."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from ledger.case.national import Plan
from projections.change import (
    ACCESS,
    BLOCK,
    CARE,
    CASE,
    CONSENT,
    DATA,
    DUPLICATE,
    ERASURE,
    GOVERNANCE,
    MEASURE,
    MONITORING,
    NOTICE,
    PLAN,
    REFERRAL,
    ROUTING,
    TRANSFER,
    WITHDRAWAL,
    Change,
    Opinions,
    on,
)
from projections.table import Row, Table, plain

TABLE = Table(
    name="plans",
    columns={
        "case_id": "uuid NOT NULL",
        "plan_id": "uuid NOT NULL",
        "number": "int4 NOT NULL",
        "state": "text NOT NULL",  # draft, submitted, active, superseded, completed
        "concerns": "int4 NOT NULL",
        "items": "int4 NOT NULL",
        "open_items": "int4 NOT NULL",
        "next_due_at": "timestamptz",
        "submitted_by": "text",
        "review_by": "date",
        "rules": "text",  # of the event that generated it
        "generated_at": "timestamptz",
    },
    key=("case_id", "plan_id"),
    kept=("rules", "generated_at"),
)


def _differing(change: Change) -> Iterable[Row]:
    """Return a row for every plan that the event changed: an approval ends the one before."""
    before, after = change.before.care.plans, change.after.care.plans
    return [
        _row(change, plan_id, plan, is_new=plan_id not in before)
        for plan_id, plan in after.items()
        if plan is not before.get(plan_id)
    ]


def _row(change: Change, plan_id: UUID, plan: Plan, *, is_new: bool) -> Row:
    event = change.event
    assert event is not None
    still = [one for one in plan.items.values() if one.state == "open"]
    by = None if plan.submitted_by is None else plain(plan.submitted_by)
    rules = plain(event.rules) if is_new and event.rules is not None else None
    said = (plan.number, plan.state, len(plan.concerns), len(plan.items), len(still))
    due = min((one.due_at for one in still), default=None)
    made = (rules, event.recorded_at if is_new else None)
    return (change.record.case_id, plan_id, *said, due, by, plan.review_by, *made)


OPINIONS: Opinions = {
    **on(PLAN, _differing),
    # What has changed with the child is asked of the rules; a plan changes by its own events.
    **on(f"{CARE} {ROUTING} {CASE} {CONSENT} {WITHDRAWAL} {REFERRAL} {TRANSFER} {DATA}"),
    **on(f"{ACCESS} {ERASURE} {BLOCK} {GOVERNANCE} {MONITORING}"),
    **on(f"{DUPLICATE} {MEASURE}"),
    **on(NOTICE),
}
