"""Protection plans: whoever answers for a child asks its rules what is done for her, by when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid5

from psycopg import Connection

from consumers.asking_rules import AskedBefore, Desk, read_facts
from consumers.rulebook import in_force
from events.codes import DataScope
from ledger.case import plan
from ledger.case.case import Case
from ledger.case.personal import PersonalData
from ledger.case.plan import Planned, has_to_be_planned
from ledger.rules.facts import Facts
from ledger.rules.pack import Ruled
from ledger.rules.planning import Generated, Item, generate


@dataclass(frozen=True, slots=True, kw_only=True)
class Planner:
    """One country's rules, applied to what is done for its children."""

    country: str
    #: Case id of the register.
    register: UUID
    desk: Desk
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _asked: AskedBefore = field(default_factory=AskedBefore)

    def plan(self, database: Connection[Any], case: Case, today: date) -> bool:
        """Generate a plan if one is needed; say whether anything was recorded.

        Without rules in force nothing is planned, and nothing read.
        """
        cause = case.national.care.to_plan
        if cause is None or not has_to_be_planned(case):
            return False
        rules = in_force(database, self.desk.case(self.register).national, self.country, today)
        if rules is None:
            return False
        mark, at = hash((cause, rules.ruled.sha256)), self.now()
        if not self._asked.may_ask(case.case_id, mark, at, wanted=True):
            return False
        with self._asked.answered(case.case_id):
            self._record(case, rules.ruled, today, at)
        return True

    def _record(self, case: Case, ruled: Ruled, today: date, at: datetime) -> None:
        cause = case.national.care.to_plan
        assert cause is not None, "asked for only if a plan is needed"
        facts = read_facts(self.desk, case, today)
        found = generate(facts, ruled.pack, at)
        plan_id = uuid5(cause, "plan")
        asked = {
            "plan_id": plan_id,
            "cause": cause,
            "rules": ruled.name,
            "items": tuple(
                Planned(item_id(plan_id, one), one.mandatory, one.due_at) for one in found.items
            ),
            "data": PersonalData(
                {DataScope.PROTECTION: {"plan": sealed(plan_id, facts, ruled, found, at)}}
            ),
        }
        self.desk.decide(case.case_id, plan.generate_plan, asked, f"plan/{plan_id}")


def item_id(plan_id: UUID, item: Item) -> UUID:
    """Return the id of an item in a plan: the same whoever asks."""
    return uuid5(plan_id, item.activity)


def sealed(
    plan_id: UUID, facts: Facts, ruled: Ruled, found: Generated, at: datetime
) -> dict[str, Any]:
    """Return what a plan says, and what it can be made again of."""
    return {
        "at": at.isoformat(),
        "facts": facts.words(),
        "rules": ruled.name,
        "goals": list(found.goals),
        "items": [{"item": str(item_id(plan_id, one)), **one.words()} for one in found.items],
        "left_out": [one.words() for one in found.left_out],
        "not_wanted": list(found.not_wanted),
    }
