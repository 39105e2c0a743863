"""The stamp every event starts with, and the hash that names an event for ever."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from events.codes import DataScope

#: `seen` of a decision taken before any shared event of the case was known.
NOTHING_SEEN = bytes(32)


def leaf_hash(value: bytes) -> bytes:
    """Return the RFC 6962 (section 2.1) leaf hash of an event's bytes: SHA-256(0x00, value)."""
    return sha256(b"\0" + value).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who decided. `id` is a pseudonym, never a name."""

    id: str
    role: str
    organisation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedEntry:
    """Data about the child under the key of one scope."""

    scope: DataScope
    box: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A recorded fact. These fields are the frozen prefix of every schema, in this order."""

    event_id: UUID
    case_id: UUID
    origin: str
    version: int
    seen: bytes
    occurred_at: datetime
    recorded_at: datetime
    actor: Actor
    caused_by: UUID | None = None
    rules: str | None = None
    sealed: tuple[SealedEntry, ...] = ()
    #: Version of the schema these bytes were written with. Not on the wire: the fingerprint tells.
    schema_version: int = 1
