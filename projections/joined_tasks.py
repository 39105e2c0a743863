"""Rows of both topics, made one task each: what one topic opened, the other may close."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, LiteralString
from uuid import UUID

Row = Mapping[str, Any]

#: Where the event stands that whoever closed a task had seen; read models stand as `{name}`.
SEEN: LiteralString = """
LEFT JOIN LATERAL (
    SELECT place AS seen_place FROM {audit_trail} AS trail
    WHERE trail.case_id = tasks.case_id AND trail.topic = 'shared'
        AND trail.leaf = tasks.closed_seen
) AS seen ON true
"""
#: What follows FROM for the rows of every case that has an open one.
OPEN: LiteralString = (
    f"{SEEN} WHERE case_id IN (SELECT case_id FROM {{tasks}} WHERE state = 'open')"  # noqa: S608
)
ORDER: LiteralString = "ORDER BY opened_at, kind, subject"


def still_open(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return the open tasks that the rows of all cases make, what is due first."""
    cases: dict[UUID, list[Row]] = {}
    for row in rows:
        cases.setdefault(row["case_id"], []).append(row)
    tasks = [task for own in cases.values() for task in joined(own) if task["state"] == "open"]
    tasks.sort(key=lambda task: task["due_at"] or task["opened_at"])
    return tasks


def joined(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return the tasks that rows of one case make: what one topic opened, the other may close."""
    rows = list(rows)
    closings: dict[tuple[str, UUID], list[Row]] = {}
    for row in rows:
        if row["state"] == "done":
            closings.setdefault((row["kind"], row["subject"]), []).append(row)
    return [
        _task(row, closings.get((row["kind"], row["subject"]), ()))
        for row in rows
        if row["opened_at"] is not None
    ]


def _task(row: Row, closings: Iterable[Row]) -> dict[str, Any]:
    closed = [one["closed_at"] for one in closings if one is row or _closes(one, row)]
    if not closed:
        return dict(row)
    return {**row, "state": "done", "closed_at": min(closed)}


def _closes(closing: Row, opening: Row) -> bool:
    """Say whether a decision on the other topic came after what had opened a task.

    It did if whoever took it had seen that, or decided later by the same country's clock.
    """
    if closing["topic"] == opening["topic"]:
        return False
    seen = closing["seen_place"]
    later: bool = closing["closed_at"] >= opening["opened_at"]
    return later or (seen is not None and opening["topic"] == "shared" and seen >= opening["place"])
