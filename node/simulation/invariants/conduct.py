"""How people decide, and that nothing of it is lost: four eyes, no strangers, one country."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from events.codes import Role
from node.simulation.history import Line, Story, in_order

#: Roles that decide nothing in a simulated case.
_STRANGERS = {Role.BORDER_OFFICER, Role.AUDITOR}
#: What is recorded about a person who was refused or only looked.
_ABOUT = {"RefusalRecorded", "AccessDenied", "PersonalDataAccessed", "WithdrawalAsked"}
#: What is said once when a time has passed: the event, and the fields that name what had it.
_LAPSES: Mapping[str, tuple[str, ...]] = {
    "ReferralExpired": ("handoff_id",),
    "TransferExpired": ("handoff_id",),
    "RoutingLapsed": ("routing_id",),
    "DeadlineBreached": ("deadline_id",),
    "DeadlineEscalated": ("deadline_id", "told"),
}


def two_people_where_two_are_asked(story: Story) -> Iterator[str]:
    """Four eyes: who asked does not approve: closures, plans, overrides, their reviews."""
    for country, told in story.told.items():
        lines = in_order(told.own, country)
        yield from _closures(lines)
        yield from _plans(lines)
        yield from _overrides(lines)
        yield from _withdrawals(lines)


def _closures(lines: list[Line]) -> Iterator[str]:
    """The newest request is what a closing answers."""
    asked: str | None = None
    for line in lines:
        event: Any = line.event
        if line.kind == "ClosureRequested":
            asked = event.actor.id
        elif line.kind == "CaseClosed":
            if asked in {None, event.actor.id}:
                yield f"{event.event_id} closed what nobody else had asked to close"
            asked = None


def _plans(lines: list[Line]) -> Iterator[str]:
    submitted: dict[Any, str] = {}
    for line in lines:
        event: Any = line.event
        if line.kind == "PlanSubmitted":
            submitted[event.plan_id] = event.actor.id
        decides = line.kind in {"PlanApproved", "PlanRejected"}
        if decides and submitted.get(event.plan_id) in {None, event.actor.id}:
            yield f"{event.event_id} decided on a plan of one's own"


def _overrides(lines: list[Line]) -> Iterator[str]:
    asked = {
        line.event.basis_id: line.event.requested_by  # type: ignore[attr-defined]
        for line in lines
        if line.kind == "BasisRecorded"
    }
    approved: set[Any] = set()
    for line in lines:
        event: Any = line.event
        if line.kind == "OverrideReviewed" and asked.get(event.override_id) == event.actor.id:
            yield f"{event.event_id} reviewed what one had asked for"
        if line.kind != "OverrideApproved" or event.override_id in approved:
            continue
        approved.add(event.override_id)  # later it is published, by whoever shares the case
        if asked.get(event.override_id) in {None, event.actor.id}:
            yield f"{event.event_id} approved what one had asked for"


def _withdrawals(lines: list[Line]) -> Iterator[str]:
    asked: dict[Any, Any] = {}
    for line in lines:
        event: Any = line.event
        if line.kind == "WithdrawalAsked":
            asked[event.basis_id] = event.giver
        elif line.kind == "WithdrawalReviewed" and asked.get(event.basis_id) == event.actor.id:
            yield f"{event.event_id} reviewed what one had asked for"


def all_countries_name_the_same_one(story: Story) -> Iterator[str]:
    """Exactly one responsible country per child, and every country names the same."""
    files = [one.file for one in story.told.values() if one.file is not None]
    shared = [file for file in files if file["is_shared"]]
    named = {file["responsible"] for file in (shared or files)}
    if len(named) != 1 or None in named:
        yield f"answers: {sorted(map(str, named))}"


def nobody_decides_who_may_not(story: Story) -> Iterator[str]:
    """What was refused left no effect: nothing stands by a role that decides nothing here.

    Nor by a person while a block stood against him.
    """
    for country, told in story.told.items():
        excluded: dict[Any, tuple[str, ...]] = {}
        for line in in_order(told.own, country):
            event: Any = line.event
            if line.kind == "BlockPlaced":
                excluded[event.block_id] = event.persons
            elif line.kind == "BlockLifted":
                excluded.pop(event.block_id, None)
            elif line.kind not in _ABOUT:
                out = any(event.actor.id in persons for persons in excluded.values())
                if event.actor.role in _STRANGERS or out:
                    yield f"{event.event_id} was decided by somebody who decides nothing here"


def every_version_once(story: Story) -> Iterator[str]:
    """Nothing is lost, doubled or reordered: versions are 1, 2, 3 … in every mirror."""
    for country, told in story.told.items():
        for lines in (told.shared, told.national):
            versions: dict[str, list[int]] = {}
            for line in lines:
                versions.setdefault(line.event.origin, []).append(line.event.version)
            for origin, found in versions.items():
                if found != list(range(1, len(found) + 1)):
                    yield f"{country} has not every version of {origin} once, in order"
            ids = Counter(line.event.event_id for line in lines)
            if ids and max(ids.values()) > 1:
                yield f"{country} has an event twice"


def every_lapse_once(story: Story) -> Iterator[str]:
    """Every breach of a deadline is recorded once: one lapse, one expiry for what had a time."""
    for country, told in story.told.items():
        seen: Counter[tuple[str, Any]] = Counter()
        for line in (*told.shared, *told.national):
            if line.kind in _LAPSES:
                named = tuple(getattr(line.event, name) for name in _LAPSES[line.kind])
                seen[line.kind, named] += 1
        for (kind, named), often in seen.items():
            if often > 1:
                yield f"{country} has {kind} {often} times for {named[0]}"
