"""Where an event stands in its origin's log, who vouches for that, and what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from events.errors import BadInput, RecordRejected
from ledger.log.note import Note
from node.asking.inquiry import Answer, Inquiry, Row
from node.covering import covering
from node.evidence.proven import Checkpointed, inclusion

_WAS = (
    *("event_id", "log", "log_index", "leaf", "position", "effective", "mirrored_at"),
    *("state", "size", "root", "signed_at", "cosigned_by"),
)
_NOT_COVERED: Row = {
    **dict.fromkeys(("size", "root", "note", "signed_at")),
    "cosigned_by": [],
    "cosigned": False,
}
_LOGS = (
    *("log", "events", "head", "missing", "size", "root", "signed_at", "cosigned_by"),
    *("not_covered", "alarms"),
)
_RECORD = """
SELECT event_id, topic, origin, log_index, leaf, mirrored_at,
    topic || '/' || partition || '@' || coalesce(effect_offset, "offset") AS position
FROM mirror.record WHERE case_id = %s AND event_id = %s
"""
_HEADS = """
SELECT topic, origin, count(*) AS events, count(DISTINCT log_index) AS places,
    max(log_index) AS head
FROM mirror.record GROUP BY topic, origin ORDER BY topic DESC, origin
"""
_NEWEST = """
SELECT DISTINCT ON (log) log, size, root, signed_at, ARRAY(
    SELECT witness FROM witness.cosignature AS by
    WHERE (by.log, by.size) = (note.log, note.size) ORDER BY witness
) AS cosigned_by
FROM witness.checkpoint AS note ORDER BY log, size DESC
"""
_ALARMS = "SELECT * FROM witness.alarm ORDER BY found_at"
_STRAYS = "SELECT outcome, count(*) AS records FROM mirror.stray GROUP BY outcome ORDER BY outcome"
_CONFLICTS = "SELECT topic, origin, log_index FROM mirror.log_conflict ORDER BY 1, 2, 3"


def was_recorded(
    inquiry: Inquiry, *, case_id: UUID, event_id: UUID, on: date | None = None
) -> Answer:
    """Return since when an event is in the ledger, and which checkpoint vouches for it.

    `cosigned`: a checkpoint that covers it was signed, and cosigned by another country's witness,
    by the end of that day (UTC); `signed`: by its own log; `mirrored`: only this node says that it
    had it by then; `not_yet`: it came later. All but the first are provisional. With --json the
    answer holds `proof`: a tlog-proof under that checkpoint, as far as the mirror gives its root.
    """
    inquiry.require_known(case_id)
    found = _asked(inquiry, _RECORD, (case_id, event_id))
    if not found:
        raise BadInput(f"case {case_id}: no event {event_id} is known here", rule="event_known")
    day = on or inquiry.today
    until = datetime.combine(day, time(), tzinfo=UTC) + timedelta(days=1)
    (record,) = found
    row = {
        **record,
        "log": inquiry.agreement.log(record["topic"], record["origin"]),
        **_judged(inquiry, case_id, record["leaf"]),
    }
    log = (row["topic"], row["origin"])
    checkpoint = covering(inquiry.found, inquiry.agreement, *log, row["log_index"], until)
    row |= checkpoint or _NOT_COVERED
    row |= {"state": _state(row, until), "proof": _proof(inquiry, row)}
    return Answer(
        columns=_WAS,
        rows=[{name: row[name] for name in (*_WAS, "proof")}],
        facts={"on": day, "recorded": row["state"] != "not_yet"},
    )


def _judged(inquiry: Inquiry, case_id: UUID, leaf: bytes) -> Mapping[str, Any]:
    """Return whether the event has an effect; None while it is held."""
    lines = inquiry.found.rows("audit_trail", "WHERE case_id = %s AND leaf = %s", case_id, leaf)
    return {"effective": lines[0]["effective"] if lines else None}


def _state(row: Row, until: datetime) -> str:
    if row["size"] is not None:
        return "cosigned" if row["cosigned"] else "signed"
    return "mirrored" if row["mirrored_at"] < until else "not_yet"


def _proof(inquiry: Inquiry, row: Row) -> str | None:
    """Return the tlog-proof of an event under the checkpoint that covers it, if it can be made."""
    if row["size"] is None:
        return None
    place = (row["topic"], row["origin"], row["log_index"])
    try:
        under = Checkpointed(row["size"], row["root"], Note.parse(row["note"].encode()))
        return inclusion(inquiry.found.connection, *place, under).decode()
    except RecordRejected:  # `ledger audit check` and the alarms say what does not fit
        return None


def integrity(inquiry: Inquiry) -> Answer:
    """Return what is known of every log: its length, its signers, and what does not fit.

    `missing` counts places of a log below its head that this node has not got, `not_covered` events
    after its newest checkpoint. Conflicts and open alarms must be 0.
    """
    notes = {row["log"]: row for row in _asked(inquiry, _NEWEST, None)}
    alarms = _asked(inquiry, _ALARMS, None)
    waiting = [one for one in alarms if one["resolved_at"] is None]
    rows = [_head(inquiry, row, notes, waiting) for row in _asked(inquiry, _HEADS, None)]
    strays = {one["outcome"]: one["records"] for one in _asked(inquiry, _STRAYS, None)}
    return Answer(
        columns=_LOGS,
        rows=rows,
        facts={
            "conflicts": _asked(inquiry, _CONFLICTS, None),
            "open_alarms": [_alarm(one) for one in waiting],
            "resolved_alarms": len(alarms) - len(waiting),
            "records_without_effect": strays,
        },
    )


def _head(
    inquiry: Inquiry, row: Row, notes: Mapping[str, Row], alarms: list[dict[str, Any]]
) -> Row:
    log = inquiry.agreement.log(row["topic"], row["origin"])
    note: Row = notes.get(log, {})
    size = note.get("size") or 0
    return {
        "log": log,
        "events": row["events"],
        "head": row["head"],
        "missing": row["head"] + 1 - row["places"],
        "size": note.get("size"),
        "root": note.get("root"),
        "signed_at": note.get("signed_at"),
        "cosigned_by": note.get("cosigned_by", []),
        "not_covered": max(0, row["head"] + 1 - size),
        "alarms": sum(one["log"] == log for one in alarms),
    }


def _alarm(one: Row) -> Row:
    names = ("alarm_id", "rule", "log", "partition", "log_index", "event_id", "words", "found_at")
    return {name: one[name] for name in names}


def _asked(inquiry: Inquiry, statement: str, values: Any) -> list[dict[str, Any]]:
    with inquiry.found.connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement, values).fetchall()
