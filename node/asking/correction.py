"""What was corrected after the fact, by whom: the ids and hashes of both sides, nothing sealed."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from psycopg.rows import dict_row

from node.asking.inquiry import Answer, Inquiry, Row, position

_COLUMNS = (
    *("case_id", "corrected_at", "origin", "actor_id", "actor_role", "state", "void_reason"),
    *("event_id", "leaf", "position", "corrects_event_id", "corrects_type", "recorded_at"),
    *("corrects_leaf", "corrects_position", "days_later"),
)
#: Case, topic, origin and version: what names one event.
_Version = tuple[UUID, str, str, int]

_CORRECTED = """
SELECT * FROM {schema}.audit_trail WHERE (case_id, topic, origin, version) IN (
    SELECT case_id, topic, origin, (summary ->> 'corrects_version')::int
    FROM {schema}.audit_trail
    WHERE event_type = 'RecordCorrected' AND (%(case)s::uuid IS NULL OR case_id = %(case)s)
)
"""


def corrections(inquiry: Inquiry, *, case_id: UUID | None = None) -> Answer:
    """Return who corrected what after the fact, and what stood there before.

    Nothing is overwritten: before and after are two events, each named with its leaf hash. What
    they say is sealed; `ledger data read --about EVENT` shows it to who may see it.
    """
    if case_id is not None:
        inquiry.require_known(case_id)
    lines = inquiry.events("RecordCorrected", case_id=case_id, effective=None)
    corrected = _corrected(inquiry, case_id)
    rows = [_row(line, corrected.get(_version(line))) for line in lines]
    return Answer(
        columns=_COLUMNS,
        rows=rows,
        facts={"corrections": sum(row["state"] == "effective" for row in rows)},
        # What is corrected at home stands on each country's own topic.
        not_answered=inquiry.others,
    )


def _corrected(inquiry: Inquiry, case_id: UUID | None) -> Mapping[_Version, Row]:
    """Return the events that were corrected: each of the same origin, on the same topic."""
    statement = _CORRECTED.format(schema=inquiry.found.schema)
    with inquiry.found.connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(statement, {"case": case_id}).fetchall()
    return {(row["case_id"], row["topic"], row["origin"], row["version"]): row for row in found}


def _version(line: Row) -> _Version:
    """Return which event a correction names."""
    return (line["case_id"], line["topic"], line["origin"], line["summary"]["corrects_version"])


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
