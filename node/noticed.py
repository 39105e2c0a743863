"""Notices by hand: which tasks somebody was told of, and that a person has seen one."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from events.codes import Role
from events.errors import BadInput
from ledger.case import notice
from ledger.case.notice import task_id_of
from ledger.receipt import Receipt
from ledger.service import Ledger
from node.place import Place, actor
from node.reading import Reader
from node.tasks import open_tasks

#: A reference as a message says it, or an id: with or without country and dashes.
_SAID = re.compile(r"(?:[A-Za-z]{2}-)?([0-9A-Fa-f]{8}(?:[0-9A-Fa-f-]{0,28}))")
_OF_TASKS = "WHERE task_id = ANY (%s) ORDER BY told_at, step, desk"
_BY_ID = "WHERE notice_id::text LIKE %s LIMIT 2"
_AGAIN = 10


def notices_of(found: Reader, *, everything: bool = False) -> list[dict[str, Any]]:
    """Return the newest notice of each open task that nobody has acknowledged, oldest first.

    With `everything` each notice of an open task, acknowledged or not.
    """
    tasks = {
        task_id_of(one["event_id"], one["kind"], one["subject"]): one for one in open_tasks(found)
    }
    rows = found.rows("notices", _OF_TASKS, list(tasks))
    seen = {row["task_id"] for row in rows if row["acknowledged_at"] is not None}
    newest = {row["task_id"]: row for row in rows}
    shown = rows if everything else [row for key, row in newest.items() if key not in seen]
    return [_shown(row, tasks[row["task_id"]], found.country) for row in shown]


def _shown(row: dict[str, Any], task: dict[str, Any], country: str) -> dict[str, Any]:
    return {
        "reference": f"{country}-{row['notice_id'].hex[:8].upper()}",
        **row,
        "kind": task["kind"],
        "subject": task["subject"],
        "opened_at": task["opened_at"],
        "due_at": task["due_at"],
    }


def found_by(found: Reader, said: str) -> tuple[UUID, UUID]:
    """Return case and id of the notice that somebody names; BadInput if it is none, or several."""
    match = _SAID.fullmatch(said.strip())
    if match is None:
        raise BadInput("a notice is named by its reference, or by its id", rule="notice_named")
    letters = match[1].replace("-", "").lower()
    whole = "-".join(
        filter(None, (letters[:8], letters[8:12], letters[12:16], letters[16:20], letters[20:]))
    )
    rows = found.rows("notices", _BY_ID, f"{whole}%")
    if len(rows) != 1:
        why = "no notice has" if not rows else "several notices have"
        raise BadInput(f"{why} this reference: `ledger notices list`", rule="notice_named")
    return rows[0]["case_id"], rows[0]["notice_id"]


def acknowledge(ledger: Ledger, found: Reader, where: Place, by: str | None, said: str) -> Receipt:
    """Record that a person has seen that a task waits."""
    case_id, notice_id = found_by(found, said)
    who = actor(by, where=where, role=Role.CASEWORKER)
    door = ledger.on(case_id, by=who, retries=_AGAIN)
    return door.decide(notice.acknowledge_notice, notice_id=notice_id)
