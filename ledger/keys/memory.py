"""Open key sets, kept in memory for a while: few, not for long, and dropped when destroyed."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from uuid import UUID

from ledger.keys.keyset import KeySet


class Memory:
    """The sets used last, each for so many seconds at most. Safe for threads."""

    def __init__(
        self, *, seconds: float, most: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._sets: OrderedDict[UUID, tuple[float, KeySet]] = OrderedDict()
        #: When each was put there, oldest first: to forget, nothing else has to be looked at.
        self._until: deque[tuple[float, UUID]] = deque()
        self._dropped: set[UUID] = set()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        """Say how many there are."""
        return f"Memory({len(self)} key sets)"

    def __len__(self) -> int:
        with self._lock:
            self._forget_old()
            return len(self._sets)

    def get(self, set_id: UUID) -> KeySet | None:
        """Return a set that is still remembered."""
        with self._lock:
            self._forget_old()
            found = self._sets.get(set_id)
            if found is None:
                return None
            self._sets.move_to_end(set_id)
            return found[1]

    def put(self, keys: KeySet) -> None:
        """Remember a set from now on; the one not used for longest makes room.

        One that was dropped is not taken again: whoever opened it meanwhile is late.
        """
        with self._lock:
            if keys.set_id in self._dropped:
                return
            until = self._clock() + self._seconds
            self._sets[keys.set_id] = (until, keys)
            self._until.append((until, keys.set_id))
            self._sets.move_to_end(keys.set_id)
            self._forget_old()
            while len(self._sets) > self._most:
                self._sets.popitem(last=False)

    def drop(self, set_id: UUID) -> None:
        """Forget a set for ever."""
        with self._lock:
            self._dropped.add(set_id)
            self._sets.pop(set_id, None)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._sets.clear()
            self._until.clear()

    def _forget_old(self) -> None:
        now = self._clock()
        while self._until and self._until[0][0] <= now:
            _, set_id = self._until.popleft()
            found = self._sets.get(set_id)
            if found is not None and found[0] <= now:  # it may have been put there anew
                del self._sets[set_id]
