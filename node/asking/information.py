"""Whether a child or who speaks for her was told what was decided, as far as it was recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from events.codes import ConsentGiver
from node.asking.inquiry import Answer, Inquiry, Row, position

_COLUMNS = ("case_id", "what", "subject", "at", "state", "told_by", "told_at", "position")
#: What she is to be told of: event -> the field that names it.
_TOLD_OF: Mapping[str, str] = {
    "OverrideApproved": "override_id",
    "ResponsibilityMoved": "handoff_id",
    "CaseClosed": "case_id",
}
_SAID = f"{' '.join(_TOLD_OF)} ViewsRecorded BasisRecorded WithdrawalRecorded"


def informed(inquiry: Inquiry, *, case_id: UUID | None = None) -> Answer:
    """Return of what a child was told, as far as that was recorded.

    What is recorded of it: a receipt that was made for her, her views that were heard, or what she
    herself permitted or took back, at or after that moment. `not_recorded` is no proof that nobody
    told her. Of a return it is asked when returns are recorded.
    """
    if case_id is not None:
        inquiry.require_known(case_id)
    lines = inquiry.events(_SAID, case_id=case_id)
    told = _told(inquiry, case_id, lines)
    rows = [
        _row(line, subject, told.get(line["case_id"], ()))
        for (_, subject), line in _happenings(lines).items()
    ]
    states = [row["state"] for row in rows]
    return Answer(
        columns=_COLUMNS,
        rows=rows,
        facts={name: states.count(name) for name in ("recorded", "not_recorded")},
        not_answered=inquiry.others,
    )


def _happenings(lines: Iterable[Row]) -> Mapping[tuple[str, UUID], Row]:
    """Return what she is to be told of; what stands on both topics once, as it was first."""
    found: dict[tuple[str, UUID], Row] = {}
    for line in sorted(lines, key=lambda one: one["recorded_at"]):
        field = _TOLD_OF.get(line["event_type"])
        if field is None:
            continue
        # A case may be closed again: each closing is its own event.
        subject = line["event_id"] if field == "case_id" else UUID(line["summary"][field])
        found.setdefault((line["event_type"], subject), line)
    return found


def _told(
    inquiry: Inquiry, case_id: UUID | None, lines: Iterable[Row]
) -> Mapping[UUID, list[tuple[datetime, str]]]:
    """Return by which records each child was told something, the earliest first."""
    told: dict[UUID, list[tuple[datetime, str]]] = {}
    for row in inquiry.of_case("access_ledger", case_id, "at"):
        if row["door"] == "receipt":
            told.setdefault(row["case_id"], []).append((row["at"], "receipt"))
    for line in lines:
        hers = line["summary"].get("given_by") == ConsentGiver.CHILD
        if line["event_type"] == "ViewsRecorded" or hers:
            moments = told.setdefault(line["case_id"], [])
            moments.append((line["recorded_at"], line["event_type"]))
    return {case: sorted(moments) for case, moments in told.items()}


def _row(line: Row, subject: UUID, told: Iterable[tuple[datetime, str]]) -> dict[str, Any]:
    after = next((one for one in told if one[0] >= line["recorded_at"]), None)
    return {
        "case_id": line["case_id"],
        "what": line["event_type"],
        "subject": subject,
        "at": line["recorded_at"],
        "state": "not_recorded" if after is None else "recorded",
        "told_by": after and after[1],
        "told_at": after and after[0],
        "position": position(line),
    }
