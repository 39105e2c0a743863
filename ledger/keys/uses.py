"""Accesses that were used: each shows its data once, and soon after it was recorded."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from events.access import PersonalDataAccessed
from events.errors import AccessRefused
from ledger.keys.records import Told

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

    def recorded(self, own: Sequence[Told], access_id: UUID, now: datetime) -> PersonalDataAccessed:
        """Return an access that stands among own events, and use it up. AccessRefused."""
        for event in (told.event for told in reversed(own)):
            if isinstance(event, PersonalDataAccessed) and event.access_id == access_id:
                if self.use(event, now):
                    return event
                break
        raise AccessRefused(
            f"access {access_id} is not recorded, or was used: record a new one", rule="recorded"
        )
