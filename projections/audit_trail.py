"""The audit trail: every admitted event, effective or void, with its place and its leaf hash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from pydantic_core import from_json, to_json

from events.codec import read_stamp
from events.registry import CLASSES
from events.stamp import Event
from projections.change import Change, Opinions
from projections.table import Row, Table, binary_json, plain

TABLE = Table(
    name="audit_trail",
    columns={
        "case_id": "uuid NOT NULL",
        "topic": "text NOT NULL",
        "place": "int4 NOT NULL",  # in the case on this topic: 1, 2, 3 in order of effect
        "partition": "int4 NOT NULL",
        "offset": "int8 NOT NULL",
        "effect_offset": "int8 NOT NULL",
        "effect_rank": "int4 NOT NULL",
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
    key=("case_id", "topic", "place"),
    append_only=True,
    # Few: those that are not attested are asked for all the time.
    indexes=("(case_id, origin) WHERE event_type IN ('ErasureApproved', 'ErasureAttested')",),
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


def summary(event: Event) -> dict[str, Any]:
    """Return what an event says beyond its stamp, as plain JSON: ids, countries, codes, days."""
    said: dict[str, Any] = from_json(_json(event))
    return said


def _json(event: Event | None) -> bytes:
    if event is None:
        return b"{}"
    text = to_json({name: getattr(event, name) for name in _SHOWN[type(event)]})
    # jsonb has no NUL, a signed event may contain one.
    return text.replace(b"\\u0000", b"\\ufffd") if b"\\u0000" in text else text


def rows(change: Change) -> Iterable[Row]:
    """Return the line of the trail that an event gets, whatever became of it."""
    record, event, void = change.record, change.event, change.verdict.void
    stamp = event if event is not None else read_stamp(record.value)
    actor = None if event is None else event.actor
    row = (
        record.case_id,
        record.topic,
        change.after.count,
        record.partition,
        record.offset,
        record.effect_offset,
        record.effect_rank,
        stamp.event_id,
        stamp.origin,
        stamp.version,
        "" if event is None else type(event).__name__,
        None if event is None else event.schema_version,
        stamp.recorded_at,
        stamp.occurred_at,
        None if actor is None else plain(actor.id),
        None if actor is None else plain(actor.role),
        None if actor is None else plain(actor.organisation),
        record.leaf,
        void is None,
        None if void is None else void.value,
        binary_json(_json(event)),
    )
    return (row,)


#: Nothing is left out of the trail.
OPINIONS: Opinions = dict.fromkeys(CLASSES.values(), rows)
