"""One log of this country as its store has it, compared with what came back from the topic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.rows import tuple_row

from events.stamp import leaf_hash
from ledger.log.faults import Fault
from ledger.log.mirrored import Entry, LogName

_STORED: LiteralString = """
SELECT notification_id, state FROM ledger.ledger_events
WHERE notification_id > %b AND starts_with(topic, %b)
ORDER BY notification_id LIMIT %b
"""


class StoredLog:
    """Goes through the store in its order, event by event, as the log is read beside it."""

    def __init__(self, log: LogName) -> None:
        self._log = log
        self._plane = f"{log.topic}/"
        #: Up to which row it was compared.
        self._at = 0

    def known(self, database: Connection[Any], entries: Sequence[Entry]) -> Sequence[Entry] | Fault:
        """Return those of the following events that stand in the store; or which one is another.

        Fewer than were asked for, where the store ends: after a restore the rest is copied back.
        """
        rows = self._following(database, len(entries))
        for entry, (_, state) in zip(entries, rows, strict=False):
            if leaf_hash(state) != entry.leaf:
                return self.differs(entry)
        if rows:
            self._at = rows[-1][0]
        return entries[: len(rows)]

    def next(self, database: Connection[Any]) -> bytes | None:
        """Return the event that follows in the store; None if there is no more."""
        rows = self._following(database, 1)
        return rows[0][1] if rows else None

    def differs(self, entry: Entry) -> Fault:
        """Return the fault that the store has another event, or none, at this place."""
        return Fault(
            "store_differs",
            self._log.name,
            partition=entry.partition,
            log_index=entry.log_index,
            event_id=entry.event_id,
        )

    def _following(self, database: Connection[Any], most: int) -> list[tuple[int, bytes]]:
        cursor = database.cursor(row_factory=tuple_row)
        return cursor.execute(_STORED, (self._at, self._plane, most), prepare=True).fetchall()
