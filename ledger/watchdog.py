"""Ends the process when a step takes too long: some calls of the clients have no timeout."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import structlog

from events.errors import StartAgain

_LOOK_EVERY_S = 0.25

log = structlog.get_logger()


class Watchdog:
    """A thread that expects to hear of progress."""

    def __init__(self, leave: Callable[[int], object] = os._exit) -> None:
        """Call `leave` with an exit code when patience has run out."""
        self._leave = leave
        self._lock = threading.Lock()
        self._deadline = float("inf")
        self._doing = ""
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to watch."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stopped.set()

    def allow(self, seconds: float, doing: str) -> None:
        """Allow so much time for what is done next; whatever was allowed before is over."""
        with self._lock:
            self._deadline = time.monotonic() + seconds
            self._doing = doing

    def _watch(self) -> None:
        while not self._stopped.wait(_LOOK_EVERY_S):
            with self._lock:
                late, doing = time.monotonic() > self._deadline, self._doing
            if late:
                log.critical("stuck", doing=doing)
                self._leave(StartAgain.exit_code)
                return
