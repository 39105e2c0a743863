"""The country's own keys: what stands on its national topic is sealed with them, type and all.

They are no child's keys and outlive every erasure: inside an envelope, data about a child is sealed
once more under keys of its own (ledger/keys/vault.py). A restricted event is sealed under a second
key inside the envelope, so that nothing outside tells it from any other.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from events.codec import decode, encode
from events.errors import KeyUnknown, Misconfigured, RecordRejected
from events.national import NationalEvent
from events.registry import BY_NAME, NEWEST
from events.stamp import Actor, Event
from ledger.keys.seal import (
    BUCKETS,
    NATIONAL_BUCKETS,
    ItemKey,
    Place,
    key_given,
    key_id,
    key_id_of,
    padded,
    seal,
    unseal,
)

COUNTRY, RESTRICTED = "country", "restricted"
#: The restricted box stands inside the other one, whose size hides its own: padded to a whole
#: bucket, it would need the next larger one outside, and that would tell.
_SIZES: Mapping[str, tuple[int, ...]] = {
    COUNTRY: NATIONAL_BUCKETS,
    RESTRICTED: tuple(sorted({*BUCKETS, *NATIONAL_BUCKETS})),
}
_OPEN, _CLOSED = b"\0", b"\1"
_ENVELOPE = NEWEST["NationalEvent"]
#: Nobody: who decided stands inside.
_NOBODY = Actor(id="", role="system", organisation="")


class _Key(NamedTuple):
    kind: str
    epoch: int
    secret: bytes


class NationalKeys:
    """Seals the events of a national topic and opens them again.

    A key file has a line `kind epoch base64` per key; the highest epoch of a kind seals, all open.
    """

    def __init__(self, keys: Mapping[tuple[str, int], bytes]) -> None:
        """Take keys by kind and epoch; Misconfigured if a kind has none."""
        self._by_id = {
            key_id(secret): _Key(kind, epoch, secret) for (kind, epoch), secret in keys.items()
        }
        newest = {key.kind: key for key in sorted(self._by_id.values(), key=lambda one: one.epoch)}
        if COUNTRY not in newest:
            raise Misconfigured("the national key file holds no country key", rule="national_key")
        self._newest = newest

    def __repr__(self) -> str:
        """Never show a key."""
        return f"NationalKeys({len(self._by_id)})"

    @classmethod
    def drawn(cls) -> NationalKeys:
        """Return new keys of epoch 1."""
        return cls({(kind, 1): os.urandom(32) for kind in (COUNTRY, RESTRICTED)})

    @classmethod
    def create(cls, path: Path) -> NationalKeys:
        """Make new keys in a new file of mode 0400."""
        made = cls.drawn()
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        with os.fdopen(handle, "w") as file:
            file.write(made.render())
        return made

    @classmethod
    def load(cls, path: Path) -> NationalKeys:
        """Read a key file; Misconfigured names the file, never its content."""
        try:
            return cls.parse(path.read_text())
        except OSError as error:
            raise Misconfigured(f"national keys {path}: {error.strerror}") from None
        except ValueError:
            raise Misconfigured(f"national keys {path}: not a key file") from None

    @classmethod
    def parse(cls, text: str) -> NationalKeys:
        """Read keys from their text; ValueError if it is none."""
        keys = {}
        for line in text.splitlines():
            kind, epoch, encoded = line.split()
            secret = base64.b64decode(encoded, validate=True)
            if kind not in {COUNTRY, RESTRICTED} or len(secret) != 32:
                raise ValueError
            keys[kind, int(epoch)] = secret
        return cls(keys)

    def render(self) -> str:
        """Return the text of the key file."""
        return "".join(
            f"{key.kind} {key.epoch} {base64.b64encode(key.secret).decode()}\n"
            for key in self._by_id.values()
        )

    def rotated(self) -> NationalKeys:
        """Return these keys and a newer one of each kind; old envelopes open as before."""
        old = {(key.kind, key.epoch): key.secret for key in self._by_id.values()}
        newer = {(kind, key.epoch + 1): os.urandom(32) for kind, key in self._newest.items()}
        return NationalKeys(old | newer)

    def envelope(self, event: Event) -> NationalEvent:
        """Return what goes on the national topic for an event. NotEncodable, EventTooLarge."""
        content = _OPEN + encode(event)
        if BY_NAME[type(event).__name__, event.schema_version].visibility == "restricted":
            content = _CLOSED + self._seal(RESTRICTED, event, content[1:])
        return NationalEvent(
            event_id=event.event_id,
            case_id=event.case_id,
            origin=event.origin,
            version=event.version,
            seen=event.seen,
            occurred_at=event.recorded_at,
            recorded_at=event.recorded_at,
            actor=_NOBODY,
            box=self._seal(COUNTRY, event, content),
        )

    def open(self, envelope: NationalEvent) -> Event:
        """Return the event inside.

        KeyUnknown if its key is not here: the case waits for it. SealBroken or another
        RecordRejected if it cannot be what this country sealed.
        """
        content = self._open(envelope, envelope.box)
        if content[:1] == _CLOSED:
            content = _OPEN + self._open(envelope, content[1:])
        event = decode(content[1:])
        if isinstance(event, NationalEvent) or _stamp(event) != _stamp(envelope):
            raise RecordRejected("an envelope holds another event than it says", rule="envelope")
        return event

    def item_key(self, envelope: NationalEvent) -> ItemKey:
        """Return the key of this envelope alone, for whoever was granted to read what is in it.

        RecordRejected, rule `restricted`, of an event that is sealed once more: that is for few.
        """
        key, place = self._key_of(envelope, envelope.box)
        if unseal(key.secret, place, envelope.box)[:1] != _OPEN:
            raise RecordRejected(
                f"event {envelope.event_id} is restricted: no key of it is given", rule="restricted"
            )
        return ItemKey(key.epoch, place.schema_sha256, key_given(key.secret, place, envelope.box))

    def _seal(self, kind: str, event: Event, content: bytes) -> bytes:
        key = self._newest.get(kind)
        if key is None:
            raise KeyUnknown(f"the national key file holds no {kind} key")
        size = padded(len(content), _SIZES[kind])
        return seal(key.secret, _place(event, kind, key.epoch), content, size=size)

    def _open(self, envelope: NationalEvent, box: bytes) -> bytes:
        key, place = self._key_of(envelope, box)
        return unseal(key.secret, place, box)

    def _key_of(self, envelope: NationalEvent, box: bytes) -> tuple[_Key, Place]:
        name = key_id_of(box)
        key = self._by_id.get(name)
        if key is None:
            raise KeyUnknown(
                f"event {envelope.event_id} is sealed under key {name.hex()}, which is not in the"
                " national key file here"
            )
        return key, _place(envelope, key.kind, key.epoch)


def opened(event: Event, keys: NationalKeys | None) -> Event:
    """Return an event, out of its envelope if it came in one; KeyUnknown without keys."""
    if not isinstance(event, NationalEvent):
        return event
    if keys is None:
        raise KeyUnknown(f"event {event.event_id} is sealed, and no national keys are given here")
    return keys.open(event)


def _place(event: Event, kind: str, epoch: int) -> Place:
    return Place(
        event_id=event.event_id,
        case_id=event.case_id,
        scope=0,
        epoch=epoch,
        schema_sha256=_ENVELOPE.canonical_sha256,
        path="box" if kind == COUNTRY else "box.restricted",
        origin=event.origin,
    )


def _stamp(event: Event) -> tuple[object, ...]:
    return (
        event.event_id,
        event.case_id,
        event.origin,
        event.version,
        event.seen,
        event.recorded_at,
    )
