"""The audit trail: every admitted event, effective or void, with its place and its leaf hash."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import date
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from events.codec import read_stamp
from events.registry import CLASSES
from events.stamp import Event
from projections.change import Change, Opinions
from projections.table import Row, Table, plain

TABLE = Table(
    name="audit_trail",
    columns={
        "topic": "text NOT NULL",
        "partition": "int4 NOT NULL",
        "offset": "int8 NOT NULL",
        "effect_offset": "int8 NOT NULL",
        "effect_rank": "int4 NOT NULL",
        "case_id": "uuid NOT NULL",
        "place": "int4 NOT NULL",  # in the case on this topic: 1, 2, 3 in order of effect
        "event_id": "uuid NOT NULL",
        "origin": "text NOT NULL",
        "version": "int4 NOT NULL",
        "event_type": "text NOT NULL",  # empty if the bytes are no readable event
        "schema_version": "int4",
        "recorded_at": "timestamptz NOT NULL",
        "occurred_at": "timestamptz NOT NULL",
        "actor_id": "text",
        "actor_role": "text",
        "actor_organisation": "text",
        "leaf": "bytea NOT NULL",
        "effective": "bool NOT NULL",
        "void_reason": "text",
        "summary": "jsonb NOT NULL",  # ids, countries, codes and days; nothing sealed, no bytes
    },
    key=("topic", "partition", "offset"),
    append_only=True,
    indexes=("(case_id, topic, place)",),
)

_STAMP = frozenset(field.name for field in fields(Event))


#: Fields of each event that the trail shows: what is its own, except bytes.
_SHOWN: Mapping[type[Event], tuple[str, ...]] = {
    kind: tuple(
        field.name
        for field in fields(kind)
        if field.name not in _STAMP and "bytes" not in str(field.type)
    )
    for kind in CLASSES.values()
}


def _plain_value(value: object) -> Any:
    if isinstance(value, UUID | date):
        return str(value)
    if isinstance(value, tuple):
        return [_plain_value(item) for item in value]
    return plain(value) if isinstance(value, str) else value


def summary(event: Event) -> Mapping[str, Any]:
    """Return what an event says beyond its stamp, as plain JSON values."""
    return {name: _plain_value(getattr(event, name)) for name in _SHOWN[type(event)]}


def _dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def rows(change: Change) -> Iterable[Row]:
    """Return the line of the trail that an event gets, whatever became of it."""
    record, event, void = change.record, change.event, change.verdict.void
    stamp = event if event is not None else read_stamp(record.value)
    where = record[:6]
    what = (change.after.count, stamp.event_id, stamp.origin, stamp.version)
    when = (stamp.recorded_at, stamp.occurred_at)
    made_of_it = (record.leaf, void is None, void and str(void))
    if event is None:
        kind: Row = ("", None, *when, None, None, None)
    else:
        actor = event.actor
        who = (plain(actor.id), plain(actor.role), plain(actor.organisation))
        kind = (type(event).__name__, event.schema_version, *when, *who)
    said = summary(event) if event is not None else {}
    return ((*where, *what, *kind, *made_of_it, Jsonb(said, dumps=_dumps)),)


#: Nothing is left out of the trail.
OPINIONS: Opinions = dict.fromkeys(CLASSES.values(), rows)
