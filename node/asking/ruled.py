"""Which rules directed a child, and what the rules in force today would do with the same facts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from events.errors import AccessRefused, NotAllowedNow
from node.asking.inquiry import Answer, Inquiry, Row
from node.replaying import route_differences

_COLUMNS = ("at", "event_id", "by_hand", "rules", "asked")


def which_rules(inquiry: Inquiry, *, case_id: UUID, by: str | None = None) -> Answer:
    """Return by which rules a child was directed each time, and whom they asked.

    `rules` is country, version and SHA-256 of the pack; a person who chose instead names none, and
    nothing stands there where nobody was asked anew.
    With `by` the newest decision that rules took is asked of the pack in force once more, about the
    same facts, directory and situation: her facts are opened for that, and the look is recorded.
    Without it they stay closed, and `today` says so.
    """
    inquiry.require_known(case_id)
    routings = inquiry.of_case("routings", case_id, "asked_at, routing_id")
    rows = [_row(line, routings) for line in inquiry.events("CaseDirected", case_id=case_id)]
    rows.sort(key=lambda row: row["at"])
    ruled = [row for row in rows if not row["by_hand"]]
    facts: dict[str, Any] = {
        "decisions": len(rows),
        "by_hand": len(rows) - len(ruled),
        "routed_by": next((row["rules"] for row in reversed(ruled) if row["rules"]), None),
        **_today(inquiry, case_id, ruled, by),
    }
    return Answer(columns=_COLUMNS, rows=rows, facts=facts, not_answered=inquiry.others)


def _row(line: Row, routings: list[dict[str, Any]]) -> dict[str, Any]:
    decision_id = UUID(line["summary"]["decision_id"])
    made = [one for one in routings if one["decision_id"] == decision_id]
    return {
        "at": line["recorded_at"],
        "event_id": line["event_id"],
        "by_hand": line["summary"]["by_hand"],
        "rules": next((one["rules"] for one in made if one["rules"]), None),
        "asked": ", ".join(one["service"] or "duty desk" for one in made),
    }


def _today(
    inquiry: Inquiry, case_id: UUID, ruled: list[dict[str, Any]], by: str | None
) -> dict[str, Any]:
    """Return what the pack in force says today, or why that is not told."""
    rules = None if inquiry.desk is None else inquiry.desk.rules()
    if inquiry.desk is None or rules is None:
        return {"in_force": None, "today": "no rules are in force"}
    said = {"in_force": rules.ruled.name}
    if not ruled:
        return {**said, "today": "rules have not directed this child"}
    if by is None:
        return {**said, "today": "not asked: her facts stay closed without --by"}
    try:
        told = inquiry.desk.opened(by, case_id, ruled[-1]["event_id"])
    except (NotAllowedNow, AccessRefused) as refused:
        return {**said, "today": f"not asked: {refused}"}
    differing = [
        one._asdict() for one in route_differences(inquiry.found, case_id, told, rules.ruled.pack)
    ]
    same = "the same answer" if not differing else "another answer"
    return {**said, "today": same, "routed_by": told["routing"]["rules"], "differing": differing}
