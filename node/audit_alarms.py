"""R9: an alarm that stands here as resolved, and what the register says of it (ADR 30).

A person's word stands in this country's store before the row is set, so at any one moment each row
that is resolved has its event there, and sooner or later in the mirror. A row without one was set
by hand: decisions that waited for it go on, and nobody answers for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from events.agreement import Agreement
from events.codec import decode
from events.contract import register_id
from events.errors import RecordRejected
from events.governance import AlarmResolved
from ledger.case.case import Topic
from ledger.keys.national import NationalKeys, opened
from ledger.log.findings import Finding, found_without_event
from node.reading import Reader


class Resolved(NamedTuple):
    """What this country has said of its alarms."""

    events: tuple[AlarmResolved, ...]
    #: Whether all that it has said in the register could be read here.
    is_all: bool


def resolved_by(reading: Reader, agreement: Agreement, keys: NationalKeys | None) -> Resolved:
    """Return what this country's store and mirror say of alarms, as far as these keys open it."""
    said, is_all = [], True
    asked = {"register": register_id(agreement.prefix), "own": reading.country}
    for (value,) in reading.connection.execute(_SAID, asked):
        try:
            event = opened(decode(value), keys)
        except RecordRejected:  # under a key or a schema that is not here, or spoiled
            is_all = False
        else:
            said += [event] if isinstance(event, AlarmResolved) else []
    return Resolved(tuple(said), is_all)


def check_alarms(reading: Reader, said: Resolved) -> Iterator[Finding]:
    """Yield each alarm that is resolved here, and of which no event says so, under that name.

    Where something in the register cannot be read, nothing is said: it might be that event.
    """
    if not said.is_all:
        return
    known = {(one.alarm_id, one.rule, one.log, one.partition, one.actor.id) for one in said.events}
    for *row, size, log_index, event_id in reading.connection.execute(_ROWS):
        if tuple(row) not in known:
            alarm_id, _, log, partition, _ = row
            about: dict[str, Any] = {"about": alarm_id, "partition": partition, "size": size}
            about |= {"log_index": log_index, "event_id": event_id}
            topic = Topic.SHARED.value
            yield found_without_event(
                "R9", "alarm_differs", reading.country, log or "", topic=topic, **about
            )


_SAID = """
SELECT value FROM mirror.record
WHERE topic = 'national' AND origin = %(own)s AND case_id = %(register)s AND value IS NOT NULL
UNION
SELECT state FROM ledger.ledger_events
WHERE originator_id = %(register)s AND topic LIKE 'national/%%'
"""
_ROWS = """
SELECT alarm_id, rule, log, partition, resolved_by, size, log_index, event_id FROM witness.alarm
WHERE resolved_at IS NOT NULL OR resolved_by IS NOT NULL ORDER BY alarm_id
"""
