"""What keys of single events open: where a sealed entry stands, and what is bound to its box.

The layout of boxes and places is docs/wire-format.md, "Sealed fields" and "National events". The
schema of an event's place comes with its key: a wrong one does not open.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from node.evidence.verifier.aes_gcm import aes_gcm_opened
from node.evidence.verifier.avro import EventStamp, long_at, stamp_and_rest, string_at

#: The byte of each scope; 0 is no data of the child, but the envelope of a whole national event.
ENVELOPE = "envelope"
SCOPES = (
    *(ENVELOPE, "identity", "contact", "location", "health", "protection", "family", "documents"),
    *("legal_status", "narrative", "photo", "preview"),
)
#: What a box begins with: version 1, suite 2, AES-256-GCM under a key of this event alone.
_BOX = b"\x01\x02"
_NONCE_AT, _TEXT_AT = 18, 30
#: Header of `PersonalDataAccessed`, version 1, and the door by which a copy leaves.
ACCESSED = bytes.fromhex("c301e4841329e49b6f9b")
COPIED = "export"


class EventKey(NamedTuple):
    """A file of a key: of which event and scope, and for which access it was given."""

    event_id: str
    scope: str
    access_event_id: str
    epoch: int
    schema_sha256: bytes
    key: bytes

    @classmethod
    def parse(cls, text: bytes) -> EventKey:
        """Read it; ValueError if it is none."""
        try:
            said = json.loads(text)
            int(said["epoch"]).to_bytes(4, "big")
            return cls(
                str(said["event_id"]),
                str(said["scope"]),
                str(said["access_event_id"]),
                int(said["epoch"]),
                bytes.fromhex(said["schema_sha256"]),
                base64.b64decode(said["key"], validate=True),
            )
        except (KeyError, OverflowError, RecursionError, TypeError, ValueError):
            raise ValueError("not the file of a key") from None

    def opened(self, stamp: EventStamp, box: bytes) -> bytes:
        """Return what a box of this event says; ValueError if the key does not open it here."""
        if box[:2] != _BOX or self.scope not in SCOPES:
            raise ValueError("no box that a key of one event opens")
        text = aes_gcm_opened(self.key, box[_NONCE_AT:_TEXT_AT], box[_TEXT_AT:], self._place(stamp))
        length = int.from_bytes(text[:2], "big")
        if len(text) < 2 or any(text[2 + length :]) or 2 + length > len(text):
            raise ValueError("it is wrongly padded")
        return text[2 : 2 + length]

    def _place(self, stamp: EventStamp) -> bytes:
        path = "box" if self.scope == ENVELOPE else f"sealed.{self.scope}"
        ids = bytes.fromhex((stamp.event_id + stamp.case_id).replace("-", ""))
        number = bytes((SCOPES.index(self.scope),)) + self.epoch.to_bytes(4, "big")
        head = b"xref/aad/v1\0" + ids + number + self.schema_sha256
        names = (one.encode() for one in (path, stamp.origin))
        return head + b"".join(len(name).to_bytes(2, "big") + name for name in names)


@dataclass(frozen=True)
class OpenEvent:
    """An event as it can be read: an envelope's with the key of the envelope."""

    stamp: EventStamp
    value: bytes
    #: Scope -> box; an envelope has one, of the whole event.
    boxes: dict[str, bytes]
    #: Where its own fields begin.
    rest: int

    @classmethod
    def read(cls, value: bytes) -> OpenEvent:
        """Read an event's bytes; ValueError if they are none."""
        try:
            return cls._read(value)
        except (IndexError, UnicodeDecodeError):
            raise ValueError("the event cannot be read") from None

    @classmethod
    def _read(cls, value: bytes) -> OpenEvent:
        stamp, at = stamp_and_rest(value)
        for _ in range(3):  # actor
            _, at = string_at(value, at)
        for _ in range(2):  # caused_by, rules
            _, at = _optional(value, at)
        boxes: dict[str, bytes] = {}
        count, at = long_at(value, at)
        while count:
            if count < 0:  # a block that says its size
                count, (_, at) = -count, long_at(value, at)
            for _ in range(count):
                number, at = long_at(value, at)
                box, at = _bytes(value, at)
                boxes[SCOPES[number]] = box
            count, at = long_at(value, at)
        return cls(stamp, value, boxes, at)

    def within(self, key: EventKey) -> OpenEvent:
        """Return the event in this envelope; ValueError if the key does not open it."""
        box, _ = _bytes(self.value, self.rest)
        text = key.opened(self.stamp, box)
        inner = OpenEvent.read(text[1:]) if text[:1] == b"\0" else None
        if inner is None or _said(inner.stamp) != _said(self.stamp):
            raise ValueError("its envelope holds another event, or one that is restricted")
        return inner

    def permits(self, event_id: str, scope: str) -> bool:
        """Say whether this is an access by which a copy of one event's scope has left."""
        if self.value[:10] != ACCESSED:
            return False
        _, at = string_at(self.value, self.rest)
        scopes, at = _numbers(self.value, at)
        _, at = long_at(self.value, at)
        _, at = _optional(self.value, at)
        about, at = _optional(self.value, at)
        door, _ = string_at(self.value, at)
        return (about, door) == (event_id, COPIED) and SCOPES.index(scope) in scopes


def _said(stamp: EventStamp) -> tuple[Any, ...]:
    """What an envelope says of its event, too; when something happened stands inside alone."""
    return (*stamp[:5], stamp.recorded_at)


def _bytes(value: bytes, at: int) -> tuple[bytes, int]:
    length, at = long_at(value, at)
    if length < 0 or at + length > len(value):
        raise IndexError
    return value[at : at + length], at + length


def _optional(value: bytes, at: int) -> tuple[str | None, int]:
    branch, at = long_at(value, at)
    return string_at(value, at) if branch else (None, at)


def _numbers(value: bytes, at: int) -> tuple[set[int], int]:
    found: set[int] = set()
    count, at = long_at(value, at)
    while count:
        if count < 0:
            count, (_, at) = -count, long_at(value, at)
        for _ in range(count):
            number, at = long_at(value, at)
            found.add(number)
        count, at = long_at(value, at)
    return found, at
