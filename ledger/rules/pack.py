"""A rule pack: what a country has decided about routing, plans and deadlines, as one file.

Ministries write it, programs apply it, and each automatic decision names it by id, version and
hash. What stands in it is checked whole: codes, spans, and every id that is named elsewhere in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Final, Self, TypeVar

from pydantic import Field, model_validator

from events.codes import Role
from ledger.rules.documents import Document, mistake, read
from ledger.rules.duty import Duty
from ledger.rules.spans import Calendar, knows_holidays
from ledger.rules.terms import (
    EVERYTHING,
    RISKS,
    ByRisk,
    Concern,
    Country,
    Id,
    Specialist,
    Time,
    Version,
    Weight,
    coded,
)

#: Steps for which every pack has a deadline.
FOR_EVERYBODY: Final = ("first_contact", "follow_up", "plan_item", "child_missing")
#: Concerns of children who are alone: each has a guardian within a day (design of the ledger).
GUARDED: Final = frozenset({"unaccompanied", "separated", "orphan"})


class Working(Document):
    """When people work in the country."""

    zone: str
    holidays: str
    weekend: tuple[Annotated[int, Field(ge=1, le=7)], ...] = (6, 7)

    @model_validator(mode="after")
    def _require_known(self) -> Self:
        if not knows_holidays(self.holidays):
            raise mistake(f"no holidays are known of {self.holidays!r}")
        return self

    @property
    def calendar(self) -> Calendar:
        """The calendar of the country."""
        return Calendar(self.zone, self.holidays, frozenset(self.weekend))


class Guideline(Document):
    """An operational guideline for providers, in the version that has to be acknowledged."""

    id: Id
    version: Version
    title: str


class Weights(Document):
    """What counts how much when a specialist is chosen among several; a reason beside each."""

    specialisation: Weight = 40
    language: Weight = 20
    proximity: Weight = 15
    capacity: Weight = 15
    continuity: Weight = 10


class Load(Document):
    """How heavy a case is for whoever works with it, in halves of a case of medium risk."""

    emergency: Weight = 6
    high: Weight = 4
    medium: Weight = 2
    low: Weight = 1
    #: As much as one service should have for each worker.
    limit: Annotated[int, Field(ge=1)] = 50

    def of(self, risk: str | None) -> int:
        """Return the load of a case by its risk; unknown counts as high."""
        found: int = getattr(self, risk or "high")
        return found


class Route(Document):
    """To whom a concern leads, and who else has to be there at the same time."""

    id: Id
    concerns: Annotated[tuple[Concern, ...], Field(min_length=1)]
    lead: Specialist
    parallel: tuple[Specialist, ...] = ()
    #: How soon somebody speaks to the child.
    first_contact: Time
    #: Providers who have not acknowledged its version are not chosen.
    guideline: Id | None = None
    #: Whether the child may choose the sex of who works with her.
    offers_sex_of_worker: bool = False


class PlanItem(Document):
    """One thing that a plan has done, for which goal, and who sees to it."""

    activity: Annotated[str, coded("plan_activity")]
    goal: Annotated[str, coded("plan_goal")]
    owner: Specialist
    #: Keeps her safe: never left out, and taken away with a reason only.
    mandatory: bool = False


class PlanRule(Document):
    """What a concern asks for, and by when."""

    id: Id
    concerns: Annotated[tuple[Concern, ...], Field(min_length=1)]
    #: From the moment at which the plan is generated.
    within: ByRisk
    item: Annotated[tuple[PlanItem, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        _require_each_once("item", (one.activity for one in self.item))
        return self


class Escalation(Document):
    """Who else is told, and how long after the one before."""

    after: Time
    to: Role

    @model_validator(mode="after")
    def _no_weekend(self) -> Self:
        if self.after.in_working_days:
            raise mistake("whoever is told next knows no weekend: write min, h or d")
        return self


class DeadlineRule(Document):
    """By when something that is missing has to be there, and who is told if it is not."""

    id: Id
    step: Annotated[str, coded("deadline_step")]
    #: For children with one of these concerns; the shortest of several rules counts.
    concerns: Annotated[tuple[Concern, ...], Field(min_length=1)] = (EVERYTHING,)
    within: ByRisk
    escalate: tuple[Escalation, ...] = ()


class Wishes(Document):
    """What a child may wish for, and by when it is there."""

    within: ByRisk
    item: tuple[PlanItem, ...] = ()


class Pack(Document):
    """One country's rules."""

    version: Version
    country: Country
    effective_from: date
    #: Invented: shows what a pack says, and binds nobody.
    example: bool = False
    working: Working
    weights: Weights = Weights()
    load: Load = Load()
    #: Within what time a service that is asked answers; then another one is.
    answer: ByRisk
    guideline: tuple[Guideline, ...] = ()
    route: Annotated[tuple[Route, ...], Field(min_length=1)]
    plan: Annotated[tuple[PlanRule, ...], Field(min_length=1)]
    deadline: Annotated[tuple[DeadlineRule, ...], Field(min_length=1)]
    wishes: Wishes
    #: Whom it tells that a task waits; without it nobody is told.
    duty: Duty | None = None

    @model_validator(mode="after")
    def _require_whole(self) -> Self:
        _require_each_once("guideline", (one.id for one in self.guideline))
        _require_each_once("route", (one.id for one in self.route))
        known = {one.id for one in self.guideline}
        for at, route in enumerate(self.route):
            if route.guideline is not None and route.guideline not in known:
                raise mistake(f"there is no guideline {route.guideline!r}", ("route", at))
            if route.lead in route.parallel:
                raise mistake(f"{route.lead!r} leads and is parallel, too", ("route", at))
        _require_each_once("plan", (one.id for one in self.plan))
        _require_each_once("deadline", (one.id for one in self.deadline))
        self._require_deadlines()
        if not any(EVERYTHING in rule.concerns for rule in self.plan):
            raise mistake(f"no plan is for {EVERYTHING!r}: a child would be left without any")
        if not any(EVERYTHING in route.concerns for route in self.route):
            raise mistake(f"no route is for {EVERYTHING!r}: a child would be left to nobody")
        return self

    def _require_deadlines(self) -> None:
        """Refuse a pack that forgets what no child may be without."""
        steps = {one.step for one in self.deadline if EVERYTHING in one.concerns}
        forgotten = sorted(set(FOR_EVERYBODY) - steps)
        if forgotten:
            raise mistake(f"no deadline for {forgotten[0]!r} is for {EVERYTHING!r}")
        guarded: set[str] = set()
        for at, one in enumerate(self.deadline):
            if one.step == "guardian" and not GUARDED.isdisjoint(one.concerns):
                guarded.update(one.concerns)
                _require_within_a_day(one, at)
        if not (guarded >= GUARDED or EVERYTHING in guarded):
            raise mistake(f"no deadline 'guardian' is for each of {', '.join(sorted(GUARDED))}")

    @cached_property
    def versions(self) -> Mapping[str, int]:
        """The version of each guideline that has to be acknowledged."""
        return {one.id: one.version for one in self.guideline}

    def routes_for(self, concerns: Iterable[str]) -> Iterator[Route]:
        """Yield the routes of some concerns, in order; the last resort if one has none."""
        yield from _for(self.route, concerns)

    def plans_for(self, concerns: Iterable[str]) -> Iterator[PlanRule]:
        """Yield the plan rules of some concerns, in order; the last resort if one has none."""
        yield from _for(self.plan, concerns)

    def wish(self, activity: str) -> PlanItem | None:
        """Return what stands for a wish of the child; None if the pack knows nothing of it."""
        return next((one for one in self.wishes.item if one.activity == activity), None)


def _require_within_a_day(rule: DeadlineRule, at: int) -> None:
    """Refuse a later guardian for a child who is alone, whatever her risk."""
    if not all(rule.within.of(risk).is_within(timedelta(days=1)) for risk in RISKS):
        raise mistake("a child who is alone has a guardian within 24h", ("deadline", at))


R = TypeVar("R", Route, PlanRule)


@dataclass(frozen=True, slots=True)
class Ruled:
    """A pack, and the hash of the very text that it was read from."""

    pack: Pack
    sha256: str

    @property
    def name(self) -> str:
        """How an event names it (stamp field `rules`): country, version, hash."""
        return f"{self.pack.country}/{self.pack.version}/{self.sha256}"


def load(text: str, name: str) -> Ruled:
    """Read a pack; Misconfigured tells every mistake by file and line."""
    return Ruled(read(Pack, text, name), sha256(text.encode()).hexdigest())


def _for(rules: Sequence[R], concerns: Iterable[str]) -> Iterator[R]:
    """Yield the rules of some concerns; the last resort if one has no rule, or there is none."""
    wanted = set(concerns)
    known: set[str] = set()
    for rule in rules:
        known.update(rule.concerns)
        if wanted.intersection(rule.concerns):
            yield rule
    if not wanted <= known or not wanted:
        yield from [one for one in rules if EVERYTHING in one.concerns][:1]


def _require_each_once(table: str, ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for at, one in enumerate(ids):
        if one in seen:
            raise mistake(f"{one!r} is there twice", (table, at))
        seen.add(one)
