"""Moves that answer what the rules of a country have directed and planned; none without rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from events.codes import Agreement
from ledger.case import plan, routing
from node.simulation import invented
from node.simulation.moves import WORKED, Move
from node.simulation.seen import Seen

_REASONS = ("no_capacity", "language", "outside_area")
_AGREED = {"child": Agreement.AGREES, "caregiver": Agreement.AGREES}


def _asked(seen: Seen) -> bool:
    return seen.answers and bool(seen.routings("asked"))


def _routing(seen: Seen) -> Mapping[str, Any]:
    return {"routing_id": seen.one(seen.routings("asked"))[0]}


def in_state(state: str) -> Any:
    """Say that there is a plan in a state."""
    return lambda seen: seen.answers and bool(seen.plans(state))


def plan_id(seen: Seen, state: str) -> Mapping[str, Any]:
    """Return which plan in a state it is about."""
    return {"plan_id": seen.plans(state)[0][0]}


def _open_items(seen: Seen) -> list[tuple[UUID, UUID]]:
    return [
        (plan_id, item_id)
        for plan_id, one in seen.plans("active")
        for item_id, item in one.items.items()
        if item.state == "open"
    ]


def _finished(seen: Seen) -> Mapping[str, Any]:
    plan_id, item_id = seen.one(_open_items(seen))
    done = seen.chance(0.8)
    why = None if done else invented.words()
    return {"plan_id": plan_id, "item_id": item_id, "done": done, "data": why}


MOVES = (
    Move(take=routing.accept_routing, when=_asked, arguments=_routing, weight=4),
    Move(
        take=routing.decline_routing,
        when=lambda seen: _asked(seen) and not seen.ends,
        arguments=lambda seen: {**_routing(seen), "reason": seen.one(_REASONS)},
        weight=0.4,
    ),
    Move(
        take=plan.submit_plan,
        when=in_state("draft"),
        arguments=lambda seen: {**plan_id(seen, "draft"), **_AGREED},
        by=lambda seen: seen.cast["supervisor" if seen.chance(0.3) else "caseworker"],
        weight=6,
        kinds=WORKED,
    ),
    Move(
        take=plan.add_item,
        when=in_state("draft"),
        arguments=lambda seen: {
            **plan_id(seen, "draft"),
            "due_on": seen.after(20),
            "data": invented.activity(),
            "item_id": seen.id(),
        },
        weight=0.5,
        kinds=WORKED,
    ),
    Move(
        take=plan.approve_plan,
        when=in_state("submitted"),
        arguments=lambda seen: plan_id(seen, "submitted"),
        by="second",
        weight=6,
        kinds=WORKED,
    ),
    Move(
        take=plan.reject_plan,
        when=in_state("submitted"),
        arguments=lambda seen: {**plan_id(seen, "submitted"), "data": invented.words()},
        by="second",
        weight=0.6,
        kinds=WORKED,
    ),
    Move(
        take=plan.finish_item,
        when=lambda seen: seen.answers and bool(_open_items(seen)),
        arguments=_finished,
        weight=3,
        kinds=WORKED,
    ),
    Move(
        take=plan.review_plan,
        when=in_state("active"),
        arguments=lambda seen: {**plan_id(seen, "active"), "review_by": seen.after(30)},
        weight=0.8,
        kinds=WORKED,
    ),
    Move(
        take=plan.complete_plan,
        when=lambda seen: in_state("active")(seen) and not _open_items(seen),
        arguments=lambda seen: plan_id(seen, "active"),
        by="supervisor",
        weight=3,
        kinds=WORKED,
    ),
)
