"""The part that follows a case until its end: by when what is missing has to be there.

Deadlines follow from events and from a rule pack alone. A program sets them and says that one is
over, once; a person sees how the child is. Everything of it is national.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from events.codes import DataScope, Safety
from events.errors import BadInput, CodeUnknown, NotAllowedNow
from events.monitoring import (
    ContactAttempted,
    DeadlineBreached,
    DeadlineEscalated,
    DeadlineSet,
    DeadlinesReckoned,
    FollowUpCompleted,
    MonitoringBegun,
    MonitoringEnded,
)
from events.stamp import Event
from ledger.case.case import Case
from ledger.case.changing import changed
from ledger.case.clocks import clock_of
from ledger.case.effects import Effect
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.national import Deadline
from ledger.case.personal import PersonalData
from ledger.case.plane import Plane, with_care


class Reckoned(NamedTuple):
    """By when the rules want something to be there."""

    deadline_id: UUID
    step: str
    subject: UUID | None
    begins_at: datetime
    due_at: datetime


def _set(plane: Plane, event: DeadlineSet) -> Plane:
    """A deadline that was breached stays so, whatever the rules say afterwards."""
    before = plane.care.deadlines.get(event.deadline_id)
    if clock_of(plane, event.deadline_id) is None or (before is not None and before.breached):
        return plane
    made = Deadline(due_at=event.due_at, next_at=event.due_at)
    return with_care(plane, deadlines={**plane.care.deadlines, event.deadline_id: made})


def _over(plane: Plane, deadline_id: UUID, **changes: Any) -> Plane:
    before = plane.care.deadlines.get(deadline_id)
    if before is None:
        return plane
    after = changed(before, **changes)
    return with_care(plane, deadlines={**plane.care.deadlines, deadline_id: after})


def _followed_up(plane: Plane, event: FollowUpCompleted) -> Plane:
    unsafe = event.follow_up_id if event.safety is Safety.UNSAFE else plane.care.unsafe
    said = {"last_follow_up": event.follow_up_id, "unsafe": unsafe}
    return with_care(plane, contacted=True, attempts=(), **said)


EFFECTS: Mapping[type[Event], Effect] = {
    MonitoringBegun: lambda plane, _event: with_care(plane, monitored=True),
    MonitoringEnded: lambda plane, _event: with_care(plane, monitored=False, to_reckon=None),
    DeadlinesReckoned: lambda plane, _event: with_care(plane, to_reckon=None),
    DeadlineSet: _set,
    DeadlineBreached: lambda plane, event: _over(
        plane, event.deadline_id, breached=True, next_at=event.next_at
    ),
    DeadlineEscalated: lambda plane, event: _over(
        plane, event.deadline_id, told=event.told, next_at=event.next_at
    ),
    FollowUpCompleted: _followed_up,
    ContactAttempted: lambda plane, event: with_care(
        plane, attempts=(*plane.care.attempts, event.occurred_at.date())
    ),
}


def begun_again(case: Case) -> int:
    """Return how often this country began to answer for a case that goes on, after it was opened.

    It took the case over, reopened it, or parted it from another one.
    """
    plane = case.ahead if case.is_shared else case.national
    taken = sum(
        one.state in {"moved", "completed"} and one.receiver == case.country
        for one in plane.transfers.values()
    )
    parted = sum(one.state == "parted" for one in plane.suspicions.values())
    return taken + parted + plane.identity.closures


def begin_monitoring(matter: Matter, /, *, since: datetime) -> Drafts:
    """Let deadlines run, since this country answers for the child."""
    matter.require_known()
    matter.require_program()
    if not matter.case.goes_on_here or matter.case.national.care.monitored:
        raise NotAllowedNow(f"case {matter.case.case_id} is monitored, or ended", rule="monitored")
    if since > matter.at:
        raise BadInput("monitoring does not begin in the future", rule="since")
    return (Draft(MonitoringBegun, {"since": since}),)


def end_monitoring(matter: Matter, /) -> Drafts:
    """Let no deadline run any more: the case has ended, or another country answers for it."""
    matter.require_known()
    matter.require_program()
    if matter.case.goes_on_here or not matter.case.national.care.monitored:
        raise NotAllowedNow(f"case {matter.case.case_id} goes on here", rule="monitored")
    return (Draft(MonitoringEnded),)


def reckon_deadlines(
    matter: Matter,
    /,
    *,
    decision_id: UUID,
    cause: UUID,
    rules: str,
    deadlines: tuple[Reckoned, ...],
    data: PersonalData,
) -> Drafts:
    """Record by when the rules want what is missing to be there; why is sealed."""
    _require_monitored(matter)
    data.require_only({DataScope.PROTECTION}, "what the rules decided")
    plane = matter.case.national
    if cause != plane.care.to_reckon:
        raise NotAllowedNow(
            f"case {matter.case.case_id} was reckoned meanwhile, or something is new", rule="cause"
        )
    for one in deadlines:
        if clock_of(plane, one.deadline_id) is None:
            raise NotAllowedNow(f"nothing is missing for {one.deadline_id}", rule="deadline_known")
    fields = {"decision_id": decision_id, "cause": cause}
    return (
        Draft(DeadlinesReckoned, fields, data=data, rules=rules),
        *(Draft(DeadlineSet, one._asdict(), rules=rules) for one in deadlines),
    )


def breach_deadline(
    matter: Matter, /, *, deadline_id: UUID, rules: str, next_at: datetime | None = None
) -> Drafts:
    """Say that something was not there in time."""
    deadline = _running(matter, deadline_id)
    if deadline.breached or matter.at < deadline.due_at:
        raise NotAllowedNow(f"deadline {deadline_id} is not over, or was", rule="deadline_over")
    fields = {"deadline_id": deadline_id, "next_at": next_at}
    return (Draft(DeadlineBreached, fields, rules=rules),)


def escalate_deadline(
    matter: Matter,
    /,
    *,
    deadline_id: UUID,
    told: int,
    role: str,
    rules: str,
    next_at: datetime | None = None,
) -> Drafts:
    """Say that it is still not there, and that the next one is told."""
    deadline = _running(matter, deadline_id)
    if not deadline.breached or deadline.next_at is None or matter.at < deadline.next_at:
        raise NotAllowedNow(f"of deadline {deadline_id} nobody else is told yet", rule="next_at")
    if told != deadline.told + 1:
        raise NotAllowedNow(f"deadline {deadline_id} has been told to {deadline.told}", rule="told")
    fields = {"deadline_id": deadline_id, "told": told, "role": role, "next_at": next_at}
    return (Draft(DeadlineEscalated, fields, rules=rules),)


def complete_follow_up(
    matter: Matter,
    /,
    *,
    safety: Safety,
    data: PersonalData | None = None,
    follow_up_id: UUID | None = None,
) -> Drafts:
    """Say how the child was found; unsafe asks for a new look at the risk.

    Kind and with whom are data: `protection.follow_up`, `protection.followed_up_with`, codes of
    those lists.
    """
    _require_seeing(matter)
    if safety is Safety.UNKNOWN:
        raise CodeUnknown("how safe she is: safe, concern or unsafe", rule="safety")
    follow_up_id = follow_up_id or matter.new_id()
    if data is not None:
        for field in ("follow_up", "followed_up_with"):
            data = data.coded(DataScope.PROTECTION, field, list_id=field, key=follow_up_id)
    fields = {"follow_up_id": follow_up_id, "safety": safety}
    return (Draft(FollowUpCompleted, fields, data=data),)


def attempt_contact(
    matter: Matter, /, *, data: PersonalData | None = None, attempt_id: UUID | None = None
) -> Drafts:
    """Say that somebody has tried to reach the child in vain; how is data."""
    _require_seeing(matter)
    return (Draft(ContactAttempted, {"attempt_id": attempt_id or matter.new_id()}, data=data),)


def _require_seeing(matter: Matter) -> None:
    matter.require_known()
    matter.require_going_on()
    matter.require_responsible()
    matter.require_care()


def _require_monitored(matter: Matter) -> None:
    matter.require_known()
    matter.require_program()
    if not matter.case.national.care.monitored:
        raise NotAllowedNow(f"case {matter.case.case_id} is not monitored", rule="monitored")


def _running(matter: Matter, deadline_id: UUID) -> Deadline:
    _require_monitored(matter)
    deadline = matter.case.national.care.deadlines.get(deadline_id)
    if deadline is None:
        raise NotAllowedNow(
            f"case {matter.case.case_id} has no deadline {deadline_id}", rule="deadline_known"
        )
    return deadline
