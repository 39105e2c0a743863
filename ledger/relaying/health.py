"""What the relay still waits for, for whoever asks whether it is ready."""

from __future__ import annotations

import time
from collections.abc import Mapping
from threading import Lock

#: A relay that has not finished a round for so long is not ready.
ROUND_S = 30.0


class RelayHealth:
    """Ready = every log has its lock, its start is over, and its last round was lately."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._doing: dict[str, str] = {}
        self._round: dict[str, float] = {}

    def starts(self, relay: str, doing: str) -> None:
        """Say what a relay does before it can publish."""
        with self._lock:
            self._doing[relay] = doing

    def went_round(self, relay: str) -> None:
        """Say that a relay has published what there was, or that there was nothing."""
        with self._lock:
            self._doing.pop(relay, None)
            self._round[relay] = time.monotonic()

    def waiting(self) -> Mapping[str, str]:
        """Return what is waited for; empty if every relay is ready."""
        now = time.monotonic()
        with self._lock:
            late = {
                relay: f"no round for {now - at:.0f} s"
                for relay, at in self._round.items()
                if now - at > ROUND_S
            }
            nothing = {} if self._doing or self._round else {"relay": "to be started"}
            return {**nothing, **late, **self._doing}
