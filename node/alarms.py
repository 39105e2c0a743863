"""Faults of logs that a witness or a sealer of this node has found, and who answers for each.

The alarm stands in a table; that it is resolved stands in the log first, under a person's name. A
row that says so, and of which the log knows nothing, was changed past everybody.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from events.agreement import Agreement
from events.codes import Resolution, Role
from events.contract import register_id
from events.errors import BadInput, NotAllowedNow
from events.governance import AlarmResolved
from ledger.case import governance
from node.place import Place, actor
from node.reading import Reader, answering
from node.register import lines

_OPEN = """
SELECT alarm_id, rule, log, partition, size, log_index, event_id, words, found_at
FROM witness.alarm WHERE resolved_at IS NULL ORDER BY found_at
"""
_ALL = """
SELECT alarm_id, rule, log, partition, size, log_index, event_id, words, found_at, resolved_at,
    resolved_by
FROM witness.alarm ORDER BY found_at
"""
_ONE = "SELECT rule, log, partition, resolved_at FROM witness.alarm WHERE alarm_id = %s"
_RESOLVE = """
UPDATE witness.alarm SET resolved_at = now(), resolved_by = %s
WHERE alarm_id = %s AND resolved_at IS NULL
"""
#: It is recorded even if somebody else records in the register at the same moment.
_ATTEMPTS = 10


def alarms(found: Reader, agreement: Agreement, *, resolved: bool) -> list[dict[str, Any]]:
    """Return the alarms that are open, or all; of a resolved one also what the log says of it.

    `position` and `resolution` are those of its AlarmResolved event, None as long as this node has
    not mirrored one.
    """
    with found.connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_ALL if resolved else _OPEN).fetchall()
    if not resolved:
        return rows
    said = {
        line.event.alarm_id: (line.words()["position"], line.event.resolution)
        for line in lines(found, agreement)
        if isinstance(line.event, AlarmResolved)
    }
    nothing = (None, None)
    names = ("position", "resolution")
    return [
        {**row, **dict(zip(names, said.get(row["alarm_id"], nothing), strict=True))} for row in rows
    ]


def resolve(where: Place, by: str | None, alarm_id: UUID, resolution: Resolution) -> dict[str, Any]:
    """Record that an alarm is resolved, then let the decisions go on that it kept waiting.

    WrongRole for whoever answers for nothing. A crash in between leaves it open: say it again.
    """
    from ledger.service import open_ledger

    who = actor(by, where=where, role=Role.SUPERVISOR)
    with answering(where), psycopg.connect(where.dsn("append"), autocommit=True) as connection:
        with connection.cursor(row_factory=dict_row) as cursor:
            fault = cursor.execute(_ONE, (alarm_id,)).fetchone()
        if fault is None:
            raise BadInput(f"there is no alarm {alarm_id} here", rule="alarm_known")
        if fault.pop("resolved_at") is not None:
            raise NotAllowedNow(f"alarm {alarm_id} is resolved already", rule="alarm_open")
        register = register_id(where.agreement.prefix)
        with open_ledger(where.ledger_settings()) as ledger:
            receipt = ledger.on(register, by=who, retries=_ATTEMPTS).decide(
                governance.resolve_alarm, alarm_id=alarm_id, resolution=resolution, **fault
            )
        connection.execute(_RESOLVE, (who.id, alarm_id))
    (event,) = receipt.events
    said = {"alarm_id": alarm_id, **fault, "resolution": resolution}
    return {**said, "event_id": event.event_id}
