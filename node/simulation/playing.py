"""A case that is played: the countries in it take their turns at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from uuid import UUID

from node.simulation.part import Desk, PartPlay, Stage
from node.simulation.plan import CasePlan

__all__ = ["Desk", "Play", "Stage"]


class Play:
    """One case."""

    def __init__(
        self, plan: CasePlan, desks: Mapping[str, Desk], stage: Stage, over: Callable[[], None]
    ) -> None:
        """Prepare; `over` is told once every part has taken all of its turns."""
        self._parts = [PartPlay(plan, part, desks[part.country], stage) for part in plan.parts]
        self._over, self._lock, self._left = over, threading.Lock(), len(self._parts)
        for part in self._parts:
            part.others = {one.part.country: one for one in self._parts if one is not part}
            part.ended = self._ended

    def begin(self) -> None:
        """Let the first part open the case; then everybody takes part."""
        self._parts[0].open(self._opened)

    def _opened(self, case_id: UUID) -> None:
        for part in self._parts:
            part.begin(case_id)

    def _ended(self) -> None:
        with self._lock:
            self._left -= 1
            last = self._left == 0
        if last:
            self._over()
