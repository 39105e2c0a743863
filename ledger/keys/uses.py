"""Accesses that were used: each shows its data once, and soon after it was recorded."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from events.access import PersonalDataAccessed

#: So long after it was recorded an access may be used.
FRESH: Final = timedelta(seconds=60)


class Uses:
    """What was used in the last minute; may be asked from many threads."""

    def __init__(self, *, since: datetime) -> None:
        """Begin. What was used before, nobody knows: so that is too old, too."""
        self._since = since
        self._used: dict[UUID, datetime] = {}
        self._lock = threading.Lock()

    def use(self, access: PersonalDataAccessed, now: datetime) -> bool:
        """Say whether an access may be used now, for the first time."""
        with self._lock:
            self._used = {one: at for one, at in self._used.items() if now - at <= FRESH}
            late = now - access.recorded_at > FRESH or access.recorded_at < self._since
            if late or access.access_id in self._used:
                return False
            self._used[access.access_id] = access.recorded_at
            return True
