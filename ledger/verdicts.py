"""Waiting for what the topic makes of a decision."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from threading import Condition, Thread
from typing import LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier

from ledger.receipt import Receipt
from ledger.snapshot import generation_in_use
from ledger.store import Store

#: Somebody waits at most so long for a notice; then he looks without one.
_LOOK_EVERY_S = 1.0
#: A listener without a connection tries again after so many seconds.
_PAUSE_S = 0.5

_VERDICTS: LiteralString = """
SELECT leaf, effective, void_reason
FROM {trail}
WHERE case_id = %b AND leaf = ANY (%b::bytea[])
"""


class Verdicts:
    """Verdicts by event, and a listener that wakes up whoever waits for one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._news = Condition()
        self._heard = 0
        self._open = True
        self._listener: Thread | None = None

    def close(self) -> None:
        """Stop listening, and let nobody wait any longer."""
        with self._news:
            self._open = False
            self._news.notify_all()

    def judged(self, receipt: Receipt) -> Receipt:
        """Return the receipt with the verdicts that are known by now."""
        # By its bytes: an event id can be foreseen, and another country may use it too (ADR 11).
        leaves = [event.leaf for event in receipt.events]
        return receipt.judged(self._read(receipt.case_id, leaves))

    def outcome(self, receipt: Receipt, timeout_s: float) -> Receipt:
        """Return the receipt as soon as every event has its verdict, or as it is after a while."""
        self._listen()
        end = time.monotonic() + timeout_s
        while True:
            heard = self._heard
            receipt = self.judged(receipt)
            left = end - time.monotonic()
            if receipt.settled or left <= 0 or not self._open:
                return receipt
            with self._news:
                if self._heard == heard and self._open:
                    self._news.wait(min(left, _LOOK_EVERY_S))

    def _read(self, case_id: UUID, leaves: Iterable[bytes]) -> Mapping[bytes, str | None]:
        with self._store.reading() as connection:
            trail = Identifier(f"read_{generation_in_use(connection)}", "audit_trail")
            cursor = connection.cursor(row_factory=tuple_row)
            cursor.execute(SQL(_VERDICTS).format(trail=trail), (case_id, list(leaves)))
            return {leaf: None if good else reason for leaf, good, reason in cursor}

    def _listen(self) -> None:
        with self._news:
            if self._listener is None:
                self._listener = Thread(target=self._hear, name="hears verdicts", daemon=True)
                self._listener.start()

    def _hear(self) -> None:
        while self._open:
            try:
                with psycopg.connect(self._store.dsn, autocommit=True) as connection:
                    connection.execute("LISTEN ledger_read")
                    self._tell()  # what came before we listened
                    while self._open:
                        for _ in connection.notifies(timeout=_LOOK_EVERY_S, stop_after=1):
                            self._tell()
            except psycopg.Error:  # whoever waits looks by itself in the meantime
                time.sleep(_PAUSE_S)

    def _tell(self) -> None:
        with self._news:
            self._heard += 1
            self._news.notify_all()
