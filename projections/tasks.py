"""Tasks: an own event that was found void has to be looked at by whoever decided it."""

from __future__ import annotations

from collections.abc import Iterable

from events.codec import read_stamp
from events.registry import CLASSES
from projections.change import Change, Opinions
from projections.table import Row, Table, plain

TABLE = Table(
    name="tasks",
    columns={
        "case_id": "uuid NOT NULL",
        "topic": "text NOT NULL",
        "place": "int4 NOT NULL",  # as in the audit trail, where the event stands
        "event_id": "uuid NOT NULL",
        "event_type": "text NOT NULL",
        "void_reason": "text NOT NULL",
        "actor_id": "text",
        "actor_role": "text",
        "recorded_at": "timestamptz NOT NULL",
    },
    key=("case_id", "topic", "place"),
    append_only=True,
)


def rows(change: Change) -> Iterable[Row]:
    """Return a task if this country's own event has no effect at its place."""
    record, event, void = change.record, change.event, change.verdict.void
    if void is None or record.origin != change.country:
        return ()
    stamp = event if event is not None else read_stamp(record.value)
    kind = "" if event is None else type(event).__name__
    who = (None, None) if event is None else (plain(event.actor.id), plain(event.actor.role))
    where = (record.case_id, record.topic, change.after.count)
    return ((*where, stamp.event_id, kind, str(void), *who, stamp.recorded_at),)


#: Whatever it was, it was found void.
OPINIONS: Opinions = dict.fromkeys(CLASSES.values(), rows)
