"""How far a worker is, for whoever asks while it works, and whatever it does just then.

Nothing here is worked out by the loop that it is about: a loop that is stuck tells nobody so.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple

from projections.positions import Move, Part

#: So long without a round of the loop, or an answer of Kafka, and a worker is not ready.
SILENT_S = 30.0
#: So far behind, and it is not ready either.
MOST_SECONDS = 30.0
MOST_EVENTS = 10_000


class Ends(NamedTuple):
    """Where a partition's log begins, what of it can be read by now, and where it ends."""

    start: int
    stable: int
    end: int


class Standing(NamedTuple):
    """How far one partition was read, as far as is known."""

    reached: int
    ends: Ends | None
    lag_seconds: float

    @property
    def lag_events(self) -> int | None:
        """Offsets to read; None as long as nobody knows where the log ends."""
        return None if self.ends is None else max(0, self.ends.stable - self.reached)


@dataclass(slots=True)
class _Part:
    reached: int
    #: When nothing was unread, as far as is known.
    fresh_at: float
    ends: Ends | None = None
    #: What could be read when the partition was first looked at.
    target: int | None = None
    #: Of each read that is not applied: the offset after it, and when its first record was written.
    unread: deque[tuple[int, float]] = field(default_factory=deque)

    def is_read(self) -> bool:
        return not self.unread and self.ends is not None and self.reached >= self.ends.stable


class Progress:
    """How far one stream is with each of its partitions."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = Lock()
        self._parts: dict[Part, _Part] | None = None
        self._looked_at = self._round_at = clock()

    def assigned(self, parts: Mapping[Part, int]) -> None:
        """Forget everything: these are the partitions now, and where each is read on."""
        now = self._clock()
        with self._lock:
            self._parts = {part: _Part(reached, now) for part, reached in parts.items()}

    def read(self, move: Move, written_at: float) -> None:
        """Note records that wait to be applied, and when the first of them was written."""
        with self._lock:
            self._of(move).unread.append((move.next_offset, written_at))

    def applied(self, moves: Iterable[Move]) -> None:
        """Note what was committed."""
        with self._lock:
            for move in moves:
                part = self._of(move)
                part.reached = move.next_offset
                while part.unread and part.unread[0][0] <= part.reached:
                    part.unread.popleft()
                if part.is_read():
                    part.fresh_at = self._looked_at

    def looked(self, found: Mapping[Part, Ends], at: float) -> None:
        """Note what Kafka said when it was asked `at` a moment."""
        with self._lock:
            self._looked_at = at
            for name, ends in found.items():
                part = (self._parts or {}).get(name)
                if part is not None:
                    part.ends = ends
                    part.target = ends.stable if part.target is None else part.target
                    if part.is_read():
                        part.fresh_at = at

    def went_round(self) -> None:
        """Note that the loop has come round: what there was is applied, or there was nothing."""
        with self._lock:
            self._round_at = self._clock()

    def standings(self) -> dict[Part, Standing]:
        """Return how far each partition is, now."""
        now = self._clock()
        with self._lock:
            return {
                name: Standing(part.reached, part.ends, self._lag(part, now))
                for name, part in (self._parts or {}).items()
            }

    def waiting(self) -> Mapping[str, str]:
        """Return what is waited for, in words; empty if the worker is ready."""
        now = self._clock()
        with self._lock:
            if self._parts is None:
                return {"start": "PostgreSQL and Kafka"}
            if not self._parts:
                return {"partitions": "its share of the partitions"}
            silences = {"worker": ("round", self._round_at), "kafka": ("answer", self._looked_at)}
            silent = {
                name: f"no {what} for {now - at:.0f} s"
                for name, (what, at) in silences.items()
                if now - at > SILENT_S
            }
            behind = {
                f"{topic}/{partition}": why
                for (topic, partition), part in self._parts.items()
                if (why := self._behind(part, now))
            }
            return {**behind, **silent}

    def _of(self, move: Move) -> _Part:
        assert self._parts is not None, "nothing is read before it is assigned"
        return self._parts[move.topic, move.partition]

    def _behind(self, part: _Part, now: float) -> str:
        """Return why a partition keeps its worker from being ready, or nothing."""
        if part.ends is None or part.target is None:
            return "where its log ends"
        to_read, lag = part.ends.stable - part.reached, self._lag(part, now)
        if part.reached < part.target or to_read > MOST_EVENTS or lag > MOST_SECONDS:
            return f"{max(0, to_read)} offsets to read, {lag:.0f} s late"
        return ""

    def _lag(self, part: _Part, now: float) -> float:
        """Return the age of the next record that is not applied; at most, where it is not known."""
        if part.unread:
            return max(0.0, now - part.unread[0][1])
        if part.is_read() and now - self._looked_at <= SILENT_S:
            return 0.0
        return max(0.0, now - part.fresh_at)
