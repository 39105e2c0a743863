"""What a case was, as far as a prefix of its topic says: folded again, from the mirror.

A prefix is named by a place in the topic's order, and every answer names the one it used. The time
at which something was recorded filters what is listed, never what is folded: clocks of two
countries do not agree, places do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, Self
from uuid import UUID

from psycopg import Connection

from events.codec import read_stamp
from events.errors import KeyUnknown, UnknownSchema
from events.stamp import Event
from ledger import mirror
from ledger.case.case import Topic
from ledger.case.plane import Plane, Verdict, empty
from ledger.case.reading import read_on
from ledger.keys.national import NationalKeys, opened
from ledger.mirror import Placed

_LAST_RANK = 2**31 - 1


class Prefix(NamedTuple):
    """Everything that took effect at or before a place of a topic."""

    topic: str
    offset: int
    rank: int = _LAST_RANK

    @classmethod
    def before(cls, topic: Topic, next_offset: int) -> Self:
        """Return the prefix that ends before an offset: a reader's position."""
        return cls(topic.value, next_offset - 1)

    def holds(self, record: Placed) -> bool:
        """Say whether a record of this topic took effect within the prefix."""
        return (record.effect_offset, record.effect_rank) <= (self.offset, self.rank)


class Line(NamedTuple):
    """One line of the trail of that moment."""

    place: int
    record: Placed
    event: Event | None
    verdict: Verdict
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AsOf:
    """The answer, and the prefix it rests on."""

    prefix: Prefix
    plane: Plane
    trail: tuple[Line, ...]
    #: Events of the prefix that cannot be read here, because of the first of them.
    unread: int = 0

    def listed(self, since: datetime, until: datetime) -> tuple[Line, ...]:
        """Return the lines that were recorded within a span of time; all of them are folded."""
        return tuple(line for line in self.trail if since <= line.recorded_at < until)


def as_of(
    connection: Connection[Any],
    case_id: UUID,
    prefix: Prefix,
    *,
    keys: NationalKeys | None = None,
) -> AsOf:
    """Return a case as a prefix of one of its topics says it was."""
    there = mirror.records_of(connection, prefix.topic, [case_id])
    records = [record for record in there if prefix.holds(record)]
    plane = empty(case_id, shared=prefix.topic == Topic.SHARED)
    trail: list[Line] = []
    for record in records:
        try:
            plane, verdict, event = read_on(
                plane,
                record.value,
                record.leaf,
                origin=record.origin,
                version=record.version,
                unsealed=partial(opened, keys=keys),
            )
        except (UnknownSchema, KeyUnknown):
            break
        recorded_at = read_stamp(record.value).recorded_at
        trail.append(Line(plane.count, record, event, verdict, recorded_at))
    unread = len(records) - len(trail)
    return AsOf(prefix=prefix, plane=plane, trail=tuple(trail), unread=unread)


def at_instant(
    connection: Connection[Any], case_id: UUID, moment: datetime, *, topic: Topic
) -> Prefix:
    """Return the longest prefix this node had mirrored by a moment, as far as the case goes.

    A partition is mirrored in order, so it ends before the first record that came later.
    """
    row = connection.execute(_MIRRORED, (moment, topic.value, case_id)).fetchone()
    assert row is not None
    first_later, last = row
    return Prefix.before(topic, first_later if first_later is not None else (last or 0) + 1)


def seen_by(connection: Connection[Any], case_id: UUID, country: str) -> Prefix:
    """Return the longest prefix of the shared topic that a country had certainly seen.

    A lower bound, by what its own events of the case say they had seen: it may have seen more.
    """
    records = mirror.records_of(connection, Topic.SHARED.value, [case_id])
    seen = {read_stamp(one.value).seen for one in records if one.origin == country}
    places = (Prefix(one.topic, *one[3:5]) for one in records if one.leaf in seen)
    return max(places, default=Prefix.before(Topic.SHARED, 0))


_MIRRORED = """
SELECT min("offset") FILTER (WHERE mirrored_at > %s), max(effect_offset)
FROM mirror.record WHERE topic = %s AND case_id = %s
"""
