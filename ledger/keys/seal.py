"""Sealed fields: personal data as bytes that open in one place only, under one key.

A box says which key it is under and nothing else. Event, case, scope, epoch, schema, field and
origin are bound to it, so that a box copied to another place does not open; the text is padded, so
that its length tells nothing. docs/wire-format.md has the bytes. Nothing here reads or writes.
"""

from __future__ import annotations

import hmac
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from events.codes import DataScope
from events.errors import NotEncodable, SealBroken

VERSION: Final = 1
#: AES-256-GCM under the data key itself.
DIRECT: Final = 0x01
#: AES-256-GCM under a key of this event and scope alone, so that one item can be opened for an
#: auditor who never gets the case's key. What we write.
PER_EVENT: Final = 0x02
#: The same with ChaCha20-Poly1305, for hosts without AES instructions.
CHACHA: Final = 0x03

KEY_BYTES: Final = 32
KEY_ID_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_HEAD_BYTES: Final = 2 + KEY_ID_BYTES + _NONCE_BYTES
#: Bytes of a box beyond its padded text: version, suite, key id, nonce, and the tag behind.
OVERHEAD: Final = _HEAD_BYTES + 16
#: Bytes of the length that stands before the text.
_LENGTH: Final = struct.Struct(">H")

#: Padded sizes of a field.
BUCKETS: Final = (64, 256, 1024, 4096)
#: Padded sizes of a whole national event.
NATIONAL_BUCKETS: Final = (1024, 4096, 16384, 61440)
_SIZES: Final = frozenset(BUCKETS + NATIONAL_BUCKETS)

#: The byte of each scope: its place on the list, which only ever grows at the end. 0 is no scope
#: of the child's data: a whole national event, under its country's key.
SCOPE_NUMBER: Mapping[DataScope, int] = {scope: number for number, scope in enumerate(DataScope)}

_COMMIT: Final = b"xref/v1/key-commit\0"
_EVENT_KEY: Final = b"xref/v1/event-key\0"
_AAD: Final = b"xref/aad/v1\0"
_PLACE: Final = struct.Struct(">12s16s16sBI32s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a sealed field stands: it opens there and nowhere else."""

    event_id: UUID
    case_id: UUID
    #: One byte, SCOPE_NUMBER; 0 for a whole national event.
    scope: int
    #: Four bytes: which of the keys of this case and scope.
    epoch: int
    #: SHA-256 of the schema's parsing canonical form: the 8-byte fingerprint can be forged.
    schema_sha256: bytes
    path: str
    origin: str

    @property
    def aad(self) -> bytes:
        """The bytes that are bound to the box; SealBroken if no event can be at such a place."""
        schema = self.schema_sha256
        try:
            path, origin = self.path.encode(), self.origin.encode()
            head = _PLACE.pack(
                _AAD, self.event_id.bytes, self.case_id.bytes, self.scope, self.epoch, schema
            )
            tail = _LENGTH.pack(len(path)) + path + _LENGTH.pack(len(origin)) + origin
        except (struct.error, UnicodeEncodeError):
            raise self.broken("there is no such scope, epoch, field or origin") from None
        # struct cuts and fills what has another length, and two places would be one.
        if len(schema) != 32:
            raise self.broken(f"a SHA-256 of a schema has 32 bytes, not {len(schema)}")
        return head + tail

    def broken(self, why: str) -> SealBroken:
        """Return the error that names this place and never what is in it."""
        return SealBroken(
            f"sealed field {self.path!a} (scope {self.scope}, epoch {self.epoch}) of event"
            f" {self.event_id}, case {self.case_id}: {why}"
        )


def commitment(dek: bytes) -> bytes:
    """Return the 32 bytes by which a data key is known in public, and cannot be replaced."""
    if len(dek) != KEY_BYTES:
        raise _no_key(dek)
    return sha256(_COMMIT + dek).digest()


def key_id(dek: bytes) -> bytes:
    """Return the 16 bytes that name a data key in every box under it."""
    return commitment(dek)[:KEY_ID_BYTES]


def event_key(dek: bytes, place: Place) -> bytes:
    """Return the 32-byte key of one event and scope: all that an auditor gets of a data key.

    HKDF-Expand (RFC 5869) with one block, which is a single HMAC.
    """
    if len(dek) != KEY_BYTES:
        raise _no_key(dek)
    try:
        info = _EVENT_KEY + place.event_id.bytes + place.scope.to_bytes(1, "big")
    except OverflowError:
        raise place.broken("there is no such scope") from None
    return hmac.digest(dek, info + b"\x01", "sha256")


def padded(needed: int, buckets: Sequence[int] = BUCKETS) -> int:
    """Return the smallest padded size that holds so many bytes of text and their length.

    NotEncodable if none does.
    """
    for size in buckets:
        if needed + _LENGTH.size <= size:
            return size
    fit = max(buckets) - _LENGTH.size
    raise NotEncodable(f"{needed} bytes are too many to seal; {fit} fit", rule="padding")


def seal(dek: bytes, place: Place, plaintext: bytes, *, size: int, suite: int = PER_EVENT) -> bytes:
    """Return a box of `size` + OVERHEAD bytes that opens under this key at this place only.

    `size` is one of BUCKETS or NATIONAL_BUCKETS. Every call gives another box: the nonce is
    random, so a box is made once and kept. NotEncodable if the text does not fit.
    """
    if size not in _SIZES:
        raise NotEncodable(f"{size} is none of the padded sizes {sorted(_SIZES)}", rule="padding")
    if not DIRECT <= suite <= CHACHA:
        raise NotEncodable(f"there is no suite {suite} to seal with", rule="suite")
    length = len(plaintext)
    if length > size - _LENGTH.size:
        raise NotEncodable(
            f"{length} bytes are too many for field {place.path!a} of event {place.event_id};"
            f" {size - _LENGTH.size} fit",
            rule="padding",
        )
    name, aad = key_id(dek), place.aad
    nonce = os.urandom(_NONCE_BYTES)
    text = (_LENGTH.pack(length) + plaintext).ljust(size, b"\0")
    key = dek if suite == DIRECT else event_key(dek, place)
    sealed = _cipher(suite, key).encrypt(nonce, text, aad)
    return bytes((VERSION, suite)) + name + nonce + sealed


def key_id_of(box: bytes) -> bytes:
    """Return the name of the key that a box is under; SealBroken if it is no box."""
    if len(box) < OVERHEAD + _LENGTH.size:
        raise SealBroken(f"{len(box)} bytes are no sealed field: it was cut, or never was one")
    if box[0] != VERSION or not DIRECT <= box[1] <= CHACHA:
        raise SealBroken(
            f"no sealed field of this release: version {box[0]}, suite {box[1]}; if a newer"
            " release wrote it, install that"
        )
    return box[2 : 2 + KEY_ID_BYTES]


def unseal(dek: bytes, place: Place, box: bytes) -> bytes:
    """Return what was sealed under this key at this place.

    SealBroken if the box is under another key, of another place, changed, cut or wrongly padded.
    """
    found, expected = key_id_of(box), key_id(dek)
    if found != expected:
        raise place.broken(f"it is under key {found.hex()}, not under {expected.hex()}")
    return _open(dek if box[1] == DIRECT else event_key(dek, place), place, box)


def unseal_with_event_key(key: bytes, place: Place, box: bytes) -> bytes:
    """Return what was sealed at this place, for an auditor who got the key of this event only.

    Whether the key comes from the committed data key only its holders can tell: an auditor who
    doubts it asks one of them. SealBroken as for `unseal`, and for a box under the data key itself.
    """
    key_id_of(box)
    if box[1] == DIRECT:
        raise place.broken("it is under the case's key itself; no key of one event opens it")
    if len(key) != KEY_BYTES:
        raise _no_key(key)
    return _open(key, place, box)


def _no_key(key: bytes) -> SealBroken:
    return SealBroken(f"a key has {KEY_BYTES} bytes, not {len(key)}")


def _cipher(suite: int, key: bytes) -> AESGCM | ChaCha20Poly1305:
    return ChaCha20Poly1305(key) if suite == CHACHA else AESGCM(key)


def _open(key: bytes, place: Place, box: bytes) -> bytes:
    nonce, sealed = box[_HEAD_BYTES - _NONCE_BYTES : _HEAD_BYTES], box[_HEAD_BYTES:]
    try:
        text = _cipher(box[1], key).decrypt(nonce, sealed, place.aad)
    except InvalidTag:
        # `from None`, here and above: nothing of a library that held a key goes into a traceback.
        raise place.broken("it was moved here, changed or cut, or the key is another") from None
    end = _LENGTH.size + _LENGTH.unpack_from(text)[0]
    # One text has one padded form: what hides behind a text would be seen by nobody.
    if end > len(text) or text.count(0, end) != len(text) - end:
        raise place.broken("it is wrongly padded")
    return text[_LENGTH.size : end]
