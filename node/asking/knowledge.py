"""What a person had before her when she decided: the case as her country then knew it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from events.codec import read_stamp
from events.errors import BadInput
from ledger import mirror
from ledger.case.case import Topic
from ledger.mirror import Placed
from node.asking.inquiry import Answer, Inquiry, Row
from node.moments import Moment
from node.past import case_at, file_then, history_then
from projections.access_ledger import ACCESSED
from projections.as_of import AtPlaces, Prefix, Then

_COLUMNS = ("position", "event", "state", "why", "by", "recorded_at", "event_id")


def knew_then(inquiry: Inquiry, *, case_id: UUID, event_id: UUID) -> Answer:
    """Return what the person who took a decision knew then: state, events, and data shown.

    On the shared topic exactly what her decision names as seen; at home what her country had
    recorded before. `shown` is what she herself had been shown of the child until then, by scope.
    """
    inquiry.require_known(case_id)
    decided = _decision(inquiry, case_id, event_id)
    prefixes = tuple(_prefixes(inquiry, case_id, decided))
    when = Moment(f"decision {event_id}", AtPlaces(prefixes))
    past = case_at(inquiry.found, case_id, when, inquiry.agreement)
    own = decided["origin"] == inquiry.country
    return Answer(
        columns=_COLUMNS,
        rows=history_then(past),
        facts={
            "decision": decided["event_type"],
            "actor_id": decided["actor_id"],
            "actor_role": decided["actor_role"],
            "decided_at": decided["recorded_at"],
            "prefixes": [_said(past.then, one) for one in prefixes],
            "unread": past.then.unread,
            "file": file_then(past),
            "shown": _shown(inquiry, case_id, decided) if own else None,
        },
        not_answered=[] if own else [decided["origin"]],
    )


def _decision(inquiry: Inquiry, case_id: UUID, event_id: UUID) -> dict[str, Any]:
    where = "WHERE case_id = %s AND event_id = %s"
    lines = inquiry.found.rows("audit_trail", where, case_id, event_id)
    if not lines:
        raise BadInput(f"case {case_id}: no event {event_id} is known here", rule="event_known")
    return lines[0]


def _prefixes(inquiry: Inquiry, case_id: UUID, decided: Row) -> Iterator[Prefix]:
    """Yield the prefix of each topic that the decider had read."""
    records = [
        record
        for topic in (Topic.SHARED, Topic.NATIONAL)
        for record in mirror.records_of(inquiry.found.connection, topic.value, [case_id])
    ]
    (itself,) = (one for one in records if one.leaf == decided["leaf"])
    seen = read_stamp(itself.value).seen
    shared = [one for one in records if one.topic == Topic.SHARED.value]
    yield next((Prefix.until(one) for one in shared if one.leaf == seen), _nothing(Topic.SHARED))
    if decided["origin"] == inquiry.country:
        at = decided["recorded_at"]
        national = [one for one in records if one.topic == Topic.NATIONAL.value]
        before = [one for one in national if _was_before(one, at)]
        yield Prefix.until(before[-1]) if before else _nothing(Topic.NATIONAL)


def _was_before(record: Placed, at: datetime) -> bool:
    """Say whether a national event was recorded before a decision: one's clock never goes back.

    Events of one time are one decision.
    """
    return read_stamp(record.value).recorded_at < at


def _nothing(topic: Topic) -> Prefix:
    return Prefix.before(topic, 0)


def _said(then: Then, prefix: Prefix) -> str:
    """Return the last place that had been read; several events may take effect at one offset."""
    lines = [line for line in then.trail() if line["topic"] == prefix.topic]
    if not lines:
        return f"{prefix.topic}: nothing"
    return "{topic}/{partition}@{effect_offset}.{effect_rank}".format_map(lines[-1])


def _shown(inquiry: Inquiry, case_id: UUID, decided: Row) -> list[Row]:
    rows = inquiry.of_case("access_ledger", case_id, "at, entry_id")
    return [
        {name: row[name] for name in ("at", "scopes", "purpose", "door", "about")}
        for row in rows
        if row["kind"] == ACCESSED
        and row["actor_id"] == decided["actor_id"]
        and row["at"] < decided["recorded_at"]
    ]
