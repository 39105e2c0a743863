"""From an admitted record to its place in a case: what the signed bytes say, and what it does.

Admission reads the stamp only, so that every reader admits alike whatever schemas it has. What
needs the schema is judged here, at the record's place, and at worst makes the event void.
"""

from __future__ import annotations

from events.codec import decode
from events.errors import RecordRejected, UnknownSchema
from events.registry import SCHEMAS
from events.stamp import Event
from ledger.case.fold import fold, pass_over
from ledger.case.plane import Plane, Verdict, VoidReason

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
) -> tuple[Plane, Verdict, Event | None]:
    """Return the plane after one more admitted record, its verdict, and the event if there is one.

    `origin` and `version` are the stamp's, as admission read them; `event` is what the bytes are,
    if somebody has decoded them already. No header is asked: whoever puts a copy of an event on
    the topic first gives it headers of his own, so what they say must decide nothing. Raises
    UnknownSchema if the schema is not installed here: the case has to wait.
    """
    try:
        event = decode(value) if event is None else event
    except UnknownSchema:
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
