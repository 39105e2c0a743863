"""What a case was, as far as a prefix of its topics says: all read models of it, folded again.

A prefix is named by a place in a topic's order, and every answer names the ones it used. The
records come from the mirror and go through the very functions that fill the tables
(projections.folding.fold_case); what comes of it stays in memory. The time at which something was
recorded filters what is listed, never what is folded: clocks of two countries do not agree, places
do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, ClassVar, NamedTuple, Protocol, Self
from uuid import UUID

from psycopg import Connection

from events.codec import read_stamp
from events.errors import BadInput
from ledger import mirror
from ledger.case.case import Topic
from ledger.case.plane import Plane
from ledger.keys.national import NationalKeys
from ledger.mirror import Heard, Placed
from projections import audit_trail
from projections.folding import Counts, Stop, fold_case
from projections.keeping import TOPICS
from projections.store import Sheet
from projections.table import Row, Table

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

    @classmethod
    def until(cls, record: Placed) -> Self:
        """Return the prefix that ends with a record."""
        return cls(record.topic, record.effect_offset, record.effect_rank)

    def holds(self, record: Placed) -> bool:
        """Say whether a record took effect within the prefix."""
        place = (record.effect_offset, record.effect_rank)
        return record.topic == self.topic and place <= (self.offset, self.rank)


class Boundary(Protocol):
    """Where the past ends: a pure function of what is mirrored of a case."""

    #: Whether more may have been known than the prefixes say.
    lower_bound: ClassVar[bool]

    def prefixes(self, heard: Sequence[Heard]) -> tuple[Prefix, ...]:
        """Return the prefix of each topic that it speaks of."""


@dataclass(frozen=True, slots=True)
class AtPlaces:
    """At places of a topic's order, at most one on each; of the other topic nothing is said."""

    places: tuple[Prefix, ...]
    lower_bound: ClassVar[bool] = False

    def prefixes(self, heard: Sequence[Heard]) -> tuple[Prefix, ...]:  # noqa: ARG002
        """Return these places."""
        return self.places


@dataclass(frozen=True, slots=True)
class AtInstant:
    """At a moment: the longest prefix of each topic that this node had mirrored by then.

    The clock is that of this country's database, which dates every batch as it mirrors it
    (`mirrored_at`); no event's own time is asked. A partition is mirrored in order, so a prefix
    ends before the first record of the case that came later.
    """

    moment: datetime
    lower_bound: ClassVar[bool] = False

    def prefixes(self, heard: Sequence[Heard]) -> tuple[Prefix, ...]:
        """Return the prefix of each topic, as far as the case goes."""
        return tuple(self._of(topic, heard) for topic in Topic)

    def _of(self, topic: Topic, heard: Sequence[Heard]) -> Prefix:
        there = [one for one in heard if one.record.topic == topic]
        later = [one.record.offset for one in there if one.at > self.moment]
        if later:
            return Prefix.before(topic, min(later))
        return Prefix(topic.value, max((one.record.effect_offset for one in there), default=-1))


@dataclass(frozen=True, slots=True)
class SeenBy:
    """What a country had certainly seen of the shared topic, by all that it has said of the case.

    A lower bound, by what its own events say they had seen: it may have seen more.
    """

    country: str
    lower_bound: ClassVar[bool] = True

    def prefixes(self, heard: Sequence[Heard]) -> tuple[Prefix, ...]:
        """Return the prefix of the shared topic."""
        shared = _shared(heard)
        return (_seen(shared, (one for one in shared if one.origin == self.country)),)


@dataclass(frozen=True, slots=True)
class SeenWhen:
    """What the country that said an event had certainly seen of the shared topic by then.

    By what this event and those that it had said before on the same topic had seen: nobody
    unlearns. BadInput, rule `event_known`, if no such event has taken effect in the case.
    """

    event_id: UUID
    lower_bound: ClassVar[bool] = True

    def prefixes(self, heard: Sequence[Heard]) -> tuple[Prefix, ...]:
        """Return the prefix of the shared topic."""
        records = [one.record for one in heard]
        said = next((one for one in records if self._is(one)), None)
        if said is None:
            raise BadInput(f"no event {self.event_id} has taken effect here", rule="event_known")
        until_then = (
            one
            for one in records
            if (one.topic, one.origin) == (said.topic, said.origin) and one.version <= said.version
        )
        return (_seen(_shared(heard), until_then),)

    def _is(self, record: Placed) -> bool:
        return read_stamp(record.value).event_id == self.event_id


def _shared(heard: Iterable[Heard]) -> list[Placed]:
    return [one.record for one in heard if one.record.topic == Topic.SHARED]


def _seen(shared: Iterable[Placed], said: Iterable[Placed]) -> Prefix:
    """Return the shortest prefix that holds everything that some events say they had seen."""
    seen = {read_stamp(one.value).seen for one in said}
    places = (Prefix.until(one) for one in shared if one.leaf in seen)
    return max(places, default=Prefix.before(Topic.SHARED, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Then:
    """One case as it was: what every read model said of it, and the prefixes that this rests on."""

    case_id: UUID
    prefixes: tuple[Prefix, ...]
    #: Of both topics, in their order; nothing is known of a topic that has no prefix.
    planes: Sequence[Plane]
    sheet: Sheet
    #: Where the case could not be folded on, and how many events that leaves out.
    stops: Sequence[Stop] = ()
    unread: int = 0

    @property
    def count(self) -> int:
        """How many events it rests on, effective or void."""
        return sum(plane.count for plane in self.planes)

    def plane(self, topic: Topic) -> Plane:
        """Return what one topic said."""
        return self.planes[TOPICS.index(topic.value)]

    def rows(self, table: Table) -> list[Row]:
        """Return the rows of a read model; added ones in order."""
        return list(self.sheet.rows(table))

    def trail(self) -> list[dict[str, Any]]:
        """Return the lines of the trail, the shared topic first."""
        columns = audit_trail.TABLE.columns
        return [dict(zip(columns, row, strict=True)) for row in self.rows(audit_trail.TABLE)]

    def listed(self, since: datetime, until: datetime) -> list[dict[str, Any]]:
        """Return the lines recorded within a span of time; all of them are folded."""
        return [line for line in self.trail() if since <= line["recorded_at"] < until]


def case_then(
    connection: Connection[Any],
    case_id: UUID,
    boundary: Boundary,
    *,
    country: str,
    keys: NationalKeys | None = None,
) -> Then:
    """Return a case as it was; only its own records are read."""
    heard = mirror.heard(connection, case_id)
    return _then(case_id, heard, boundary, country, keys)


def cases_then(
    connection: Connection[Any],
    partitions: Iterable[int],
    boundary: Boundary,
    *,
    country: str,
    keys: NationalKeys | None = None,
) -> Iterator[Then]:
    """Yield every case of some partitions as it was, one at a time; needs a transaction.

    Cases of which nothing was known then are left out.
    """
    for partition in partitions:
        by_case = groupby(mirror.heard_by_case(connection, partition), _case_of)
        for case_id, heard in by_case:
            then = _then(case_id, list(heard), boundary, country, keys)
            if then.count or then.unread:
                yield then


def mirrored_until(connection: Connection[Any], moment: datetime) -> list[tuple[str, int, int]]:
    """Return the last offset of each topic-partition that was mirrored by a moment.

    No index serves it: it reads the whole mirror, as whoever folds all cases does anyway.
    """
    return connection.execute(_MIRRORED, (moment,)).fetchall()


_MIRRORED = """
SELECT topic, partition, max("offset") FROM mirror.record WHERE mirrored_at <= %s
GROUP BY topic, partition ORDER BY topic DESC, partition
"""


def _case_of(heard: Heard) -> UUID:
    return heard.record.case_id


def _then(
    case_id: UUID,
    heard: Sequence[Heard],
    boundary: Boundary,
    country: str,
    keys: NationalKeys | None,
) -> Then:
    prefixes, sheet = boundary.prefixes(heard), Sheet()
    records = [one.record for one in heard if any(it.holds(one.record) for it in prefixes)]
    planes, stops = fold_case(case_id, records, sheet, Counts(), country=country, keys=keys)
    return Then(
        case_id=case_id,
        prefixes=prefixes,
        planes=planes,
        sheet=sheet,
        stops=stops,
        unread=len(records) - sum(plane.count for plane in planes),
    )
