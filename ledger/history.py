"""What this country knows of a case, as far as it has been read: a prefix that only grows.

The mirror and the store are only ever added to, so a folded prefix stays true and may be kept.
Whoever reads on asks for the last row again: if it is not the same row, the prefix belongs to
another database than the one that answers now (a restore), and is thrown away.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import NamedTuple
from uuid import UUID

from events.codec import decode
from events.errors import HistoryGap, UnknownSchema
from events.stamp import NOTHING_SEEN, Event, leaf_hash
from ledger.case.case import Case, Topic
from ledger.case.fold import fold
from ledger.case.plane import Plane, empty
from ledger.case.reading import read_on
from ledger.keys.national import NationalKeys, opened

#: Place before the first effect of a topic.
START = (-1, -1)


class Mirrored(NamedTuple):
    """An event that took its place in the shared topic's order."""

    #: Offset and rank of its effect.
    place: tuple[int, int]
    origin: str
    version: int
    value: bytes


class Stored(NamedTuple):
    """A row of this country's store, not read yet."""

    number: int
    topic: str
    value: bytes


class Own(NamedTuple):
    """An event of this country's store."""

    number: int
    topic: Topic
    event: Event
    leaf: bytes

    @classmethod
    def of(cls, row: Stored, keys: NationalKeys | None = None) -> Own:
        """Read a row; RecordRejected if it is not what was written."""
        topic = Topic(row.topic.partition("/")[0])
        event = opened(decode(row.value), keys)
        return cls(row.number, topic, event, leaf_hash(row.value))


class PrefixChanged(Exception):
    """The rows do not continue the prefix that is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A folded prefix of one case's mirror and store."""

    country: str
    settled: Plane
    ahead: Plane
    national: Plane
    #: Own shared events that `settled` does not hold yet, in order of version.
    pending: tuple[tuple[Event, bytes], ...] = ()
    place: tuple[int, int] = START
    #: Whether the mirror goes on with an event whose schema is not installed here.
    unread: bool = False
    number: int = 0
    #: Leaf hash of the event with that number.
    last_own: bytes = NOTHING_SEEN
    decided_at: datetime | None = None
    national_leaves: tuple[bytes, ...] = ()

    @classmethod
    def nothing(cls, case_id: UUID, country: str) -> History:
        """Return the history of a case of which nothing has been read."""
        shared = empty(case_id, shared=True)
        national = empty(case_id, shared=False)
        return cls(country=country, settled=shared, ahead=shared, national=national)

    @property
    def case(self) -> Case:
        """The case as it can be decided on."""
        return Case(
            case_id=self.settled.case_id,
            country=self.country,
            settled=self.settled,
            ahead=self.ahead,
            national=self.national,
            number=self.number,
            decided_at=self.decided_at,
            national_leaves=self.national_leaves,
        )

    def read_on(
        self,
        mirrored: Sequence[Mirrored],
        own: Sequence[Stored],
        *,
        keys: NationalKeys | None = None,
    ) -> History:
        """Return the history after rows that begin with the last one of this prefix.

        PrefixChanged if they begin with another one, HistoryGap if a number is missing.
        """
        fresh = [Own.of(row, keys) for row in self._after_last_own(own)]
        settled = self._settle(self._after_last_mirrored(mirrored))
        return settled.add(fresh) if fresh else settled

    def add(self, own: Sequence[Own]) -> History:
        """Return the history after further own events."""
        ahead, national = self.ahead, self.national
        pending, leaves = list(self.pending), list(self.national_leaves)
        decided_at, last = self.decided_at, self.last_own
        number = self.number
        for row in own:
            if row.number != number + 1:
                raise HistoryGap(f"case {self.settled.case_id} lacks decision {number + 1}")
            number, topic, event, last = row
            decided_at = max(decided_at or event.recorded_at, event.recorded_at)
            if topic is Topic.NATIONAL:
                national, _ = fold(national, event, last)
                leaves.append(last)
            elif event.version > self.settled.versions.get(self.country, 0):
                ahead, _ = fold(ahead, event, last)
                pending.append((event, last))
        return replace(
            self,
            ahead=ahead,
            national=national,
            pending=tuple(pending),
            number=number,
            last_own=last,
            decided_at=decided_at,
            national_leaves=tuple(leaves),
        )

    def _settle(self, mirrored: Sequence[Mirrored]) -> History:
        if not mirrored:
            return self
        settled, place, unread = self.settled, self.place, False
        for row in mirrored:
            try:
                settled = _folded(settled, row)
            except UnknownSchema:  # the case is parked here until the schema is installed
                unread = True
                break
            place = row.place
        seen = settled.versions.get(self.country, 0)
        pending = tuple(entry for entry in self.pending if entry[0].version > seen)
        ahead = settled
        for event, leaf in pending:
            ahead, _ = fold(ahead, event, leaf)
        return replace(
            self, settled=settled, ahead=ahead, pending=pending, place=place, unread=unread
        )

    def _after_last_mirrored(self, rows: Sequence[Mirrored]) -> Sequence[Mirrored]:
        if self.place == START:
            return rows
        if not rows or (rows[0].place, leaf_hash(rows[0].value)) != (self.place, self.settled.head):
            raise PrefixChanged
        return rows[1:]

    def _after_last_own(self, rows: Sequence[Stored]) -> Sequence[Stored]:
        if self.number == 0:
            return rows
        if not rows or (rows[0].number, leaf_hash(rows[0].value)) != (self.number, self.last_own):
            raise PrefixChanged
        return rows[1:]


def _folded(settled: Plane, row: Mirrored) -> Plane:
    """Fold a row exactly as every reader does, so that a decider sees what the read models say."""
    leaf = leaf_hash(row.value)
    return read_on(settled, row.value, leaf, origin=row.origin, version=row.version)[0]


class Histories:
    """The histories of the cases decided on lately; the least recent ones are forgotten."""

    def __init__(self, country: str, *, most: int) -> None:
        self._country = country
        self._most = most
        self._kept: OrderedDict[UUID, History] = OrderedDict()
        self._lock = Lock()

    def of(self, case_id: UUID) -> History:
        """Return as much as is kept of a case."""
        with self._lock:
            kept = self._kept.get(case_id)
        return kept or History.nothing(case_id, self._country)

    def keep(self, history: History) -> None:
        """Keep a history; of two callers the later one wins, since any prefix is a true one."""
        with self._lock:
            self._kept[history.settled.case_id] = history
            self._kept.move_to_end(history.settled.case_id)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def forget(self, case_id: UUID) -> None:
        """Forget a case."""
        with self._lock:
            self._kept.pop(case_id, None)
