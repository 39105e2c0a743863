"""Who has to do something when: one country's turns by their time, and threads that take them."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from itertools import count

Task = Callable[[], None]


class Agenda:
    """Tasks of one country, taken by several threads; each task may put others on it."""

    def __init__(self, threads: int, failed: Callable[[BaseException], None]) -> None:
        self._failed = failed
        self._tasks: list[tuple[float, int, Task]] = []
        self._numbers = count()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def put(self, task: Task, at: float) -> None:
        """Let a task be taken at a moment of the monotonic clock, or when a thread is free."""
        with self._changed:
            heapq.heappush(self._tasks, (at, next(self._numbers), task))
            self._changed.notify()

    def close(self, *, at_once: bool = False) -> None:
        """Let every thread end: when nothing waits any more, or after what it is doing."""
        with self._changed:
            self._closed = True
            if at_once:
                self._tasks.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (task := self._next()) is not None:
            try:
                task()
            except BaseException as error:  # noqa: BLE001 - told to whoever waits for the end
                self._failed(error)

    def _next(self) -> Task | None:
        with self._changed:
            while self._tasks or not self._closed:
                now = time.monotonic()
                if self._tasks and self._tasks[0][0] <= now:
                    return heapq.heappop(self._tasks)[2]
                self._changed.wait(self._tasks[0][0] - now if self._tasks else None)
            return None
