"""A draft of rules, asked about what was decided before: whose way, plan or time would differ.

Each child's facts are opened for that, and each look is recorded. Nothing is decided.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from events.codes import Role
from events.errors import NotAllowedNow
from ledger.rules.deadlines import asks_for_facts, clocks_in, reckon, steps_by_concern
from ledger.rules.directory import Situation
from ledger.rules.facts import Facts
from ledger.rules.pack import Pack, load
from ledger.rules.planning import differences, generate
from ledger.rules.routing import direct
from ledger.service import Ledger
from node.place import Place
from node.reading import Reader
from node.ruling import directory_of, text_by_hash
from node.working import opened_about

#: The newest decision of each case that rules took, and its newest plan.
_TOLD = """
SELECT DISTINCT ON (case_id, event_type) case_id, event_type, event_id FROM {audit_trail}
WHERE effective AND (
    event_type IN ('ProtectionPlanGenerated', 'DeadlinesReckoned')
    OR (event_type = 'CaseDirected' AND NOT (summary->>'by_hand')::bool)
)
ORDER BY case_id, event_type, place DESC
"""


class Differing(NamedTuple):
    """What would be otherwise for one child."""

    case_id: UUID
    #: route, contact (how soon somebody speaks to her), plan, or deadline.
    what: str
    #: The specialist, the activity, or the step.
    of: str
    before: str | None
    after: str | None


class Replayed(NamedTuple):
    """What a draft would have changed, and of how many children it was asked."""

    cases: int
    differing: list[Differing]
    #: Cases whose facts do not open any more, or not to whoever asks.
    closed: list[UUID]


def replay(found: Reader, ledger: Ledger, where: Place, by: str | None, draft: Pack) -> Replayed:
    """Ask a draft about every child whom the rules of this country have directed or planned for."""
    differing: list[Differing] = []
    closed: list[UUID] = []
    rows = found.ask(_TOLD)
    for row in rows:
        case_id = row["case_id"]
        read = partial(opened_about, ledger, where, by, case_id, row["event_id"])
        try:
            said = read(role=Role.SUPERVISOR)
        except NotAllowedNow:
            closed.append(case_id)
            continue
        differing += _CHANGES[row["event_type"]](found, case_id, said, draft)
    return Replayed(len({row["case_id"] for row in rows}), differing, sorted(set(closed)))


def route_differences(
    found: Reader, case_id: UUID, told: dict[str, Any], draft: Pack
) -> Iterator[Differing]:
    """Yield what a pack would answer otherwise about the facts of one decision, as it was told."""
    said = told["routing"]
    facts = Facts.of(said["facts"])
    directory = directory_of(text_by_hash(found.connection, said["directory"]))
    now = Situation.of(said["situation"], facts.today)
    then = _pack(found, said).route
    before = {one["specialist"]: one for one in said["needs"]}
    after = {
        one.specialist: one.words()
        for one in direct(facts, draft, directory, now, tie=case_id.bytes)
    }
    contact = [{one.id: str(one.first_contact) for one in routes} for routes in (then, draft.route)]
    for specialist in dict.fromkeys((*before, *after)):
        was, is_now = before.get(specialist), after.get(specialist)
        if _served(was) != _served(is_now):
            yield Differing(case_id, "route", specialist, _served(was), _served(is_now))
        elif was is not None and is_now is not None:
            soon = [
                times.get(one["rule"]) for times, one in zip(contact, (was, is_now), strict=True)
            ]
            if soon[0] != soon[1]:
                yield Differing(case_id, "contact", specialist, *soon)


def _served(need: dict[str, Any] | None) -> str | None:
    return None if need is None else need["service"] or "duty desk"


def _plan(_found: Reader, case_id: UUID, told: dict[str, Any], draft: Pack) -> Iterator[Differing]:
    said = told["plan"]
    at = datetime.fromisoformat(said["at"])
    again = [one.words() for one in generate(Facts.of(said["facts"]), draft, at).items]
    for one in differences(said["items"], again):
        there = {"added": (None, "there"), "removed": ("there", None)}
        before, after = there.get(one["change"], (str(one.get("before")), str(one.get("after"))))
        yield Differing(case_id, "plan", one["activity"], before, after)


def _deadlines(
    _found: Reader, case_id: UUID, told: dict[str, Any], draft: Pack
) -> Iterator[Differing]:
    """What she was not asked for then cannot be known now: such a deadline is told to be open."""
    said = told["deadlines"]
    facts, clocks = Facts.of(said["facts"]), clocks_in(said["missing"])
    before = {(one["step"], one["subject"]): one["due_at"] for one in said["due"]}
    again = [one.words() for one in reckon(facts, draft, clocks)]
    after = {(one["step"], one["subject"]): one["due_at"] for one in again}
    unread = not facts.concerns and asks_for_facts(draft, clocks.values())
    for key in dict.fromkeys((*before, *after)):
        if before.get(key) != after.get(key):
            yield Differing(case_id, "deadline", key[0], before.get(key), after.get(key))
        elif unread and key[0] in steps_by_concern(draft):
            yield Differing(case_id, "deadline", key[0], before.get(key), "depends on her concerns")


_CHANGES = {
    "ProtectionPlanGenerated": _plan,
    "DeadlinesReckoned": _deadlines,
    "CaseDirected": route_differences,
}


def _pack(found: Reader, said: dict[str, Any]) -> Pack:
    return load(text_by_hash(found.connection, said["rules"].rsplit("/", 1)[1]), "pack").pack
