"""What people have to look at: the rows of both topics, made one task each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from node.reading import Reader

Row = Mapping[str, Any]

_SEEN = """
LEFT JOIN LATERAL (
    SELECT place AS seen_place FROM {audit_trail} AS trail
    WHERE trail.case_id = tasks.case_id AND trail.topic = 'shared'
        AND trail.leaf = tasks.closed_seen
) AS seen ON true
"""
_ONE = f"{_SEEN} WHERE case_id = %s"
_IN_OPEN = "case_id IN (SELECT case_id FROM {tasks} WHERE state = 'open')"
_OPEN = f"{_SEEN} WHERE {_IN_OPEN}"
_ORDER = "ORDER BY opened_at, kind, subject"
_HIDDEN = frozenset({"closed_seen", "seen_place"})


def tasks_of(found: Reader, case_id: UUID) -> list[dict[str, Any]]:
    """Return the tasks of a case, open ones first, by the time they are due."""
    tasks = joined(found.rows("tasks", f"{_ONE} {_ORDER}", case_id))
    tasks.sort(key=lambda task: (task["state"] != "open", task["due_at"] or task["opened_at"]))
    return [_shown(task, {"case_id", *_HIDDEN}) for task in tasks]


def open_tasks(found: Reader, kind: str | None = None) -> list[dict[str, Any]]:
    """Return the open tasks of every case, what is due first; only one kind if it is named."""
    cases: dict[UUID, list[Row]] = {}
    for row in found.rows("tasks", f"{_OPEN} {_ORDER}"):
        cases.setdefault(row["case_id"], []).append(row)
    tasks = [task for rows in cases.values() for task in joined(rows) if task["state"] == "open"]
    tasks.sort(key=lambda task: task["due_at"] or task["opened_at"])
    return [_shown(task, _HIDDEN) for task in tasks if kind in {None, task["kind"]}]


def _shown(task: Row, hidden: Collection[str]) -> dict[str, Any]:
    return {name: task[name] for name in task if name not in hidden}


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
