"""Decisions that need a second person, and whether it was one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from ledger.case.case import Topic
from node.asking.inquiry import Answer, Inquiry, Row, position

_COLUMNS = ("kind", "case_id", "what", "subject", "first_by", "second_by", "at", "position")
#: Second step -> the field that names what it decides on.
_SECOND: Mapping[str, str] = {
    "OverrideApproved": "override_id",
    "OverrideReviewed": "override_id",
    "ErasureApproved": "erasure_id",
    "AccessReviewed": "access_id",
    "WithdrawalReviewed": "basis_id",
    "CaseClosed": "case_id",
}
#: First step -> the field that names what it is about, and the one that names the person.
_FIRST: Mapping[str, tuple[str, str]] = {
    "ErasureRequested": ("erasure_id", "actor_id"),
    "BreakGlassUsed": ("access_id", "actor_id"),
    "WithdrawalAsked": ("basis_id", "giver"),
    "ClosureRequested": ("case_id", "actor_id"),
}
_KINDS = f"BasisRecorded RefusalRecorded {' '.join(_SECOND)} {' '.join(_FIRST)}"

VIOLATION, REFUSED = "violation", "refused"


def four_eyes(inquiry: Inquiry) -> Answer:
    """Return what was approved, reviewed or closed by who had asked for it or done it.

    Violations must be 0. `refused` are attempts that this node stopped, kept for the auditor.
    `first_unknown` counts second steps of which this node has not heard who took the first one.
    """
    rows: list[Row] = []
    decided = unknown = 0
    for lines in _of_cases(inquiry).values():
        seconds = _seconds(lines)
        decided += len(seconds)
        unknown += sum(row["first_by"] is None for row in seconds)
        rows += [row for row in seconds if row["first_by"] == row["second_by"]]
        rows += [_refused(line) for line in lines if _is_refusal(line)]
    rows.sort(key=lambda row: (row["kind"] == REFUSED, row["at"]))
    kinds = [row["kind"] for row in rows]
    return Answer(
        columns=_COLUMNS,
        rows=rows,
        facts={
            "second_steps": decided,
            "first_unknown": unknown,
            "violations": kinds.count(VIOLATION),
            "refused": kinds.count(REFUSED),
        },
        not_answered=inquiry.others,
    )


def _of_cases(inquiry: Inquiry) -> Mapping[UUID, list[Row]]:
    """Return this country's own lines of each case, by its own clock, which never goes back.

    Both topics: closing is asked for on one and, of a shared case, decided on the other.
    """
    cases: dict[UUID, list[Row]] = {}
    for line in inquiry.events(_KINDS, origin=inquiry.country):
        cases.setdefault(line["case_id"], []).append(line)
    for lines in cases.values():
        # Events of one decision have one time; what is national stands for who took it.
        lines.sort(key=lambda one: (one["recorded_at"], one["topic"] == Topic.SHARED.value))
    return cases


def _seconds(lines: Sequence[Row]) -> list[dict[str, Any]]:
    """Return a row for each second step of a case, with whoever had taken the first one."""
    # Who asked for an override stands in the terms, which its own decision records after it.
    first: dict[tuple[str, str], str | None] = {
        ("override_id", line["summary"]["basis_id"]): line["summary"]["requested_by"]
        for line in reversed(lines)
        if line["event_type"] == "BasisRecorded"
    }
    rows, approved = [], set()
    for line in lines:
        kind, said = line["event_type"], {**line["summary"], "case_id": str(line["case_id"])}
        if kind in _FIRST:
            field, who = _FIRST[kind]
            first[field, said[field]] = said["giver"] if who == "giver" else line[who]
        if kind in _SECOND:
            about = (_SECOND[kind], said[_SECOND[kind]])
            # A permission is said again on the shared topic by whoever crosses the border.
            if kind != "OverrideApproved" or about not in approved:
                rows.append(_second(line, UUID(about[1]), first.get(about)))
            approved.add(about)
    return rows


def _second(line: Row, subject: UUID, first_by: str | None) -> dict[str, Any]:
    return {
        "kind": VIOLATION,
        "case_id": line["case_id"],
        "what": line["event_type"],
        "subject": subject,
        "first_by": first_by,
        "second_by": line["actor_id"],
        "at": line["recorded_at"],
        "position": position(line),
    }


def _is_refusal(line: Row) -> bool:
    is_refusal = line["event_type"] == "RefusalRecorded"
    return is_refusal and bool(line["summary"]["rule"] == "four_eyes")


def _refused(line: Row) -> Row:
    tried = {"kind": REFUSED, "what": line["summary"]["decision"], "subject": None}
    return {**_second(line, line["case_id"], None), **tried}
