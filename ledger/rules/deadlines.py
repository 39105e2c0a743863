"""By when what is missing for a child has to be there, and who is told if it is not.

A pure function of the clocks that run (ledger/case/clocks.py), of the facts and of a pack: replay
reproduces every deadline and every breach, whatever the time is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from pydantic import TypeAdapter

from ledger.case.national import Clock
from ledger.rules.facts import Facts
from ledger.rules.pack import DeadlineRule, Escalation, Pack
from ledger.rules.terms import EVERYTHING

_CLOCKS: Final = TypeAdapter(dict[str, Clock])


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One deadline, and the rules that it follows from."""

    clock: Clock
    due_at: datetime
    #: Ids of the rules; the first one made it so short, or somebody had named the time.
    rules: tuple[str, ...]

    def words(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "step": self.clock.step,
            "subject": None if self.clock.subject is None else str(self.clock.subject),
            "begins_at": self.clock.since.isoformat(),
            "due_at": self.due_at.isoformat(),
            "rules": list(self.rules),
        }


def asks_for_facts(pack: Pack, clocks: Iterable[Clock]) -> bool:
    """Say whether any rule for what is missing depends on what threatens the child."""
    return not steps_by_concern(pack).isdisjoint(one.step for one in clocks)


def steps_by_concern(pack: Pack) -> frozenset[str]:
    """Return the steps of which some rule is for children with certain concerns only."""
    return frozenset(rule.step for rule in pack.deadline if EVERYTHING not in rule.concerns)


def at_worst(today: date, risk: str | None, pack: Pack) -> Facts:
    """Return what rules suppose of a child whose record does not open: every concern they ask for.

    She may have it, and nobody can say that she has not: no deadline is left out for that.
    """
    asked = {one for rule in pack.deadline for one in rule.concerns if one != EVERYTHING}
    return Facts(today=today, risk=risk, concerns=tuple(sorted(asked)))


def reckon(facts: Facts, pack: Pack, clocks: Mapping[str, Clock]) -> tuple[Due, ...]:
    """Return a deadline for everything that is missing and that a rule is for, by its name."""
    found = (_due(facts, pack, clock) for _, clock in sorted(clocks.items()))
    return tuple(one for one in found if one is not None)


def clocks_out(clocks: Mapping[str, Clock]) -> dict[str, Any]:
    """Return the clocks as plain JSON data."""
    said: dict[str, Any] = _CLOCKS.dump_python(dict(clocks), mode="json")
    return said


def clocks_in(words: Mapping[str, Any]) -> Mapping[str, Clock]:
    """Read what `clocks_out` gave; ValueError if it is none of it."""
    return _CLOCKS.validate_json(json.dumps(words))


def next_of(pack: Pack, step: str, told: int) -> Escalation | None:
    """Return who is told after `told` others have been; None if nobody is left.

    The first rule of a step says so: whom a ministry tells does not depend on a child's concerns.
    """
    ladder = next((rule.escalate for rule in pack.deadline if rule.step == step), ())
    return ladder[told] if told < len(ladder) else None


def _due(facts: Facts, pack: Pack, clock: Clock) -> Due | None:
    calendar = pack.working.calendar
    timed = sorted(
        (
            (calendar.after(clock.since, rule.within.of(facts.risk)), rule.id)
            for rule in _rules(facts, pack, clock.step)
        ),
        key=lambda one: one[0],
    )
    if not timed:
        return None
    rules = tuple(rule for _, rule in timed)
    return Due(clock=clock, due_at=clock.due_at or timed[0][0], rules=rules)


def _rules(facts: Facts, pack: Pack, step: str) -> Iterator[DeadlineRule]:
    for rule in pack.deadline:
        if rule.step == step and (
            EVERYTHING in rule.concerns or not set(rule.concerns).isdisjoint(facts.concerns)
        ):
            yield rule
