"""What a person wants to see of cases, asked of one country's read models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from events.codec import decode
from events.errors import CaseUnknown
from events.stamp import leaf_hash
from ledger.keys.national import opened
from node.access import holdings, releases_of
from node.reading import Reader
from node.tasks import tasks_of
from node.words import VOID_WORDS, said

Row = Mapping[str, Any]

_OWN = """
SELECT originator_version, topic, state FROM ledger.ledger_events
WHERE originator_id = %(case)s AND sha256('\\x00'::bytea || state) NOT IN (
    SELECT leaf FROM mirror.record WHERE case_id = %(case)s AND effect_offset IS NOT NULL
) ORDER BY originator_version
"""
_NUMBER = """
SELECT coalesce(max(originator_version), 0) FROM ledger.ledger_events WHERE originator_id = %s
"""


def file_of(found: Reader, case_id: UUID) -> dict[str, Any]:
    """Return the case file with everything that belongs to it; CaseUnknown."""
    files = found.rows("case_file", "WHERE case_id = %s", case_id)
    pending = _pending(found, case_id)
    if not files and not pending:
        raise CaseUnknown(f"case {case_id} is not known here")
    number = found.connection.execute(_NUMBER, (case_id,)).fetchone()
    return {
        "case_id": case_id,
        **(files[0] if files else {"state": "pending"}),
        # What --if-number compares.
        "number": number[0] if number else 0,
        **parts_of(found, case_id),
        "pending": pending,
    }


def parts_of(found: Reader, case_id: UUID) -> dict[str, Any]:
    """Return what belongs to a case file, from the other read models."""
    return {
        "consents": _rows(found, "consents", case_id, "topic DESC, basis_id"),
        "handoffs": _rows(found, "referrals", case_id, "topic DESC, began_with"),
        "responsibility": _rows(found, "responsibility", case_id, "topic DESC, since_place"),
        "grants": releases_of(found, case_id),
        "coverage": holdings(found, case_id),
        "blocks": _rows(found, "blocks", case_id, "placed_at, block_id"),
        "tasks": tasks_of(found, case_id),
    }


def files(
    found: Reader, *, state: str | None, responsible: str | None, after: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """Return case files by id, some at a time."""
    wanted = {"state": state, "responsible": responsible}
    conditions = [f"{name} = %s" for name, value in wanted.items() if value is not None]
    values: list[Any] = [value for value in wanted.values() if value is not None]
    if after is not None:
        conditions.append("case_id > %s")
        values.append(after)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    return found.rows("case_file", f"{where} ORDER BY case_id LIMIT %s", *values, limit)


def handoffs(found: Reader, kind: str, *, only_open: bool, limit: int) -> list[dict[str, Any]]:
    """Return referrals or transfers, the most urgent first."""
    where = "kind = %s" + (" AND is_open" if only_open else "")
    tail = f"WHERE {where} ORDER BY is_open DESC, due_on, handoff_id LIMIT %s"
    return found.rows("referrals", tail, kind, limit)


def history_of(found: Reader, case_id: UUID) -> list[dict[str, Any]]:
    """Return every event of a case: shared ones, national ones, and what still waits."""
    events, pending = trail_of(found, case_id), _pending(found, case_id)
    if not events and not pending:
        raise CaseUnknown(f"case {case_id} is not known here")
    return events + [_waiting(row) for row in pending]


def trail_of(found: Reader, case_id: UUID) -> list[dict[str, Any]]:
    """Return every event of a case that has its place, the shared topic first."""
    return [_told(row) for row in _rows(found, "audit_trail", case_id, "topic DESC, place")]


def _rows(found: Reader, table: str, case_id: UUID, order: str) -> list[dict[str, Any]]:
    rows = found.rows(table, f"WHERE case_id = %s ORDER BY {order}", case_id)
    return [{name: row[name] for name in row if name != "case_id"} for row in rows]


def _pending(found: Reader, case_id: UUID) -> list[dict[str, Any]]:
    rows = found.connection.execute(_OWN, {"case": case_id}).fetchall()
    return [_own(found, number, topic, bytes(state)) for number, topic, state in rows]


def _own(found: Reader, number: int, topic: str, value: bytes) -> dict[str, Any]:
    event = opened(decode(value), found.keys)
    return {
        "topic": topic.partition("/")[0],
        "event": type(event).__name__,
        "event_id": event.event_id,
        "origin": event.origin,
        "version": event.version,
        "number": number,
        "recorded_at": event.recorded_at,
        "actor_role": event.actor.role,
        "leaf": leaf_hash(value),
    }


def _told(row: Row) -> dict[str, Any]:
    reason = row["void_reason"]
    return {
        "position": f"{row['topic']}/{row['partition']}@{row['effect_offset']}",
        "event": row["event_type"],
        "state": "effective" if row["effective"] else "void",
        "void_reason": reason,
        "why": VOID_WORDS.get(reason, reason) if reason else None,
        "by": f"{row['origin']} {row['actor_role']}",
        "recorded_at": row["recorded_at"],
        "says": said(row["summary"]),
        **{name: row[name] for name in _TRAIL},
    }


_TRAIL = (
    "topic",
    "place",
    "event_id",
    "origin",
    "version",
    "schema_version",
    "occurred_at",
    "actor_id",
    "actor_role",
    "actor_organisation",
    "leaf",
    "summary",
)


def _waiting(row: Row) -> dict[str, Any]:
    by = f"{row['origin']} {row['actor_role']}"
    return {**row, "position": None, "state": "pending", "by": by, "says": ""}
