"""Which services a child has, why the rules chose them, and how a person chooses another one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from events.codes import Role
from events.errors import BadInput, NotAllowedNow
from ledger.case.personal import PersonalData
from ledger.case.routing import override_routing
from ledger.receipt import Receipt
from ledger.rules.directory import Situation
from ledger.rules.facts import Facts
from ledger.rules.pack import load
from ledger.rules.routing import direct
from ledger.service import Ledger
from node.place import Place, actor
from node.reading import Reader
from node.ruling import directory_of, rules_of, text_by_hash
from node.working import opened_about

_DIRECTED = """
SELECT event_id, recorded_at, summary FROM {audit_trail}
WHERE case_id = %s AND event_type = 'CaseDirected' AND effective ORDER BY place
"""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a case was directed as it was, and whether the same rules say so once more."""

    event_id: UUID
    recorded_at: datetime
    by_hand: bool
    #: What the rules knew and answered; None if a person chose.
    said: dict[str, Any] | None
    #: Whether the same facts and the same texts give the same answer; None if a person chose.
    same_again: bool | None


def routings_of(found: Reader, case_id: UUID) -> list[dict[str, Any]]:
    """Return the services that were asked to work with a child, oldest first."""
    return found.rows("routings", "WHERE case_id = %s ORDER BY asked_at, routing_id", case_id)


def explain(
    found: Reader, ledger: Ledger, where: Place, by: str | None, case_id: UUID, number: int | None
) -> Explanation:
    """Open why a case was directed, after recording who looks; by default the newest decision.

    NotAllowedNow if the case was never directed. AccessRefused.
    """
    rows = found.ask(_DIRECTED, case_id)
    at = len(rows) if number is None else number
    if not 1 <= at <= len(rows):
        raise NotAllowedNow(
            f"case {case_id} was directed {len(rows)} times; name one of them with --decision",
            rule="directed",
        )
    row = rows[at - 1]
    by_hand = bool(row["summary"]["by_hand"])
    routing = None
    if not by_hand:
        said = opened_about(ledger, where, by, case_id, row["event_id"], role=Role.SUPERVISOR)
        routing = said["routing"]
    again = None if routing is None else _same_again(found, case_id, routing)
    return Explanation(row["event_id"], row["recorded_at"], by_hand, routing, again)


def _same_again(found: Reader, case_id: UUID, said: dict[str, Any]) -> bool:
    """Ask the same texts about the same facts once more."""
    pack = load(text_by_hash(found.connection, said["rules"].rsplit("/", 1)[1]), "pack").pack
    directory = directory_of(text_by_hash(found.connection, said["directory"]))
    facts = Facts.of(said["facts"])
    now = Situation.of(said["situation"], facts.today)
    answer = direct(facts, pack, directory, now, tie=case_id.bytes)
    needs: list[dict[str, Any]] = said["needs"]
    return [one.words() for one in answer] == needs


def override(
    ledger: Ledger, where: Place, by: str | None, case_id: UUID, service: str, data: PersonalData
) -> Receipt:
    """Let a service of the directory lead; BadInput if it is not in it."""
    rules = rules_of(where)
    chosen = rules.directory.services.get(service)
    if chosen is None:
        raise BadInput("this service is not in the directory: `ledger rules services` lists it")
    pack = rules.ruled.pack
    calendar, now = pack.working.calendar, datetime.now(UTC)
    answer = pack.answer.of(ledger.case(case_id).national.care.known_risk)
    return ledger.on(case_id, by=actor(by, where=where, role=Role.SUPERVISOR), retries=3).decide(
        override_routing,
        service=chosen.id,
        organisation=chosen.organisation,
        data=data,
        answer_by=calendar.after(now, answer),
        contact_by=calendar.after(now, pack.route[-1].first_contact),
    )
