"""Redirection: whoever answers for a child asks its rules to whom she goes, and records why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid5

from psycopg import Connection

from consumers.asking_rules import AskedBefore, Desk, read_facts
from consumers.release_measures import ROUTINGS
from consumers.rulebook import Rules, in_force, situation
from events.codes import DataScope, LadderLevel
from ledger.case import routing
from ledger.case.case import Case
from ledger.case.national import Routing
from ledger.case.personal import PersonalData
from ledger.case.routing import Routed, has_to_be_directed, is_at_the_desk, live
from ledger.rules.directory import Situation
from ledger.rules.facts import Facts
from ledger.rules.routing import LEVELS, Directed, direct, looked_at


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
    _asked: AskedBefore = field(default_factory=AskedBefore)

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
        texts = (rules.ruled.sha256, rules.directory.sha256, now.closed)
        mark = hash((case.national.care.to_direct, *texts, frozenset(now.acknowledged.items())))
        if not self._asked.may_ask(case.case_id, mark, self.now(), wanted=has_to_be_directed(case)):
            return False
        with self._asked.answered(case.case_id):
            return self._record(case, rules, now, today)

    def _record(self, case: Case, rules: Rules, now: Situation, today: date) -> bool:
        facts = read_facts(self.desk, case, today)
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

    def lapse(self, _database: Connection[Any], case: Case, _today: date) -> bool:
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
