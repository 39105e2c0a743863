"""From an admitted record to its place in a case: what the signed bytes say, and what it does.

Admission reads the stamp only, so that every reader admits alike whatever schemas it has. What
needs the schema is judged here, at the record's place, and at worst makes the event void.
"""

from __future__ import annotations

from collections.abc import Callable

from events.codec import decode
from events.errors import KeyUnknown, RecordRejected, UnknownSchema
from events.registry import SCHEMAS
from events.stamp import Event
from ledger.case.fold import fold, pass_over
from ledger.case.plane import Plane, Verdict, VoidReason

#: Takes an event out of its envelope, if it came in one.
Unsealed = Callable[[Event], Event]


def as_it_is(event: Event) -> Event:
    """Leave an event as it is: where nothing stands in envelopes."""
    return event


#: Event types, by class and schema version, that may stand on the shared topic.
_SHARED = frozenset((s.event_class, s.version) for s in SCHEMAS if s.visibility == "shared")


def read_on(
    plane: Plane,
    value: bytes,
    leaf: bytes,
    *,
    origin: str,
    version: int,
    event: Event | None = None,
    unsealed: Unsealed = as_it_is,
) -> tuple[Plane, Verdict, Event | None]:
    """Return the plane after one more admitted record, its verdict, and the event if there is one.

    `origin` and `version` are the stamp's, as admission read them; `event` is what the bytes are,
    if somebody has decoded them already. `unsealed` takes a national event out of its envelope.

    No header is asked: whoever puts a copy of an event on the topic first gives it headers of his
    own, so what they say must decide nothing. Raises UnknownSchema if the schema is not installed
    here, KeyUnknown if the key of its envelope is not: the case has to wait.
    """
    try:
        event = decode(value) if event is None else event
        if not plane.shared:
            event = unsealed(event)
    except (UnknownSchema, KeyUnknown):
        raise
    except RecordRejected:
        return *_passed(plane, origin, version, leaf, VoidReason.UNREADABLE), None
    if plane.shared and (type(event), event.schema_version) not in _SHARED:
        return *_passed(plane, origin, version, leaf, VoidReason.WRONG_TOPIC), event
    after, verdict = fold(plane, event, leaf)
    return after, verdict, event


def _passed(
    plane: Plane, origin: str, version: int, leaf: bytes, why: VoidReason
) -> tuple[Plane, Verdict]:
    return pass_over(plane, origin, version, leaf), Verdict(why)
