"""Whose a task is, and what has to be done today."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from events.codes import Role
from node.duties import ROLES, WHEN, Known, assigned, theirs, today
from projections.task_rows import KINDS

CASE, OTHER, ROUTING, PLAN = (UUID(int=at) for at in (1, 2, 3, 4))
#: 21:30 in Almaty.
NOW = datetime(2026, 11, 27, 16, 30, tzinfo=UTC)
SAID = Known({ROUTING: "shelter"}, {PLAN: "cw-1"}, {"cps": frozenset({CASE})})


def task(kind: str, subject: UUID = CASE, due: datetime | None = NOW, case: UUID = CASE):
    return {"kind": kind, "subject": subject, "case_id": case, "due_at": due, "opened_at": NOW,
            "actor_id": "sup-1"}  # fmt: skip


def of(tasks, role=None, organisation=None):
    return [one["kind"] for one in theirs(assigned(tasks, SAID), SAID, role, organisation)]


def test_every_kind_of_task_is_for_somebody():
    assert ROLES.keys() <= KINDS
    assert all(ROLES.values())


def test_a_kind_that_nobody_has_named_is_for_supervisors():
    (one,) = assigned([task("something_new")], SAID)
    assert ["focal_point", "supervisor"] == one["roles"]
    assert ["something_new"] == of([one], Role.SUPERVISOR)
    assert [] == of([one], Role.CASEWORKER)


def test_a_question_waits_for_the_organisation_that_is_asked():
    tasks = [task("routing_answer", ROUTING), task("routing_answer", OTHER)]
    asked, desk = assigned(tasks, SAID)
    assert ("shelter", None) == (asked["organisation"], desk["organisation"])
    assert "provider" in asked["roles"]
    assert "provider" not in desk["roles"], "of the duty desk no provider takes a child"
    assert ["routing_answer"] == of(tasks, Role.PROVIDER)
    assert ["routing_answer"] == of(tasks, Role.PROVIDER, "shelter")
    assert [] == of(tasks, Role.PROVIDER, "another")


def test_what_waits_for_no_organisation_is_for_those_who_work_on_the_case():
    tasks = [task("plan_draft"), task("plan_draft", case=OTHER), task("routing_answer", ROUTING)]
    assert ["plan_draft"] == of(tasks, None, "cps")
    assert ["routing_answer"] == of(tasks, None, "shelter")
    assert 3 == len(of(tasks))


@pytest.mark.parametrize(
    ("kind", "subject", "person"),
    [
        ("plan_approval", PLAN, "cw-1"),
        ("access_review", OTHER, "sup-1"),
        ("plan_draft", PLAN, None),
    ],
)
def test_who_must_not_do_it_is_named(kind, subject, person):
    (one,) = assigned([task(kind, subject)], SAID)
    assert person == one["not_by"]


def test_today_is_the_day_of_the_country_and_what_is_overdue_comes_first():
    hours = (-30, 1, 3, 24, 6 * 24, 7 * 24)
    tasks = [task("plan_draft", due=NOW + timedelta(hours=one)) for one in reversed(hours)]
    found = today([*tasks, task("found_void", due=None)], NOW, "Asia/Almaty")
    told = [(one["when"], one["due_at"] and (one["due_at"] - NOW) // timedelta(hours=1))
            for one in found]  # fmt: skip
    # In three hours it is tomorrow there; in seven days it is next week.
    assert told == [("overdue", -30), ("overdue", None), ("today", 1), ("week", 3), ("week", 24),
                    ("week", 144)]  # fmt: skip
    assert ["overdue", "overdue", "today", "today"] == [
        one["when"] for one in today([*tasks, task("found_void", due=None)], NOW, "UTC")[:4]
    ]
    assert set(WHEN) == {one["when"] for one in found}
