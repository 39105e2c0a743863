"""What was decided, refused, overtaken: counted by many threads at once."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID


@dataclass
class Tally:
    """Counts of one run."""

    decided: Counter[str] = field(default_factory=Counter)
    #: Rule -> how often it refused.
    refused: Counter[str] = field(default_factory=Counter)
    overtaken: int = 0
    #: Turns on which nothing that was wished for was possible.
    idle: int = 0
    #: How often a program or a server did not answer, and the turn was tried again.
    unavailable: int = 0
    #: Forbidden moves: how many were tried, and which were let in although nothing had changed.
    forbidden: int = 0
    let_in: list[tuple[str, UUID]] = field(default_factory=list)
    #: Requests that were asked twice, and those that did not give the recorded result again.
    repeated: int = 0
    not_repeated: list[tuple[str, UUID]] = field(default_factory=list)
    contradicted: int = 0
    #: Cases that were opened, and of which kind each is.
    cases: dict[UUID, str] = field(default_factory=dict)
    _newest: dict[str, tuple[UUID, ...]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, name: str, by: int = 1) -> None:
        """Count one of the plain numbers."""
        with self._lock:
            setattr(self, name, getattr(self, name) + by)

    def decides(self, decision: str) -> None:
        """Count a decision that was recorded."""
        with self._lock:
            self.decided[decision] += 1

    def refuses(self, rule: str) -> None:
        """Count a refusal."""
        with self._lock:
            self.refused[rule] += 1

    def opens(self, case_id: UUID, kind: str, country: str) -> None:
        """Remember a case."""
        with self._lock:
            self.cases[case_id] = kind
            self._newest[country] = (case_id, *self._newest.get(country, ()))[:2]

    def neighbour(self, country: str, case_id: UUID) -> UUID | None:
        """Return the newest case of a country that is not this one."""
        with self._lock:
            newest = self._newest.get(country, ())
        return next((one for one in newest if one != case_id), None)

    def lets_in(self, move: str, case_id: UUID) -> None:
        """Remember a forbidden move that was let in."""
        with self._lock:
            self.let_in.append((move, case_id))

    def repeats_otherwise(self, move: str, case_id: UUID) -> None:
        """Remember a repetition that gave another result."""
        with self._lock:
            self.not_repeated.append((move, case_id))

    def mischief(self) -> dict[str, int]:
        """Return the plain numbers."""
        names = ("forbidden", "repeated", "contradicted", "idle", "unavailable")
        return {name: getattr(self, name) for name in names}
