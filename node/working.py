"""What a program wrote down in sealed form when it applied the rules: opened event by event."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from events.codes import DataScope, Purpose, Role
from events.errors import NotAllowedNow
from ledger.service import Ledger
from node.place import Place, actor


def opened_about(
    ledger: Ledger, where: Place, by: str | None, case_id: UUID, event_id: UUID, *, role: Role
) -> dict[str, Any]:
    """Return what one event says in scope protection, after recording who looks.

    `role` is that of whoever types without saying who he is. NotAllowedNow if it does not open any
    more; AccessRefused.
    """
    who = actor(by, where=where, role=role)
    shown = ledger.read(
        case_id,
        by=who,
        scopes=(DataScope.PROTECTION,),
        purpose=Purpose.CASE_MANAGEMENT,
        door="export" if who.role == Role.AUDITOR else "read",
        about=event_id,
    )
    opened = shown.get(where.country, {}).get(DataScope.PROTECTION)
    if opened is None or opened.state != "open":
        why = "not here" if opened is None else opened.state
        raise NotAllowedNow(f"case {case_id}: what this event says is {why}", rule="record_open")
    said: dict[str, Any] = json.loads(opened.text or b"{}")
    return said
