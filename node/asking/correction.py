"""What was corrected after the fact, by whom: the ids and hashes of both sides, nothing sealed."""

from __future__ import annotations

from uuid import UUID

from node.asking.inquiry import Answer, Inquiry, Row, position

_COLUMNS = (
    *("case_id", "corrected_at", "origin", "actor_id", "actor_role", "state", "void_reason"),
    *("event_id", "leaf", "position", "corrects_event_id", "corrects_type", "recorded_at"),
    *("corrects_leaf", "corrects_position", "days_later"),
)


def corrections(inquiry: Inquiry, *, case_id: UUID | None = None) -> Answer:
    """Return who corrected what after the fact, and what stood there before.

    Nothing is overwritten: before and after are two events, each named with its leaf hash. What
    they say is sealed; `ledger data read --about EVENT` shows it to who may see it.
    """
    if case_id is not None:
        inquiry.require_known(case_id)
    lines = inquiry.events("RecordCorrected", case_id=case_id, effective=None)
    rows = [_row(line, _corrected(inquiry, line)) for line in lines]
    return Answer(
        columns=_COLUMNS,
        rows=rows,
        facts={"corrections": sum(row["state"] == "effective" for row in rows)},
        # What is corrected at home stands on each country's own topic.
        not_answered=inquiry.others,
    )


def _corrected(inquiry: Inquiry, line: Row) -> Row | None:
    """Return the event that a correction is about: of the same origin, on the same topic."""
    found = inquiry.found.rows(
        "audit_trail",
        "WHERE case_id = %s AND topic = %s AND origin = %s AND version = %s",
        line["case_id"],
        line["topic"],
        line["origin"],
        line["summary"]["corrects_version"],
    )
    return found[0] if found else None


def _row(line: Row, before: Row | None) -> Row:
    row = {
        **line,
        "corrected_at": line["recorded_at"],
        "state": "effective" if line["effective"] else "void",
        "position": position(line),
        "recorded_at": before and before["recorded_at"],
        "corrects_event_id": before and before["event_id"],
        "corrects_type": before and before["event_type"],
        "corrects_leaf": before and before["leaf"],
        "corrects_position": before and position(before),
        "days_later": before and (line["recorded_at"] - before["recorded_at"]).days,
    }
    return {name: row[name] for name in _COLUMNS}
