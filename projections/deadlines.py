"""Deadlines: by when something has to be there for a child, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from events.monitoring import DeadlineBreached, MonitoringEnded
from events.registry import CLASSES
from events.stamp import Event
from ledger.case.national import Clock, Deadline
from projections.change import Change, Opinions
from projections.table import Row, Table, plain

TABLE = Table(
    name="deadlines",
    columns={
        "case_id": "uuid NOT NULL",
        "deadline_id": "uuid NOT NULL",
        "step": "text NOT NULL",
        "subject": "uuid",
        # running; met, late (there after its time), lifted (not watched here any more)
        "state": "text NOT NULL",
        "begins_at": "timestamptz NOT NULL",
        "due_at": "timestamptz NOT NULL",
        "breached_at": "timestamptz",
        "told": "int4 NOT NULL",  # how many were told after the breach
        "next_at": "timestamptz",
        "ended_at": "timestamptz",
        "rules": "text",  # of the event that set or breached it
    },
    key=("case_id", "deadline_id"),
    indexes=("(next_at) WHERE next_at IS NOT NULL", "(due_at) WHERE state = 'running'"),
    kept=("breached_at", "rules"),
)


def _differing(change: Change) -> Iterable[Row]:
    """Return a row for each deadline that an event set, moved or ended: any national one may."""
    before, after = change.before.care, change.after.care
    if before.deadlines is after.deadlines:
        return ()
    event = change.event
    assert event is not None
    clocks = {one.deadline_id: one for one in (*before.clocks.values(), *after.clocks.values())}
    found = [
        _row(change, event, clocks[key], one, "running")
        for key, one in after.deadlines.items()
        if one is not before.deadlines.get(key)
    ]
    found += [
        _row(change, event, clocks[key], one, _ended(event, one))
        for key, one in before.deadlines.items()
        if key not in after.deadlines
    ]
    return found


def _ended(event: Event, one: Deadline) -> str:
    if isinstance(event, MonitoringEnded):
        return "lifted"
    return "met" if event.recorded_at <= one.due_at else "late"


def _row(change: Change, event: Event, clock: Clock, one: Deadline, state: str) -> Row:
    is_running = state == "running"
    breached_at = event.recorded_at if isinstance(event, DeadlineBreached) else None
    rules = plain(event.rules) if is_running and event.rules is not None else None
    key = (change.record.case_id, clock.deadline_id, clock.step, clock.subject)
    ends = (one.next_at if is_running else None, None if is_running else event.recorded_at)
    times = (clock.since, one.due_at, breached_at, one.told)
    return (*key, state, *times, *ends, rules)


def breached(change: Change) -> Iterable[UUID]:
    """Return the deadlines that an event ended after they had been breached."""
    before, after = change.before.care.deadlines, change.after.care.deadlines
    if before is after:
        return ()
    return [key for key, one in before.items() if one.breached and key not in after]


#: Whatever a country records may be what was missing, or take it away again.
OPINIONS: Opinions = dict.fromkeys(CLASSES.values(), _differing)
