"""Redirection: whoever answers for a child asks its rules to whom she goes, and records why."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID, uuid5

from psycopg import Connection

from consumers.release_measures import ROUTINGS
from consumers.rulebook import Rules, in_force, situation
from events.codes import DataScope, LadderLevel
from events.errors import NotAllowedNow
from ledger.case import routing
from ledger.case.case import Case
from ledger.case.national import Routing
from ledger.case.personal import PersonalData
from ledger.case.routing import Routed, has_to_be_directed, is_at_the_desk, live
from ledger.keys.sealing import Opened
from ledger.rules.directory import Situation
from ledger.rules.facts import Facts
from ledger.rules.gathering import SCOPES, facts_of
from ledger.rules.routing import LEVELS, Directed, direct, looked_at

#: Country -> scope -> what its record says.
Shown = Mapping[str, Mapping[DataScope, Opened]]


class Desk(Protocol):
    """Where it is read and decided: the country's ledger."""

    def case(self, case_id: UUID) -> Case:
        """Return a case as this country would decide on it now."""

    def read_for_rules(self, case_id: UUID, scopes: tuple[DataScope, ...]) -> Shown:
        """Return data about a child, after it was recorded that the rules read it."""

    def decide(
        self, case_id: UUID, take: Callable[..., Any], arguments: Mapping[str, Any], key: str
    ) -> None:
        """Take a decision, once for each key. DecisionRefused, ServiceUnavailable."""


#: Rules that were asked in vain are asked again after so long.
_AGAIN: Final = timedelta(minutes=1)
_REMEMBERED: Final = 10_000


class _Asked(NamedTuple):
    """When the rules were asked about a case, and what they could have known."""

    mark: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows from the rules for the services that a child has."""

    routes: tuple[Routed, ...]
    ends: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Director:
    """One country's rules, applied to its cases."""

    country: str
    #: Case id of the register.
    register: UUID
    desk: Desk
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _asked: dict[UUID, _Asked] = field(default_factory=dict)

    def direct(self, database: Connection[Any], case: Case, today: date) -> bool:
        """Direct a case if it has to be; say whether anything was recorded.

        Without rules in force nothing is directed, and nothing read.
        """
        if not (has_to_be_directed(case) or is_at_the_desk(case)):
            return False
        rules = in_force(database, self.desk.case(self.register).national, self.country, today)
        if rules is None:
            return False
        now = situation(database, rules, self.country, today)
        if not self._is_new(case, rules, now):
            return False
        facts = self._facts(case, today)
        found = direct(facts, rules.ruled.pack, rules.directory, now, tie=case.case_id.bytes)
        cause = case.national.care.to_direct
        decision_id = uuid5(cause or case.case_id, f"directed/{case.number}")
        outcome = self._outcome(case, decision_id, rules, facts, found)
        if not has_to_be_directed(case) and not outcome.routes:
            return False  # the desk has her still, and nobody has become free
        said = explanation(facts, rules, looked_at(found, rules.directory, now), found, outcome)
        asked = {
            "decision_id": decision_id,
            "cause": cause,
            "rules": rules.ruled.name,
            "directory": bytes.fromhex(rules.directory.sha256),
            "routes": outcome.routes,
            "ends": outcome.ends,
            "data": PersonalData({DataScope.PROTECTION: {"routing": said}}),
        }
        self.desk.decide(case.case_id, routing.direct_case, asked, f"direct/{decision_id}")
        for one in outcome.routes:
            ROUTINGS.labels(self.country, str(one.ladder)).inc()
        return True

    def _is_new(self, case: Case, rules: Rules, now: Situation) -> bool:
        """Say whether the rules could answer otherwise than when they were asked last.

        To ask is recorded, and what is recorded is news of the case: it must not be asked again
        for that. What was refused is asked again after a while.
        """
        at, care = self.now(), case.national.care
        said = (care.to_direct, rules.ruled.sha256, rules.directory.sha256, now.closed)
        mark = hash((*said, frozenset(now.acknowledged.items())))
        before = self._asked.get(case.case_id)
        if before is not None and before.mark == mark:
            wait = at - before.at < _AGAIN
            if wait or not has_to_be_directed(case):
                return False
        if len(self._asked) >= _REMEMBERED:
            self._asked.clear()
        self._asked[case.case_id] = _Asked(mark, at)
        return True

    def lapse(self, case: Case) -> bool:
        """Stop waiting for services that have not answered in time; say whether there was one."""
        now = self.now()
        late = [
            routing_id
            for routing_id, one in live(case).items()
            if one.state == "asked" and one.answer_by is not None and one.answer_by <= now
        ]
        for routing_id in late:
            asked = {"routing_id": routing_id}
            key = f"lapse/{routing_id}"
            self.desk.decide(case.case_id, routing.lapse_routing, asked, key)
        return bool(late)

    def _facts(self, case: Case, today: date) -> Facts:
        shown = self.desk.read_for_rules(case.case_id, SCOPES)
        record: dict[DataScope, dict[str, Any]] = {}
        # What this country wrote down itself goes over what others sent.
        for country in sorted(shown, key=lambda one: one == self.country):
            for scope, opened in shown[country].items():
                if opened.state != "open":
                    raise NotAllowedNow(
                        f"case {case.case_id}: its {scope} is {opened.state}, so no rule can be"
                        " applied; a person has to choose (`ledger routing override`)",
                        rule="record_open",
                    )
                record.setdefault(scope, {}).update(json.loads(opened.text or b"{}"))
        together = [one for one, is_so in case.national.care.siblings.items() if is_so]
        return facts_of(case, record, [self.desk.case(one) for one in together], today)

    def _outcome(
        self, case: Case, decision_id: UUID, rules: Rules, facts: Facts, found: tuple[Directed, ...]
    ) -> Outcome:
        there = dict(live(case))
        forbidden = {*facts.conflicts, *facts.withheld_from}
        ends = [
            routing_id
            for routing_id, one in there.items()
            if one.service is not None and forbidden.intersection((one.service, one.organisation))
        ]
        kept = {key: one for key, one in there.items() if key not in ends}
        covered: set[UUID] = set()
        routes: list[Routed] = []
        for need in found:
            has = _covering(kept, need, rules)
            made = self._routed(decision_id, need, rules, facts)
            if has is not None and not _is_asked_anew(kept[has], made):
                covered.add(has)
                continue
            if has is not None:  # it leads from here on, or has less time
                ends.append(has)
                del kept[has]
            if need.service is not None and all(one.service != need.service for one in routes):
                routes.append(made)
        at_desk = {key: one for key, one in kept.items() if one.service is None}
        kept = {key: one for key, one in kept.items() if one.service is not None}
        opened = [need for need in found if _is_open(need, kept, rules)]
        leads = bool(opened) and opened[0].leads
        stays = [key for key, one in at_desk.items() if opened and one.leads == leads]
        if opened and not stays:
            routes.append(self._routed(decision_id, opened[0], rules, facts))
        ends += [key for key in at_desk if key not in stays]
        ends += [key for key, one in kept.items() if one.state == "asked" and key not in covered]
        return Outcome(tuple(routes), tuple(dict.fromkeys(ends)))

    def _routed(self, decision_id: UUID, need: Directed, rules: Rules, facts: Facts) -> Routed:
        pack, at = rules.ruled.pack, self.now()
        calendar = pack.working.calendar
        route = next(one for one in pack.route if one.id == need.rule)
        service = rules.directory.services.get(need.service or "")
        answer = pack.answer.of(facts.risk if service is not None else "emergency")
        return Routed(
            routing_id=uuid5(decision_id, need.service or "duty_desk"),
            service=need.service,
            organisation=None if service is None else service.organisation,
            leads=need.leads,
            ladder=LadderLevel(LEVELS[need.level]),
            answer_by=calendar.after(at, answer),
            contact_by=calendar.after(at, route.first_contact),
        )


def _covering(there: Mapping[UUID, Routing], need: Directed, rules: Rules) -> UUID | None:
    """Return a routing to a service that is, or can be, the specialist that is needed."""
    for routing_id, one in there.items():
        service = rules.directory.services.get(one.service or "")
        if service is not None and need.specialist in service.specialists:
            return routing_id
    return None


def _is_asked_anew(there: Routing, made: Routed) -> bool:
    """Say whether a service has to be asked again: it leads now, or has less time."""
    if made.leads and not there.leads:
        return True
    if there.state != "asked" or there.answer_by is None or there.contact_by is None:
        return False
    return made.answer_by < there.answer_by or made.contact_by < there.contact_by


def _is_open(need: Directed, there: Mapping[UUID, Routing], rules: Rules) -> bool:
    return need.service is None and _covering(there, need, rules) is None


def explanation(
    facts: Facts, rules: Rules, now: Situation, found: tuple[Directed, ...], outcome: Outcome
) -> dict[str, Any]:
    """Return why: what `ledger routing explain` shows, and what the decision can be made again of.

    Of the situation only what was looked at: nothing else could have changed the answer.
    """
    return {
        "facts": facts.words(),
        "rules": rules.ruled.name,
        "directory": rules.directory.sha256,
        "situation": now.words(),
        "needs": [one.words() for one in found],
        "asked": [str(one.routing_id) for one in outcome.routes],
        "asked_no_more": [str(one) for one in outcome.ends],
    }
