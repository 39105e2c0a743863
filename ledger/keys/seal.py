"""Sealed fields: personal data as bytes that open in one place only, under one key.

A box says which key it is under and nothing else. Event, case, scope, epoch, schema, field and
origin are bound to it, so that a box copied to another place does not open; the text is padded, so
that its length tells nothing. docs/wire-format.md has the bytes. Nothing here reads or writes.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple
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

_CIPHERS: Mapping[int, type[AESGCM | ChaCha20Poly1305]] = {
    DIRECT: AESGCM,
    PER_EVENT: AESGCM,
    CHACHA: ChaCha20Poly1305,
}
_HEADS: Mapping[int, bytes] = {suite: bytes((VERSION, suite)) for suite in _CIPHERS}

KEY_BYTES: Final = 32
KEY_ID_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_HEAD_BYTES: Final = 2 + KEY_ID_BYTES + _NONCE_BYTES
_NONCE: Final = slice(_HEAD_BYTES - _NONCE_BYTES, _HEAD_BYTES)
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
_AAD: Final = b"xref/aad/v1\0"
_PLACE: Final = struct.Struct(">12s16s16sBI32s")
#: Where event and scope stand in the bytes of a place.
_AAD_EVENT: Final = slice(12, 28)
_AAD_SCOPE: Final = slice(44, 45)

#: HMAC's masks as tables for bytes.translate, and what they make of the zeros that fill its block;
#: the purpose of the key follows the inner ones.
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))
_INNER_FILL: Final = b"\x36" * (64 - KEY_BYTES) + b"xref/v1/event-key\0"
_OUTER_FILL: Final = b"\x5c" * (64 - KEY_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a sealed field stands: it opens there and nowhere else.

    Making one raises SealBroken if no event can be there.
    """

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

    #: The bytes that are bound to the box. Made once: what is sealed is read back to be sure.
    aad: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse a place at which no event can be, with SealBroken: others wrote its numbers."""
        schema = self.schema_sha256
        # struct cuts and fills what has another length, and two places would be one.
        if len(schema) != 32:
            raise self.broken(f"a SHA-256 of a schema has 32 bytes, not {len(schema)}")
        event, case = self.event_id.bytes, self.case_id.bytes
        try:
            head = _PLACE.pack(_AAD, event, case, self.scope, self.epoch, schema)
            object.__setattr__(self, "aad", head + _names(self.path, self.origin))
        except (struct.error, UnicodeEncodeError):
            raise self.broken("there is no such scope, epoch, field or origin") from None

    def broken(self, why: str) -> SealBroken:
        """Return the error that names this place and never what is in it."""
        return SealBroken(
            f"sealed field {self.path!a} (scope {self.scope}, epoch {self.epoch}) of event"
            f" {self.event_id}, case {self.case_id}: {why}"
        )


class ItemKey(NamedTuple):
    """The key of one event and scope, and what its place needs beside these two."""

    epoch: int
    schema_sha256: bytes
    key: bytes

    def __repr__(self) -> str:
        """Never show it."""
        return f"ItemKey(epoch {self.epoch})"


@lru_cache(1024)
def _names(path: str, origin: str) -> bytes:
    """Return the end of a place's bytes: there are few fields and fewer countries."""
    names = (path.encode(), origin.encode())
    return b"".join(_LENGTH.pack(len(name)) + name for name in names)


def commitment(dek: bytes) -> bytes:
    """Return the 32 bytes by which a data key is known in public, and cannot be replaced."""
    if len(dek) != KEY_BYTES:
        raise _no_key(dek)
    return sha256(_COMMIT + dek).digest()


def key_id(dek: bytes) -> bytes:
    """Return the 16 bytes that name a data key in every box under it."""
    if len(dek) != KEY_BYTES:
        raise _no_key(dek)
    return sha256(_COMMIT + dek).digest()[:KEY_ID_BYTES]


def event_key(dek: bytes, place: Place) -> bytes:
    """Return the 32-byte key of one event and scope: all that an auditor gets of a data key.

    HKDF-Expand (RFC 5869) of one block, with the data key as its pseudorandom key.
    """
    if len(dek) != KEY_BYTES:
        raise _no_key(dek)
    return _event_key(dek, place.aad)


def _event_key(dek: bytes, aad: bytes) -> bytes:
    # One block of HKDF is one HMAC, and HMAC is two hashes (RFC 2104): `hmac.digest` takes twice as
    # long for the same bytes, and every field that is opened waits for it.
    text = _INNER_FILL + aad[_AAD_EVENT] + aad[_AAD_SCOPE] + b"\x01"
    inner = sha256(dek.translate(_INNER) + text).digest()
    return sha256(dek.translate(_OUTER) + _OUTER_FILL + inner).digest()


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
    if suite not in _CIPHERS:
        raise NotEncodable(f"there is no suite {suite} to seal with", rule="suite")
    length = len(plaintext)
    if length > size - _LENGTH.size:
        raise NotEncodable(
            f"{length} bytes are too many for field {place.path!a} of event {place.event_id};"
            f" {size - _LENGTH.size} fit",
            rule="padding",
        )
    name, aad = key_id(dek), place.aad
    text = (_LENGTH.pack(length) + plaintext).ljust(size, b"\0")
    nonce = os.urandom(_NONCE_BYTES)
    key = dek if suite == DIRECT else _event_key(dek, aad)
    sealed = _CIPHERS[suite](key).encrypt(nonce, text, aad)
    return b"".join((_HEADS[suite], name, nonce, sealed))


def key_id_of(box: bytes) -> bytes:
    """Return the name of the key that a box is under; SealBroken if it is no box."""
    if len(box) < OVERHEAD + _LENGTH.size:
        raise SealBroken(f"{len(box)} bytes are no sealed field: it was cut, or never was one")
    if box[0] != VERSION or box[1] not in _CIPHERS:
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
    aad = place.aad
    return _open(dek if box[1] == DIRECT else _event_key(dek, aad), place, aad, box)


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
    return _open(key, place, place.aad, box)


def key_given(dek: bytes, place: Place, box: bytes) -> bytes:
    """Return the key of one event and scope for whoever may open this box and no other.

    It has opened the box here before. SealBroken as for `unseal_with_event_key`.
    """
    key = event_key(dek, place)
    if key_id_of(box) != key_id(dek):
        raise place.broken("it is under another key")
    unseal_with_event_key(key, place, box)
    return key


def _no_key(key: bytes) -> SealBroken:
    return SealBroken(f"a key has {KEY_BYTES} bytes, not {len(key)}")


def _open(key: bytes, place: Place, aad: bytes, box: bytes) -> bytes:
    try:
        text = _CIPHERS[box[1]](key).decrypt(box[_NONCE], box[_HEAD_BYTES:], aad)
    except InvalidTag:
        # `from None`, here and above: nothing of a library that held a key goes into a traceback.
        raise place.broken("it was moved here, changed or cut, or the key is another") from None
    # One text has one padded form: what hides behind a text would be seen by nobody.
    length = _LENGTH.unpack_from(text)[0]
    rest = len(text) - _LENGTH.size - length
    if rest < 0 or not text.endswith(bytes(rest)):
        raise place.broken("it is wrongly padded")
    return text[_LENGTH.size : _LENGTH.size + length]
