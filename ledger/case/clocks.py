"""What is missing for a child, and since when: the clocks by which deadlines run.

A clock runs as long as something is missing. Nothing starts or stops it but events: after each
national event the clocks are what `missing` says of the state, and a new one began with the event
that made it so. By when it has to be there the rules say (ledger/rules/deadlines.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import NamedTuple
from uuid import UUID, uuid5

from events.monitoring import MonitoringBegun
from events.stamp import Event
from ledger.case.national import Care, Clock
from ledger.case.plane import Plane, with_care


class Missing(NamedTuple):
    """One thing that is not there."""

    step: str
    subject: UUID | None = None
    due_at: datetime | None = None
    #: Whether there can be several of them at a time.
    several: bool = False

    @property
    def key(self) -> str:
        """Name it among what else is missing."""
        return f"{self.step}/{self.subject}" if self.several else self.step


def missing(plane: Plane) -> Iterator[Missing]:
    """Yield what is missing for a child whom this country answers for."""
    care = plane.care
    if not care.monitored:
        return
    yield from _first_steps(care)
    yield from _of_plans(care)
    if care.contacted:
        yield Missing("follow_up", care.last_follow_up)
    if care.unsafe is not None:
        yield Missing("risk_review", care.unsafe)
    # A case that is shared ends on the other topic: it shows here when it is reopened.
    if care.closure_requested > max(plane.identity.closures, care.closure_reopened):
        yield Missing("closure_decision")
    if care.search is not None:
        yield Missing("child_missing", care.search)
    for complaint_id in care.complaints:
        yield Missing("complaint", complaint_id, several=True)


def _first_steps(care: Care) -> Iterator[Missing]:
    there = {
        "first_contact": care.contacted,
        "guardian": bool(care.guardians),
        "risk": care.risk_assessed,
        "views": care.views_told,
        "assessment": care.assessed,
    }
    yield from (Missing(step) for step, is_there in there.items() if not is_there)


def _of_plans(care: Care) -> Iterator[Missing]:
    for plan_id, plan in care.plans.items():
        if plan.state == "draft":
            yield Missing("plan_submission", plan_id)
        elif plan.state == "submitted":
            yield Missing("plan_approval", plan_id)
        elif plan.state == "active":
            yield Missing("plan_review", plan_id, _end_of(plan.review_by))
            for item_id, item in plan.items.items():
                if item.state == "open":
                    yield Missing("plan_item", item_id, item.due_at, several=True)


def _end_of(day: date | None) -> datetime | None:
    """Return the last moment of a day (UTC)."""
    return None if day is None else datetime.combine(day, time.max, tzinfo=UTC)


def moved(before: Plane, after: Plane, event: Event) -> Plane:
    """Return the plane after a national event, its clocks and deadlines as the state has them."""
    care = after.care
    if not care.monitored and not care.clocks:
        return after
    wanted = {one.key: one for one in missing(after)}
    clocks = {
        key: known
        for key, one in wanted.items()
        if (known := care.clocks.get(key)) is not None and _is_same(known, one)
    }
    begun = {key: _begun(one, event) for key, one in wanted.items() if key not in clocks}
    if begun or len(clocks) != len(care.clocks):
        running = {one.deadline_id for one in clocks.values()}
        deadlines = {key: one for key, one in care.deadlines.items() if key in running}
        ordered = dict(sorted({**clocks, **begun}.items()))
        after = with_care(after, clocks=ordered, deadlines=deadlines)
    if begun or _asks_anew(before, after):
        after = with_care(after, to_reckon=event.event_id)
    return after


def _is_same(known: Clock, one: Missing) -> bool:
    return (known.subject, known.due_at) == (one.subject, one.due_at)


def _begun(one: Missing, event: Event) -> Clock:
    since = event.since if isinstance(event, MonitoringBegun) else event.recorded_at
    return Clock(
        step=one.step,
        subject=one.subject,
        deadline_id=uuid5(event.event_id, one.key),
        since=since,
        due_at=one.due_at,
    )


def _asks_anew(before: Plane, after: Plane) -> bool:
    """Say whether by when something has to be there may be otherwise now: by risk, by concern."""
    was, now = before.care, after.care
    return now.monitored and (was.risk, was.concerns) != (now.risk, now.concerns)


def clock_of(plane: Plane, deadline_id: UUID) -> Clock | None:
    """Return the clock that a deadline is for; None if what it was set for is there."""
    clocks = plane.care.clocks.values()
    return next((one for one in clocks if one.deadline_id == deadline_id), None)
