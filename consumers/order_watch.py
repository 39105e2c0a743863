"""In which order this country heard the shared topic: signed, and compared with what others say.

The trees are made anew from the mirror at every start. What was signed before stands in the file of
heads: if the mirror has another order now, that is found on the way, and nothing more is signed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString

from psycopg import Connection
from psycopg.rows import tuple_row

from consumers import kept_notes
from consumers.alarms import raise_alarm
from consumers.kept_notes import Alarm
from consumers.note_mail import NoteTopic
from consumers.order_lag import OrderLag
from consumers.sealed_log import EVERY_S, REPEAT_S
from consumers.trust import Ordered
from consumers.witnessed_log import Desk
from events.contract import order_name
from ledger.log.faults import Fault
from ledger.log.heads import Head
from ledger.log.merkle import CompactRange
from ledger.log.order import Difference, HeardOrder, OrderNote
from ledger.log.signature import LogSigner

#: Rows that are read at a time.
_CHUNK: Final = 5_000
#: What others say of long ago is compared so often: it costs reading a partition again.
OLD_S: Final = 60.0
#: So many of what one country says are compared at a look.
_NEWEST: Final = 64
_LEAVES: LiteralString = """
SELECT "offset", leaf FROM mirror.record
WHERE topic = 'shared' AND partition = %b AND "offset" > %b ORDER BY "offset" LIMIT %b
"""
_EVENT: LiteralString = """
SELECT log_index, event_id FROM mirror.record WHERE topic = 'shared' AND partition = %b
ORDER BY "offset" OFFSET %b LIMIT 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Whose order it is, and where it is said."""

    country: str
    prefix: str
    partitions: int
    signer: LogSigner
    topic: NoteTopic
    #: Countries that say theirs, too.
    others: tuple[str, ...] = ()


class OrderWatch:
    """All partitions of the shared topic, as one country heard them."""

    def __init__(self, heard: Heard, desk: Desk) -> None:
        self._heard = heard
        self._desk = desk
        self._name = order_name(heard.prefix, heard.country)
        self._said: tuple[Head, ...] | None = None
        self._said_at = 0.0
        #: By partition and country the newest that others have said since the last look.
        self._told: dict[tuple[int, str], list[Head]] = {}
        #: Name and partition of the differences that nobody had resolved at the last look.
        self._disputed: set[tuple[str, int | None]] = set()
        #: The same of sizes so long ago that the mirror has to be read again for them.
        self._old: dict[tuple[int, str], Head] = {}
        self._old_at = float("-inf")
        self._stopped_by: str | None = None
        self._has_begun = False
        self._orders: list[HeardOrder] = []
        self._offsets: list[int] = []
        self._lag = OrderLag(heard.country, heard.others, heard.partitions, desk.clock)

    @property
    def waiting(self) -> str | None:
        """Why no order is signed now; None if nothing keeps it."""
        if self._stopped_by is not None:
            return f"stopped by an alarm: {self._stopped_by}"
        return None if self._is_complete else "less is here than was signed before"

    def hear(self, database: Connection[Any], ordered: Ordered) -> None:
        """Take in another country's order note, or our own as it comes back."""
        news, faults = kept_notes.keep_order(database, ordered)
        for fault in faults:
            raise_alarm(database, self._heard.country, fault)
        if ordered.country != self._heard.country:
            for partition, head in enumerate(ordered.order.heads):
                self._lag.said(ordered.country, partition, head.size)
            for partition in news:
                self._hear_head(partition, ordered.country, ordered.order.heads[partition])

    def _hear_head(self, partition: int, country: str, head: Head) -> None:
        told = self._told.setdefault((partition, country), [])
        told.append(head)
        if len(told) > _NEWEST:  # a larger one stands for all before it
            told.remove(min(told))

    def look(self, database: Connection[Any], alarms: Collection[Alarm]) -> bool:
        """Read on, compare, and sign if it is time; say whether anything was new.

        Also while this country's own order is in doubt: then nothing is signed.
        """
        stopped = min((one.rule for one in alarms if one.log == self._name), default=None)
        if not self._has_begun or (self._stopped_by is not None and stopped is None):
            self._begin(database)
        self._stopped_by = stopped
        known = {(one.log, one.partition) for one in alarms}
        self._hear_again(database, self._disputed - known)
        before = sum(self._offsets)
        for difference, partition in [*self._look_back(database), *self._read_on(database)]:
            fault = self._fault(database, partition, difference)
            if (fault.log, partition) not in known:
                known.add((fault.log, partition))
                raise_alarm(database, self._heard.country, fault)
            if fault.log == self._name:
                self._stopped_by = fault.rule
        self._disputed = {one for one in known if one[0] != self._name}
        self._sign_if_due(database)
        return sum(self._offsets) != before

    def _hear_again(
        self, database: Connection[Any], resolved: Collection[tuple[str, int | None]]
    ) -> None:
        """Compare once more what was called resolved: what still differs is said again."""
        if resolved:
            for country, partition, head in kept_notes.newest_orders(database):
                if (order_name(self._heard.prefix, country), partition) in resolved:
                    self._hear_head(partition, country, head)

    def _begin(self, database: Connection[Any]) -> None:
        self._has_begun = True
        self._orders = [HeardOrder() for _ in range(self._heard.partitions)]
        self._offsets = [-1] * self._heard.partitions
        for country, partition, head in kept_notes.newest_orders(database):
            if partition < self._heard.partitions:
                self._orders[partition].waits_for(country, head)
                self._lag.said(country, partition, head.size)
        for partition, order in enumerate(self._orders):
            mine = self._signed(partition)
            if mine is not None and mine.size > 0:
                order.waits_for(self._heard.country, mine)

    def _read_on(self, database: Connection[Any]) -> Iterator[tuple[Difference, int]]:
        for partition, order in enumerate(self._orders):
            while rows := self._following(database, partition):
                for offset, leaf in rows:
                    yield from ((one, partition) for one in order.append(leaf))
                    self._offsets[partition] = offset
                if len(rows) < _CHUNK:
                    break
            self._lag.grew(partition, order.size)

    def _following(self, database: Connection[Any], partition: int) -> Sequence[tuple[int, bytes]]:
        cursor = database.cursor(row_factory=tuple_row)
        asked = (partition, self._offsets[partition], _CHUNK)
        return cursor.execute(_LEAVES, asked, prepare=True).fetchall()

    def _look_back(self, database: Connection[Any]) -> Iterator[tuple[Difference, int]]:
        """Compare what others have said since the last look."""
        told, self._told = self._told, {}
        for (partition, country), heads in told.items():
            order = self._orders[partition]
            roots = order.roots_at(head.size for head in heads)
            for head in sorted(heads):
                if head.size > order.size:
                    order.waits_for(country, head)
                elif (root := roots.get(head.size)) is None:  # longer ago than is remembered
                    _keep_larger(self._old, (partition, country), head)
                elif (found := order.compared(country, head, root)) is not None:
                    yield found, partition
        yield from self._look_long_back(database)

    def _look_long_back(self, database: Connection[Any]) -> Iterator[tuple[Difference, int]]:
        """Compare what somebody says who is far behind: not at each of his notes."""
        if not self._old or self._desk.clock() - self._old_at < OLD_S:
            return
        self._old_at = self._desk.clock()
        old, self._old = self._old, {}
        for (partition, country), head in old.items():
            root = self._root_at(database, partition, head.size)
            if (found := self._orders[partition].compared(country, head, root)) is not None:
                yield found, partition

    def _root_at(self, database: Connection[Any], partition: int, size: int) -> bytes:
        tree, offset = CompactRange(), -1
        cursor = database.cursor(row_factory=tuple_row)
        while tree.size < size:
            asked = (partition, offset, min(_CHUNK, size - tree.size))
            rows = cursor.execute(_LEAVES, asked, prepare=True).fetchall()
            if not rows:
                break
            for offset, leaf in rows:  # noqa: B007 - the last one is where it goes on
                tree.append(leaf)
        return tree.root

    def _fault(self, database: Connection[Any], partition: int, found: Difference) -> Fault:
        name, size = order_name(self._heard.prefix, found.by), found.size
        rule = "root_differs" if found.by == self._heard.country else "order_differs"
        if found.size != found.agreed + 1:  # somewhere among several events
            return Fault(rule, name, partition=partition, size=size)
        cursor = database.cursor(row_factory=tuple_row)
        row = cursor.execute(_EVENT, (partition, found.agreed)).fetchone()
        index, event_id = row if row is not None else (None, None)
        return Fault(rule, name, partition, size, index, event_id)

    def _signed(self, partition: int) -> Head | None:
        return self._desk.heads.get(f"{self._name}/{partition}")

    @property
    def _is_complete(self) -> bool:
        """Whether everything is here again that was signed before."""
        return self._has_begun and all(
            head is None or head.size <= order.size
            for partition, order in enumerate(self._orders)
            for head in [self._signed(partition)]
        )

    def _sign_if_due(self, database: Connection[Any]) -> None:
        heads = tuple(order.head for order in self._orders)
        if self._stopped_by is not None or not self._is_complete or not any(h.size for h in heads):
            return
        every = REPEAT_S if heads == self._said else EVERY_S
        if self._said is not None and self._desk.clock() - self._said_at < every:
            return
        named = {f"{self._name}/{partition}": head for partition, head in enumerate(heads)}
        self._desk.heads.advance(named)  # before anybody can read it
        order = OrderNote(self._name, heads)
        note = order.signed_by(self._heard.signer)
        self._desk.post.put(self._heard.topic, self._name, note.render())
        kept_notes.keep_order(database, Ordered(self._heard.country, order, note))
        self._said, self._said_at = heads, self._desk.clock()


def _keep_larger(heads: dict[tuple[int, str], Head], key: tuple[int, str], head: Head) -> None:
    if key not in heads or heads[key].size < head.size:
        heads[key] = head
