"""How often keys have sealed: counted in the row before, in blocks: no crash forgets any."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final
from uuid import UUID

from events.errors import KeysGone, KeyWornOut
from ledger.keys import rows
from ledger.keys.connections import Connections
from ledger.keys.keyset import KeySet

#: A set seals at most so often, far below where random nonces of one key become a risk.
MOST_SEALS: Final = 1 << 20
#: So many are counted at a time. A crash, or too many cases at once, loses some of a block.
BLOCK: Final = 1 << 10
_REMEMBERED: Final = 4096


class SealCounter:
    """Counts seals. Safe for threads; what is left of a block belongs to one process."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._left: OrderedDict[UUID, int] = OrderedDict()
        self._lock = threading.Lock()

    def began(self, set_id: UUID) -> None:
        """Note that a set was made with a block reserved for whoever made it."""
        self._keep(set_id, BLOCK)

    def drop(self, set_id: UUID) -> None:
        """Forget what is left of a block: its keys were destroyed."""
        with self._lock:
            self._left.pop(set_id, None)

    def reserve(self, keys: KeySet, count: int) -> None:
        """Count seals that are about to be made; KeyWornOut, KeysGone."""
        if count < 0:
            raise ValueError(f"{count} seals cannot be reserved")
        with self._lock:
            left = self._left.pop(keys.set_id, 0)
        if count > left:
            # Not under the lock: other cases need not wait for this one's row.
            more = -(-(count - left) // BLOCK) * BLOCK
            try:
                self._count(keys, more)
            except BaseException:
                self._keep(keys.set_id, left)
                raise
            left += more
        self._keep(keys.set_id, left - count)

    def _keep(self, set_id: UUID, left: int) -> None:
        """Give back what is left of a block; two that reserved at once have one each."""
        with self._lock:
            self._left[set_id] = self._left.pop(set_id, 0) + left
            while len(self._left) > _REMEMBERED:
                self._left.popitem(last=False)

    def _count(self, keys: KeySet, more: int) -> None:
        with self._connections.reading() as connection:
            if rows.reserve(connection, keys.set_id, more, MOST_SEALS):
                return
            row = rows.by_id(connection, keys.set_id)
        if row is None or row.state != "live":
            raise KeysGone(f"key set {keys.set_id} of case {keys.case_id} was destroyed")
        raise KeyWornOut(
            f"case {keys.case_id}, epoch {keys.epoch}: {row.seals} seals of {MOST_SEALS} are"
            f" reserved, and {more} more are too many; make the next epoch"
        )
