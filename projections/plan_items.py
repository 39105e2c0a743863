"""What is done for the children: each item of each plan, by when, and whether it keeps her safe."""

from __future__ import annotations

from collections.abc import Iterable

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
from projections.table import Row, Table

TABLE = Table(
    name="plan_items",
    columns={
        "case_id": "uuid NOT NULL",
        "plan_id": "uuid NOT NULL",
        "item_id": "uuid NOT NULL",
        "state": "text NOT NULL",  # open, done, not_done, removed
        "mandatory": "bool NOT NULL",
        "due_at": "timestamptz NOT NULL",
        "since": "timestamptz NOT NULL",
    },
    key=("case_id", "plan_id", "item_id"),
    indexes=("(due_at) WHERE state = 'open'",),
)


def _differing(change: Change) -> Iterable[Row]:
    event = change.event
    assert event is not None
    before = change.before.care.plans
    found = []
    for plan_id, plan in change.after.care.plans.items():
        earlier = before.get(plan_id)
        if plan is earlier:
            continue
        known = {} if earlier is None else earlier.items
        found += [
            (
                *(change.record.case_id, plan_id, item_id, item.state),
                *(item.mandatory, item.due_at, event.recorded_at),
            )
            for item_id, item in plan.items.items()
            if item is not known.get(item_id)
        ]
    return found


OPINIONS: Opinions = {
    **on(PLAN, _differing),
    **on(f"{CARE} {ROUTING} {CASE} {CONSENT} {WITHDRAWAL} {REFERRAL} {TRANSFER} {DATA}"),
    **on(f"{ACCESS} {ERASURE} {BLOCK} {GOVERNANCE} {MONITORING}"),
    **on(f"{DUPLICATE} {MEASURE}"),
    **on(NOTICE),
}
