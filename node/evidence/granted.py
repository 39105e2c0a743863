"""Keys of single events that an auditor was granted, as they lie in a bundle."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from uuid import UUID

from events.codes import DataScope


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedKey:
    """The key of one event and scope (ledger.keys.seal), and the access that it was given for."""

    event_id: UUID
    scope: DataScope
    #: Which of the data keys of the case and scope it is made from: part of the box's place.
    epoch: int
    #: The `PersonalDataAccessed` on the national log that recorded it before it was given.
    access_event_id: UUID
    key: bytes = field(repr=False)

    @property
    def file(self) -> str:
        """Its file."""
        return f"keys/{self.event_id}.{self.scope}.key"

    @property
    def content(self) -> bytes:
        """What stands there: all that opening the entry takes, beside the event."""
        said = {
            "access_event_id": str(self.access_event_id),
            "epoch": self.epoch,
            "event_id": str(self.event_id),
            "key": base64.b64encode(self.key).decode(),
            "scope": str(self.scope),
        }
        return (json.dumps(said, indent=1) + "\n").encode()
