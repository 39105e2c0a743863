"""An individual protection plan, generated: from her concerns to goals and to what is done by when.

A pure function. What several concerns ask for is there once, by the shortest time; what keeps her
safe is never left out; what she wishes is taken in, and what she does not want is left out unless
it keeps her safe. Each item names the rules that asked for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ledger.rules.facts import Facts
from ledger.rules.pack import Pack, PlanItem

#: More than this nobody can keep up with: the rest is for a supervisor to choose from.
MOST_ITEMS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that is done for a child."""

    activity: str
    goal: str
    #: Which specialist sees to it.
    owner: str
    mandatory: bool
    due_at: datetime
    #: Ids of the rules that asked for it, the most urgent first; none if the child wished for it.
    rules: tuple[str, ...]

    def words(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "activity": self.activity,
            "goal": self.goal,
            "owner": self.owner,
            "mandatory": self.mandatory,
            "due_at": self.due_at.isoformat(),
            "rules": list(self.rules),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """What the rules ask for: goals, items in the order of their urgency, and what did not fit."""

    goals: tuple[str, ...]
    items: tuple[Item, ...]
    left_out: tuple[Item, ...]
    #: Activities that she did not want, and that nothing makes necessary.
    not_wanted: tuple[str, ...]


def generate(facts: Facts, pack: Pack, at: datetime) -> Generated:
    """Return the plan that follows from a pack; `at` is when what it is due from begins."""
    items: dict[str, Item] = {}
    not_wanted: list[str] = []
    for item in _asked_for(facts, pack, at):
        if item.activity in facts.does_not_want and not item.mandatory:
            not_wanted.append(item.activity)
        elif item.activity not in items:
            items[item.activity] = item
        else:
            items[item.activity] = _merged(items[item.activity], item)
    ordered = sorted(items.values(), key=lambda item: (not item.mandatory, item.due_at))
    kept = [one for at, one in enumerate(ordered) if one.mandatory or at < MOST_ITEMS]
    return Generated(
        goals=tuple(dict.fromkeys(item.goal for item in kept)),
        items=tuple(kept),
        left_out=tuple(item for item in ordered if item not in kept),
        not_wanted=tuple(dict.fromkeys(not_wanted)),
    )


def _asked_for(facts: Facts, pack: Pack, at: datetime) -> Iterator[Item]:
    calendar = pack.working.calendar
    for rule in pack.plans_for(facts.concerns):
        due_at = calendar.after(at, rule.within.of(facts.risk))
        for said in rule.item:
            yield _item(said, due_at, (rule.id,))
    for activity in facts.wants:
        wish = pack.wish(activity)
        if wish is not None:
            yield _item(wish, calendar.after(at, pack.wishes.within.of(facts.risk)), ())


def _item(said: PlanItem, due_at: datetime, rules: tuple[str, ...]) -> Item:
    return Item(
        activity=said.activity,
        goal=said.goal,
        owner=said.owner,
        mandatory=said.mandatory,
        due_at=due_at,
        rules=rules,
    )


def _merged(before: Item, other: Item) -> Item:
    """Return one item for two that ask for the same: the more urgent one's goal and owner."""
    first, second = sorted((before, other), key=lambda item: (item.due_at, not item.mandatory))
    return Item(
        activity=first.activity,
        goal=first.goal,
        owner=first.owner,
        mandatory=first.mandatory or second.mandatory,
        due_at=first.due_at,
        rules=tuple(dict.fromkeys((*first.rules, *second.rules))),
    )


def differences(
    before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return what a new version of a plan changes: an activity added, removed, or otherwise."""
    old, new = ({one["activity"]: one for one in items} for items in (before, after))
    found = []
    for activity in sorted({*old, *new}):
        was, now = old.get(activity), new.get(activity)
        if was is None:
            found.append({"activity": activity, "change": "added"})
        elif now is None:
            found.append({"activity": activity, "change": "removed"})
        else:
            changed = [name for name in ("due_at", "owner", "mandatory") if was[name] != now[name]]
            found += [
                {"activity": activity, "change": name, "before": was[name], "after": now[name]}
                for name in changed
            ]
    return found
