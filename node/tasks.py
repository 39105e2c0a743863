"""What people have to look at: the rows of both topics, made one task each."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from node.reading import Reader
from projections.joined_tasks import OPEN, ORDER, SEEN, Row, joined, still_open

_ONE = f"{SEEN} WHERE case_id = %s {ORDER}"
_HIDDEN = frozenset({"closed_seen", "seen_place"})


def tasks_of(found: Reader, case_id: UUID) -> list[dict[str, Any]]:
    """Return the tasks of a case, open ones first, by the time they are due."""
    tasks = joined(found.rows("tasks", _ONE, case_id))
    tasks.sort(key=lambda task: (task["state"] != "open", task["due_at"] or task["opened_at"]))
    return [_shown(task, {"case_id", *_HIDDEN}) for task in tasks]


def open_tasks(found: Reader, kind: str | None = None) -> list[dict[str, Any]]:
    """Return the open tasks of every case, what is due first; only one kind if it is named."""
    tasks = still_open(found.rows("tasks", f"{OPEN} {ORDER}"))
    return [_shown(task, _HIDDEN) for task in tasks if kind in {None, task["kind"]}]


def _shown(task: Row, hidden: Collection[str]) -> dict[str, Any]:
    return {name: task[name] for name in task if name not in hidden}
