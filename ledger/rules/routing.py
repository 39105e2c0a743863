"""Automatic redirection: to which specialists a child is directed, and why not to any other.

A pure function: the same facts, pack, directory and situation give the same answer, for ever. It
never answers nobody: where no service is left, the duty desk of the focal point has the case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from ledger.rules.directory import Listed, Service, Situation
from ledger.rules.facts import Facts
from ledger.rules.pack import Pack, Route
from ledger.rules.standing import is_full, unfit

#: The ladder: services for her place; if none is left, anywhere in her region; then in the country;
#: then no service, but whoever is on duty.
LEVELS: Final = ("place", "region", "country", "duty_desk")
DUTY_DESK: Final = LEVELS.index("duty_desk")
#: How near a service is that serves her place, or what it lies in: per cent.
_NEAR: Final = (100, 50)
#: Languages: her first, another of hers, one with an interpreter.
_SPEAKS: Final = (100, 70, 40)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A service that was looked at: what spoke for it, or why it was left out."""

    service: str
    level: int
    #: Sum of weight x per cent of each of five points; 0 if it was left out.
    score: int = 0
    excluded_by: str | None = None

    @property
    def line(self) -> str:
        """Return it as one line: the service, how far away, its score or what speaks against it."""
        return f"{self.service} {LEVELS[self.level]} {self.excluded_by or self.score}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Directed:
    """One specialist that a child needs, and who that is."""

    rule: str
    specialist: str
    leads: bool
    #: None: nobody is left, and the duty desk has it.
    service: str | None
    level: int
    #: Chosen because a brother or sister is there.
    with_siblings: bool
    candidates: tuple[Candidate, ...]

    def words(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "rule": self.rule,
            "specialist": self.specialist,
            "leads": self.leads,
            "service": self.service,
            "level": LEVELS[self.level],
            "with_siblings": self.with_siblings,
            "candidates": [one.line for one in self.candidates],
        }


def direct(
    facts: Facts, pack: Pack, directory: Listed, situation: Situation, *, tie: bytes
) -> tuple[Directed, ...]:
    """Return every specialist that the child needs, the lead of the whole first.

    `tie` is the case: where two services are equal in everything, a hash of both decides.
    """
    found: list[Directed] = []
    needed: set[str] = set()
    choice = _Choice(facts, pack, directory, situation, tie)
    for route in pack.routes_for(facts.concerns):
        for specialist in (route.lead, *route.parallel):
            if specialist not in needed:
                needed.add(specialist)
                found.append(choice.of(route, specialist, leads=not found))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Choice:
    facts: Facts
    pack: Pack
    directory: Listed
    situation: Situation
    tie: bytes

    def of(self, route: Route, specialist: str, *, leads: bool) -> Directed:
        """Choose a service for one specialist, or the duty desk."""
        looked_at = {
            one.id: self._candidate(route, specialist, one, level=0, near=0)
            for one in self._with_siblings(specialist)
        }
        siblings = left = _left(looked_at.values())
        for level in range(DUTY_DESK):
            if left:
                break
            for near, service in self._at(specialist, level):
                if service.id not in looked_at:
                    looked_at[service.id] = self._candidate(route, specialist, service, level, near)
            left = _left(looked_at.values())
        chosen = min(left, key=self._rank, default=None)
        return Directed(
            rule=route.id,
            specialist=specialist,
            leads=leads,
            service=None if chosen is None else chosen.service,
            level=DUTY_DESK if chosen is None else chosen.level,
            with_siblings=bool(siblings),
            candidates=tuple(looked_at.values()),
        )

    def _with_siblings(self, specialist: str) -> Iterator[Service]:
        """Yield the services that have her brothers or sisters and could have her, too."""
        for service_id in self.facts.siblings_at:
            service = self.directory.services.get(service_id)
            if service is not None and specialist in service.specialists:
                yield service

    def _at(self, specialist: str, level: int) -> Iterator[tuple[int, Service]]:
        """Yield the services of a level of the ladder, with how near they are in per cent."""
        area, country = self.facts.area, self.directory.country
        if level == 0:
            for above, service in self.directory.covering(specialist, area or country):
                is_near = area is not None and above < len(_NEAR)
                yield _NEAR[above] if is_near else 0, service
            return
        wider = country if level > 1 or area is None else "/".join(area.split("/")[:2])
        for service in self.directory.within(specialist, wider):
            yield 0, service

    def _candidate(
        self, route: Route, specialist: str, service: Service, level: int, near: int
    ) -> Candidate:
        why = self._excludes(route, service)
        score = 0 if why else self._score(specialist, service, near)
        return Candidate(service=service.id, level=level, score=score, excluded_by=why)

    def _rank(self, candidate: Candidate) -> tuple[int, int, bytes]:
        """The best first; of equals the one with less to do, then whichever a hash names."""
        load = self.situation.load.get(candidate.service, 0)
        mark = sha256(self.tie + candidate.service.encode()).digest()
        return -candidate.score, load, mark

    def _excludes(self, route: Route, service: Service) -> str | None:
        """Return why a service must not have this child; None if nothing speaks against it."""
        facts = self.facts
        who = {service.id, service.organisation}
        if who.intersection(facts.conflicts):
            return "conflict_of_interest"
        if who.intersection(facts.withheld_from):
            return "withheld_from"
        if why := unfit(service, route.guideline, self.pack.versions, self.situation):
            return why
        age = facts.age
        if age is not None and not service.minimum_age <= age <= service.maximum_age:
            return "age"
        return self._excludes_now(route, service)

    def _excludes_now(self, route: Route, service: Service) -> str | None:
        facts, wish = self.facts, self.facts.sex_of_worker
        if facts.languages and self._speaks(service) is None:
            return "language"
        if route.offers_sex_of_worker and wish is not None and wish not in service.sexes:
            return "sex_of_worker"
        if service.id in facts.declined:
            return "declined"
        return "no_capacity" if is_full(service, self.situation) else None

    def _speaks(self, service: Service) -> int | None:
        """Return how well a service can talk with the child, in per cent; None if not at all."""
        hers = self.facts.languages
        if not hers or hers[0] in service.languages:
            return _SPEAKS[0]
        if any(one in service.languages for one in hers):
            return _SPEAKS[1]
        return _SPEAKS[2] if any(one in service.interpreted for one in hers) else None

    def _score(self, specialist: str, service: Service, near: int) -> int:
        weights, facts = self.pack.weights, self.facts
        limit = self.pack.load.limit * service.workers
        load = self.situation.load.get(service.id, 0)
        return (
            weights.specialisation * (100 if service.specialists[0] == specialist else 60)
            + weights.language * (self._speaks(service) or 0)
            + weights.proximity * near
            + weights.capacity * max(0, 100 * (limit - load) // limit)
            + weights.continuity * (100 if service.id in facts.known_to else 0)
        )


def _left(candidates: Iterable[Candidate]) -> list[Candidate]:
    return [one for one in candidates if one.excluded_by is None]


def looked_at(directed: Iterable[Directed], directory: Listed, now: Situation) -> Situation:
    """Return what of a situation can have led to an answer: of the services that were looked at."""
    ids = {one.service for need in directed for one in need.candidates}
    organisations = {directory.services[one].organisation for one in ids}
    return Situation(
        today=now.today,
        acknowledged={
            key: said for key, said in now.acknowledged.items() if key[0] in organisations
        },
        closed=now.closed & ids,
        load={service: load for service, load in now.load.items() if service in ids},
    )
