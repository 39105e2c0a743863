"""Deadlines as people read them: what is missing for whom, by when, and by which rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from events.codes import Role
from events.errors import NotAllowedNow
from ledger.rules.deadlines import clocks_in, reckon
from ledger.rules.facts import Facts
from ledger.rules.pack import load
from ledger.service import Ledger
from node.place import Place
from node.reading import Reader
from node.ruling import text_by_hash
from node.working import opened_about

_RECKONED = """
SELECT event_id, recorded_at FROM {audit_trail}
WHERE case_id = %s AND event_type = 'DeadlinesReckoned' AND effective ORDER BY place DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Why:
    """By which rules the newest deadlines of a child were set."""

    event_id: UUID
    recorded_at: datetime
    said: dict[str, Any]
    #: Whether the same facts and the same text give the same deadlines.
    same_again: bool


def deadlines_of(
    found: Reader, case_id: UUID | None, *, overdue: bool = False
) -> list[dict[str, Any]]:
    """Return deadlines by their time: of one case all of them, of every case what is running."""
    if case_id is not None:
        return found.rows("deadlines", "WHERE case_id = %s ORDER BY due_at, deadline_id", case_id)
    late = " AND breached_at IS NOT NULL" if overdue else ""
    return found.rows("deadlines", f"WHERE state = 'running'{late} ORDER BY due_at, deadline_id")


def explain(found: Reader, ledger: Ledger, where: Place, by: str | None, case_id: UUID) -> Why:
    """Open why deadlines are as they are, after recording who looks; ask the same rules again."""
    rows = found.ask(_RECKONED, case_id)
    if not rows:
        raise NotAllowedNow(f"case {case_id}: no deadline was reckoned here", rule="deadline_known")
    event_id = rows[0]["event_id"]
    told = opened_about(ledger, where, by, case_id, event_id, role=Role.CASEWORKER)["deadlines"]
    pack = load(text_by_hash(found.connection, told["rules"].rsplit("/", 1)[1]), "pack").pack
    again = reckon(Facts.of(told["facts"]), pack, clocks_in(told["missing"]))
    same = [one.words() for one in again] == told["due"]
    return Why(event_id, rows[0]["recorded_at"], told, same)
