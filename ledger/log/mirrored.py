"""A log as it stands in a mirror: recomputed from the bytes of its events, place by place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import tuple_row

from events.stamp import leaf_hash
from ledger.log.faults import Fault
from ledger.log.merkle import CompactRange
from ledger.log.signature import LogVerifier

#: Rows that are read at a time.
CHUNK = 2_000

_ROWS: LiteralString = """
SELECT log_index, partition, event_id, leaf, value FROM mirror.record
WHERE topic = %b AND origin = %b AND log_index >= %b AND log_index < %b
ORDER BY log_index LIMIT %b
"""
_SIGNED: LiteralString = """
SELECT log_index, partition, event_id, leaf, value, signature FROM mirror.record
WHERE topic = %b AND origin = %b AND log_index >= %b AND log_index < %b
ORDER BY log_index
"""
_NEVER = 2**62


class Entry(NamedTuple):
    """An event at its place of a log; `leaf` is what its bytes hash to, here and now."""

    log_index: int
    partition: int
    event_id: UUID
    leaf: bytes


class LogName(NamedTuple):
    """Which log: its name in signatures, and where a mirror has its events."""

    name: str
    #: `shared` or `national`.
    topic: str
    origin: str


class MirroredLog:
    """One log, read from its beginning on."""

    def __init__(self, log: LogName) -> None:
        self.log = log
        self.tree = CompactRange()

    def following(
        self, connection: Connection[Any], *, until: int = _NEVER, most: int = CHUNK
    ) -> Sequence[Entry] | Fault:
        """Return what follows on what was taken in, up to a hole; or why that cannot be."""
        _, topic, origin = self.log
        cursor = connection.cursor(row_factory=tuple_row)
        asked = (topic, origin, self.tree.size, until, most)
        found: list[Entry] = []
        for index, partition, event_id, leaf, value in cursor.execute(_ROWS, asked, prepare=True):
            wanted = self.tree.size + len(found)
            if index > wanted:  # an earlier one has not arrived yet: it stands in another partition
                break
            if index < wanted:
                return self._fault("index_twice", Entry(index, partition, event_id, leaf))
            entry = Entry(index, partition, event_id, leaf_hash(value))
            if entry.leaf != leaf:
                return self._fault("leaf_differs", entry)
            found.append(entry)
        return found

    def take(self, entries: Iterable[Entry]) -> None:
        """Add what `following` returned, or the beginning of it."""
        for entry in entries:
            self.tree.append(entry.leaf)

    def read_on(self, connection: Connection[Any], *, until: int = _NEVER) -> Fault | None:
        """Take in all that follows, up to a hole or a size."""
        while self.tree.size < until:
            found = self.following(connection, until=until)
            if isinstance(found, Fault):
                return found
            if not found:
                return None
            self.take(found)
        return None

    def _fault(self, rule: str, entry: Entry) -> Fault:
        return Fault(
            rule,
            self.log.name,
            partition=entry.partition,
            log_index=entry.log_index,
            event_id=entry.event_id,
        )


def culprit(
    connection: Connection[Any],
    log: LogName,
    begin: int,
    end: int,
    keys: Sequence[LogVerifier],
) -> Fault | None:
    """Return the first event of a stretch of a log that is not what its origin signed.

    Asked after a root was wrong. None if every event is there and signed: then its origin has
    signed two histories.
    """
    cursor = connection.cursor(row_factory=tuple_row)
    wanted = begin
    for index, partition, event_id, leaf, value, signature in cursor.execute(
        _SIGNED, (log.topic, log.origin, begin, end)
    ):
        place = {"partition": partition, "log_index": index, "event_id": event_id}
        if index > wanted:
            return Fault("missing", log.name, log_index=wanted)
        if index < wanted:
            return Fault("index_twice", log.name, **place)
        if leaf_hash(value) != leaf:
            return Fault("leaf_differs", log.name, **place)
        if not any(key.is_signed(log.name, index, leaf, signature) for key in keys):
            return Fault("signature", log.name, **place)
        wanted += 1
    return None if wanted == end else Fault("missing", log.name, log_index=wanted)
