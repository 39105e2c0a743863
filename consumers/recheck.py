"""Old events looked at again, over and over: what was signed once has to hash to it for ever.

A witness finds another history only when somebody shows it one. Whoever changes a row of this
country's own mirror or store, with a superuser's rights, shows nothing to anybody; so both are read
again from the beginning, some rows at a time, against roots that were signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.rows import tuple_row

from consumers.stored import StoredLog
from ledger.log.faults import Fault
from ledger.log.heads import Head, Heads
from ledger.log.mirrored import Entry, LogName, MirroredLog, culprit
from ledger.log.signature import LogVerifier

#: Rows of one look, and the pause between two: a log of a million events is read through in a
#: quarter of an hour, however often others give news.
ROWS = 1_000
PAUSE_S = 1.0

_NEXT: LiteralString = """
SELECT size, root FROM witness.checkpoint WHERE log = %b AND size > %b AND size <= %b
ORDER BY size LIMIT %b
"""


class Recheck:
    """One log, read again and again."""

    def __init__(
        self,
        log: LogName,
        heads: Heads,
        keys: Iterable[LogVerifier],
        *,
        with_store: bool = False,
    ) -> None:
        """`heads` hold what this program has signed; `keys` are those of the log's events.

        A log of this country is compared with its store, too.
        """
        self._log = log
        self._heads = heads
        self._keys = tuple(keys)
        self._with_store = with_store
        self._looked_at = float("-inf")
        self._begin()

    def _begin(self) -> None:
        self._mirrored = MirroredLog(self._log)
        self._stored = StoredLog(self._log) if self._with_store else None
        #: The last size at which the root was the one that was signed.
        self._good = 0

    def step_if_due(self, database: Connection[Any], until: int, now: float) -> Fault | None:
        """Take a step unless the last one is not long ago, in seconds of a clock."""
        if now - self._looked_at < PAUSE_S:
            return None
        self._looked_at = now
        return self.step(database, until)

    def step(self, database: Connection[Any], until: int) -> Fault | None:
        """Read on by some rows, of the `until` that were here once; return what cannot be."""
        heads = self._following(database, until)
        if not heads:  # all that was signed was read: once more
            self._begin()
            return None
        found = self._mirrored.following(database, until=heads[-1].size, most=ROWS)
        if isinstance(found, Fault):
            return found
        if self._stored is not None:
            known_there = self._stored.known(database, found)
            if not isinstance(known_there, Fault) and len(known_there) < len(found):
                known_there = self._stored.differs(found[len(known_there)])  # it stood there once
            if isinstance(known_there, Fault):
                return self._signed_here(database, known_there) or known_there
        if not found:
            size = self._mirrored.tree.size
            return Fault("missing", self._log.name, size=heads[0].size, log_index=size)
        return self._take(database, found, heads)

    def _take(
        self, database: Connection[Any], found: Sequence[Entry], heads: Sequence[Head]
    ) -> Fault | None:
        """Add what was read; compare at every size that was signed."""
        signed: dict[int, set[bytes]] = {}
        for head in heads:
            signed.setdefault(head.size, set()).add(head.root)
        for entry in found:
            self._mirrored.take([entry])
            tree = self._mirrored.tree
            if tree.size in signed:
                if signed[tree.size] != {tree.root}:
                    return self._named(database, tree.size)
                self._good = tree.size
        return None

    def _following(self, database: Connection[Any], until: int) -> Sequence[Head]:
        """Return the next heads that were signed, by the file and by the database, up to a size."""
        size, mine = self._mirrored.tree.size, self._heads.get(self._log.name)
        cursor = database.cursor(row_factory=tuple_row)
        rows = cursor.execute(_NEXT, (self._log.name, size, until, ROWS), prepare=True).fetchall()
        heads = [Head(*row) for row in rows]
        if mine is not None and size < mine.size <= until:
            heads.append(mine)
        return sorted(heads)

    def _signed_here(self, database: Connection[Any], fault: Fault) -> Fault | None:
        """Return why not the store but the mirror is wrong, where the two differ."""
        assert fault.log_index is not None
        begin = fault.log_index
        return culprit(database, self._log, begin, begin + 1, self._keys)

    def _named(self, database: Connection[Any], size: int) -> Fault:
        guilty = culprit(database, self._log, self._good, size, self._keys)
        return guilty or Fault("root_differs", self._log.name, size=size)
