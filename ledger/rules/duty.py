"""Whom a country tells that a task waits, and whom next if nobody says that it is seen.

Addresses and secrets stand in the node's own settings, never here: a rule file is read by many.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ledger.case.notice import TOLD
from ledger.rules.documents import Document, mistake
from ledger.rules.spans import Calendar, Span
from ledger.rules.terms import EVERYTHING, ByRisk, Id

#: Kinds of tasks that a step may be for: those of projections/task_rows.py, held by a test.
TASKS: Final = frozenset(
    {
        "access_review",
        "found_void",
        "keys_owed",
        "override_review",
        "own_consent",
        "plan_approval",
        "deadline",
        "duplicate_answer",
        "urgent_measure",
        "transfer_expired",
        "plan_draft",
        "routing_answer",
        "sharing_lost",
        "withdrawal_review",
    }
)


def _task_or_all(said: str) -> str:
    if said not in {*TASKS, EVERYTHING}:
        raise mistake(f"{said!r} is no kind of task, nor is it {EVERYTHING!r}")
    return said


def _role(said: str) -> str:
    if said not in TOLD:
        raise mistake(f"{said!r} is not told of tasks: {', '.join(sorted(TOLD))} are")
    return said


Task = Annotated[str, AfterValidator(_task_or_all)]
Told = Annotated[str, AfterValidator(_role)]


class Desk(Document):
    """People who are told, and who may say that they have seen it."""

    id: Id
    roles: Annotated[tuple[Told, ...], Field(min_length=1)]


class Step(Document):
    """A step of the ladder: which desk is told, of what, and how long it has to answer."""

    desk: Id
    tasks: Annotated[tuple[Task, ...], Field(min_length=1)] = (EVERYTHING,)
    #: Within what time somebody acknowledges; then the next step is told.
    within: ByRisk

    def is_for(self, kind: str) -> bool:
        """Say whether it is told of a kind of task."""
        return kind in self.tasks or EVERYTHING in self.tasks


class Duty(Document):
    """Duty desks, and in which order they are told."""

    #: Of what is sent to people: English, Russian, Kazakh or Kyrgyz.
    language: Literal["en", "ru", "kk", "ky"] = "en"
    #: The desk that is told as well, each time the last step repeats.
    deciding: Id
    desk: Annotated[tuple[Desk, ...], Field(min_length=1)]
    step: Annotated[tuple[Step, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _require_whole(self) -> Self:
        known: set[str] = set()
        for at, desk in enumerate(self.desk):
            if desk.id in known:
                raise mistake(f"{desk.id!r} is there twice", ("desk", at))
            known.add(desk.id)
        if self.deciding not in known:
            raise mistake(f"there is no desk {self.deciding!r}", ("deciding",))
        for at, step in enumerate(self.step):
            if step.desk not in known:
                raise mistake(f"there is no desk {step.desk!r}", ("step", at))
        if missing := sorted(kind for kind in TASKS if not self.steps_for(kind)):
            raise mistake(f"no step is for {', '.join(missing)}: it would wait with nobody told")
        return self

    def steps_for(self, kind: str) -> tuple[Step, ...]:
        """Return the ladder of a kind of task, the first step first."""
        return tuple(one for one in self.step if one.is_for(kind))

    def roles_of(self, desk: str) -> tuple[str, ...]:
        """Return who is at a desk."""
        return next(one.roles for one in self.desk if one.id == desk)


@dataclass(frozen=True, slots=True)
class Given:
    """What was recorded of one notice: whom it was for, and whether it got there."""

    step: int
    desk: str
    at: datetime
    reached: bool = True


@dataclass(frozen=True, slots=True)
class Wanted:
    """A desk that has to be told now."""

    step: int
    desk: str
    #: If nobody can be reached for so long, the next step is told.
    within: Span


@dataclass(frozen=True, slots=True)
class Waiting:
    """How a task stands: who has to be told now, or when that is the question again."""

    wanted: tuple[Wanted, ...] = ()
    #: When the next step is told; None: somebody has to be told now, or nobody any more.
    until: datetime | None = None
    #: Whether the whole ladder was told and nobody has acknowledged.
    has_run_out: bool = False


def waiting(
    duty: Duty,
    kind: str,
    risk: str | None,
    calendar: Calendar,
    given: Iterable[Given],
    now: datetime,
) -> Waiting:
    """Return whom to tell of a task that nobody has acknowledged.

    The steps in order, each desk of a step before the next step. Behind the last one it repeats,
    and the deciding desk is told as well. A step at which nobody could be reached holds up nothing.
    """
    ladder, given = duty.steps_for(kind) or duty.step, list(given)

    def missing(number: int, there: Iterable[str] = ()) -> tuple[Wanted, ...]:
        step = ladder[min(number, len(ladder)) - 1]
        desks = (step.desk,) if number <= len(ladder) else (step.desk, duty.deciding)
        left = [desk for desk in dict.fromkeys(desks) if desk not in there]
        return tuple(Wanted(number, desk, step.within.of(risk)) for desk in left)

    newest = max((one.step for one in given), default=0)
    there = {one.desk: one for one in given if one.step == newest}
    if newest and (wanted := missing(newest, there)):
        return Waiting(wanted, has_run_out=newest > len(ladder))
    if reached := [one.at for one in there.values() if one.reached]:
        within = ladder[min(newest, len(ladder)) - 1].within.of(risk)
        until = calendar.after(min(reached), within)
        if now < until:
            return Waiting(until=until, has_run_out=newest > len(ladder))
    return Waiting(missing(newest + 1), has_run_out=newest >= len(ladder))
