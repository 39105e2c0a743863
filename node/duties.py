"""Whose a task is: for which roles, which organisation it waits for, who must not do it; and when.

A guard decides who may do something (ledger.case); this says who is expected to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from events.codes import Role
from ledger.case.matter import ANSWERING, SUPERVISING, WORKING
from node.place import Place
from node.reading import Reader, reader
from node.tasks import open_tasks
from projections.task_rows import (
    ACCESS_REVIEW,
    DEADLINE,
    FOUND_VOID,
    KEYS_OWED,
    OVERRIDE_REVIEW,
    OWN_CONSENT,
    PLAN_APPROVAL,
    PLAN_DRAFT,
    ROUTING_ANSWER,
    SHARING_LOST,
    URGENT_MEASURE,
    WITHDRAWAL_REVIEW,
)

Task = dict[str, Any]

#: Kind of task -> roles that it is for. What stands nowhere here is for supervisors.
ROLES: Final[Mapping[str, frozenset[str]]] = {
    FOUND_VOID: WORKING,
    SHARING_LOST: WORKING,
    OVERRIDE_REVIEW: SUPERVISING,
    WITHDRAWAL_REVIEW: SUPERVISING,
    ACCESS_REVIEW: ANSWERING,
    KEYS_OWED: SUPERVISING,
    OWN_CONSENT: WORKING,
    ROUTING_ANSWER: WORKING | {Role.PROVIDER},
    PLAN_DRAFT: WORKING,
    PLAN_APPROVAL: SUPERVISING,
    DEADLINE: WORKING,
    URGENT_MEASURE: WORKING,
}
#: How far ahead somebody looks who asks for today: today and the six days after.
_WEEK: Final = timedelta(days=7)
#: What is due when, in the order in which it is done.
WHEN: Final = ("overdue", "today", "week")


@dataclass(frozen=True)
class Known:
    """What other read models say of tasks, by the subject of each."""

    #: Routing -> the organisation that is asked; the duty desk is none.
    asked: Mapping[UUID, str] = field(default_factory=dict)
    #: Subject of a task -> the person who must not do it.
    not_by: Mapping[UUID, str] = field(default_factory=dict)
    #: Organisation -> cases that it works on.
    works_on: Mapping[str, frozenset[UUID]] = field(default_factory=dict)


def to_do(
    where: Place,
    *,
    kind: str | None = None,
    role: str | None = None,
    organisation: str | None = None,
    only_today: bool = False,
) -> list[Task]:
    """Return the open tasks of a node that are of a kind, for a role, for an organisation."""
    with reader(where) as found:
        said = known(found, organisation)
        listed = assigned(open_tasks(found, kind), said)
        tasks = list(theirs(listed, said, role, organisation))
    zone = where.agreement.countries[where.country].zone
    return today(tasks, datetime.now(UTC), zone) if only_today else tasks


def known(found: Reader, organisation: str | None) -> Known:
    """Read it; of the cases only those of an organisation that is named."""
    asked = found.ask(
        "SELECT routing_id, organisation FROM {routings}"
        " WHERE state = 'asked' AND organisation IS NOT NULL"
    )
    second = found.ask(
        "SELECT plan_id AS subject, submitted_by AS person FROM {plans} WHERE state = 'submitted'"
        " UNION ALL SELECT basis_id, requested_by FROM {consent_terms}"
        " WHERE kind IN ('override', 'legal_duty')"
    )
    cases = found.ask("SELECT case_id FROM {case_organisations} WHERE organisation = %s",
                      organisation)  # fmt: skip
    return Known(
        {row["routing_id"]: row["organisation"] for row in asked},
        {row["subject"]: row["person"] for row in second if row["person"] is not None},
        {} if organisation is None else {organisation: frozenset(one["case_id"] for one in cases)},
    )


def assigned(tasks: Iterable[Task], said: Known) -> Iterator[Task]:
    """Yield tasks with the roles they are for, the organisation they wait for, and `not_by`."""
    for task in tasks:
        kind, subject = task["kind"], task["subject"]
        organisation = said.asked.get(subject) if kind == ROUTING_ANSWER else None
        roles = ROLES.get(kind, SUPERVISING)
        if organisation is None:  # of the duty desk no provider takes a child
            roles = roles - {Role.PROVIDER}
        not_by = said.not_by.get(subject) if kind in {PLAN_APPROVAL, OVERRIDE_REVIEW} else None
        if kind == ACCESS_REVIEW:
            not_by = task["actor_id"]
        yield {**task, "roles": sorted(roles), "organisation": organisation, "not_by": not_by}


def theirs(
    tasks: Iterable[Task], said: Known, role: str | None, organisation: str | None
) -> Iterator[Task]:
    """Yield the tasks for a role, and for an organisation.

    What waits for no organisation is for those that work on the case.
    """
    cases = said.works_on.get(organisation or "", frozenset())
    for task in tasks:
        mine = role is None or role in task["roles"]
        waits = task["organisation"]
        ours = waits == organisation or (waits is None and task["case_id"] in cases)
        if mine and (organisation is None or ours):
            yield task


def today(tasks: Iterable[Task], now: datetime, zone: str) -> list[Task]:
    """Return what has to be done: what is overdue first, then what is due today, then this week.

    Days are those of the country. What is due later is left out; what has no time is overdue.
    """
    here = ZoneInfo(zone)
    found = [
        {**task, "when": when}
        for task in tasks
        if (when := _when(task["due_at"], now, here)) is not None
    ]
    found.sort(key=lambda task: (WHEN.index(task["when"]), task["due_at"] or task["opened_at"]))
    return found


def _when(due_at: datetime | None, now: datetime, here: ZoneInfo) -> str | None:
    if due_at is None or due_at <= now:
        return WHEN[0]
    due, this_day = _day(due_at, here), _day(now, here)
    if due == this_day:
        return WHEN[1]
    return WHEN[2] if due < this_day + _WEEK else None


def _day(at: datetime, here: ZoneInfo) -> date:
    return at.astimezone(here).date()
