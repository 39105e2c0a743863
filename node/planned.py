"""A child's protection plan as people read it: what is done for her, and by when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from events.codes import Role
from events.errors import NotAllowedNow
from ledger.rules.facts import Facts
from ledger.rules.pack import Pack, load
from ledger.rules.planning import generate
from ledger.service import Ledger
from node.place import Place
from node.reading import Reader
from node.ruling import text_by_hash
from node.working import opened_about

_TOLD = """
SELECT event_id, event_type, summary->>'item_id' AS item_id FROM {audit_trail}
WHERE case_id = %s AND effective AND summary->>'plan_id' = %s
    AND event_type IN ('ProtectionPlanGenerated', 'PlanItemAdded') ORDER BY place
"""


@dataclass(frozen=True, slots=True)
class PlanShown:
    """One version of a plan, with what it says."""

    plan_id: UUID
    number: int
    state: str
    rules: str | None
    goals: tuple[str, ...]
    items: tuple[dict[str, Any], ...]
    left_out: tuple[dict[str, Any], ...]
    not_wanted: tuple[str, ...]
    #: Whether the same facts and the same text give the same plan.
    same_again: bool
    #: Whether the rules that made it are invented.
    example: bool


def plans_of(found: Reader, case_id: UUID) -> list[dict[str, Any]]:
    """Return the versions of a case's plan, oldest first."""
    return found.rows("plans", "WHERE case_id = %s ORDER BY number", case_id)


def shown(
    found: Reader, ledger: Ledger, where: Place, by: str | None, case_id: UUID, number: int | None
) -> PlanShown:
    """Open a plan after recording who looks; by default the newest version.

    NotAllowedNow, AccessRefused.
    """
    plans = plans_of(found, case_id)
    wanted = [one for one in plans if number in {None, one["number"]}]
    if not wanted:
        raise NotAllowedNow(f"case {case_id} has no such plan", rule="plan_known")
    plan = wanted[-1]
    told = found.ask(_TOLD, case_id, str(plan["plan_id"]))
    generated, *added = told
    read = partial(opened_about, ledger, where, by, case_id, role=Role.CASEWORKER)
    said = read(generated["event_id"])["plan"]
    pack = load(text_by_hash(found.connection, said["rules"].rsplit("/", 1)[1]), "pack").pack
    there = {one["item"]: one for one in said["items"]}
    for row in added:
        if row["item_id"] not in there:
            there[row["item_id"]] = _by_hand(row["item_id"], read(row["event_id"]))
    states = found.rows(
        "plan_items", "WHERE case_id = %s AND plan_id = %s", case_id, plan["plan_id"]
    )
    items = [
        {**there[str(one["item_id"])], "state": one["state"], "due_at": one["due_at"]}
        for one in sorted(states, key=lambda one: (not one["mandatory"], one["due_at"]))
    ]
    return PlanShown(
        plan["plan_id"], plan["number"], plan["state"], plan["rules"], tuple(said["goals"]),
        tuple(items), tuple(said["left_out"]), tuple(said["not_wanted"]),
        _same_again(pack, said), pack.example,
    )  # fmt: skip


def _by_hand(item_id: str, said: dict[str, Any]) -> dict[str, Any]:
    """Return an item that a person has added, in the form of the others."""
    activity = said.pop(f"activity:{item_id}")
    return {"item": item_id, "activity": activity, "mandatory": False, "rules": [], **said}


def _same_again(pack: Pack, said: dict[str, Any]) -> bool:
    again = generate(Facts.of(said["facts"]), pack, datetime.fromisoformat(said["at"]))
    items = [{name: one[name] for name in one if name != "item"} for one in said["items"]]
    return [one.words() for one in again.items] == items
