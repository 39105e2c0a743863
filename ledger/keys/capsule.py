"""Capsules: data keys on their way to another country, for one release and one recipient.

HPKE (RFC 9180, base mode) to a key that the recipient made for this handoff alone and destroys
afterwards: then nobody opens a kept copy any more. What made the release lawful is bound to it.
Base mode does not say who the sender is; the salted hash of the capsule in the sender's signed
KeysReleased does.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from events.codes import DataScope
from events.errors import NotEncodable, SealBroken
from ledger.keys.seal import KEY_BYTES, SCOPE_NUMBER, commitment

SALT_BYTES: Final = 32
#: Bytes of one key in a capsule: scope, epoch, data key.
ENTRY_BYTES: Final = 37
#: Bytes of a capsule beyond its keys: the sender's half of the exchange, and the tag behind.
CAPSULE_OVERHEAD: Final = 32 + 16

_ENTRY: Final = struct.Struct(">BI32s")
_NAME_LENGTH: Final = struct.Struct(">H")
_INFO: Final = b"xref/v1/grant\0"
_HASH: Final = b"xref/v1/capsule\0"
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_SCOPES: Mapping[int, DataScope] = {
    number: scope for scope, number in SCOPE_NUMBER.items() if scope is not DataScope.UNKNOWN
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The release that a capsule belongs to: it opens for this one and for no other."""

    case_id: UUID
    #: Id of the KeysReleased event.
    grant_id: UUID
    sender: str
    recipient: str
    #: Leaf hash of the consent, override or duty that the release rests on.
    basis_leaf: bytes
    #: Leaf hash of the recipient's event with the one-time key.
    accept_leaf: bytes

    @property
    def info(self) -> bytes:
        """The bytes that are bound to the capsule; SealBroken if there can be no such release."""
        if (len(self.basis_leaf), len(self.accept_leaf)) != (32, 32):
            raise self.broken("a leaf hash has 32 bytes")
        try:
            sender, recipient = _named(self.sender), _named(self.recipient)
        except (struct.error, UnicodeEncodeError):
            raise self.broken("sender or recipient is no country") from None
        ids = self.case_id.bytes + self.grant_id.bytes
        return _INFO + ids + sender + recipient + self.basis_leaf + self.accept_leaf

    def broken(self, why: str) -> SealBroken:
        """Return the error that names this release."""
        return SealBroken(
            f"capsule of release {self.grant_id}, case {self.case_id}, from {self.sender!a} to"
            f" {self.recipient!a}: {why}"
        )


@dataclass(frozen=True, slots=True)
class Key:
    """One data key. Its bytes are in no repr."""

    scope: DataScope
    epoch: int
    dek: bytes = field(repr=False)


def one_time_key() -> tuple[bytes, bytes]:
    """Return (private, public) of a new X25519 key for one handoff, 32 bytes each."""
    made = X25519PrivateKey.generate()
    return made.private_bytes_raw(), made.public_key().public_bytes_raw()


def wrap(keys: Sequence[Key], release: Release, public: bytes) -> bytes:
    """Return the capsule with these keys that opens for this release, with one private key only.

    37 bytes for each key and 48 more. NotEncodable if a key cannot stand in a capsule, SealBroken
    if `public` is no one-time key: ask its country for another.
    """
    text = _written(keys, release)
    try:
        return _SUITE.encrypt(text, X25519PublicKey.from_public_bytes(public), info=release.info)
    except ValueError:
        # Among them keys with which everybody could open the capsule (RFC 7748, section 6.1).
        raise release.broken("the recipient's one-time key is none; ask for another") from None


def unwrap(capsule: bytes, release: Release, private: bytes) -> tuple[Key, ...]:
    """Return the keys in a capsule of this release.

    SealBroken if it is of another release or for another one-time key, was changed or cut, or
    holds what is no list of keys. Compare what it gave with `check_commitments` before use.
    """
    try:
        text = _SUITE.decrypt(capsule, X25519PrivateKey.from_private_bytes(private), release.info)
    except (InvalidTag, ValueError):
        raise release.broken(
            "it does not open: it is of another release or for another key, was changed or cut"
        ) from None
    if not text or len(text) % ENTRY_BYTES:
        raise release.broken("what is in it is no list of keys")
    found: dict[tuple[int, int], Key] = {}
    for number, epoch, dek in _ENTRY.iter_unpack(text):
        if number not in _SCOPES or (number, epoch) in found:
            raise release.broken(f"scope {number}, epoch {epoch} is unknown, or in it twice")
        found[number, epoch] = Key(_SCOPES[number], epoch, dek)
    return tuple(found.values())


def check_commitments(keys: Sequence[Key], commitments: Mapping[DataScope, bytes]) -> None:
    """Check that each key is the one its origin is committed to, `commitments` by scope.

    AES-GCM opens under more keys than one: without this check a sender could give two countries
    keys that open the same bytes differently. SealBroken names the scopes that are not so.
    """
    wrong = [key for key in keys if commitments.get(key.scope) != commitment(key.dek)]
    if wrong:
        names = ", ".join(f"{key.scope} (epoch {key.epoch})" for key in wrong)
        raise SealBroken(f"not the keys that were committed to, or none were: {names}")


def capsule_hash(salt: bytes, capsule: bytes) -> bytes:
    """Return the 32 bytes by which KeysReleased names a capsule; the salt travels with it."""
    return sha256(_HASH + _salted(salt, capsule)).digest()


def carried(salt: bytes, capsule: bytes) -> bytes:
    """Return what travels on the grants topic: salt and capsule."""
    return _salted(salt, capsule)


def split(value: bytes) -> tuple[bytes, bytes]:
    """Return (salt, capsule) of what travelled on the grants topic; SealBroken if it is neither."""
    rest = len(value) - SALT_BYTES - CAPSULE_OVERHEAD
    if rest < ENTRY_BYTES or rest % ENTRY_BYTES:
        raise SealBroken(f"{len(value)} bytes are no capsule: it was cut, or never was one")
    return value[:SALT_BYTES], value[SALT_BYTES:]


def _salted(salt: bytes, capsule: bytes) -> bytes:
    if len(salt) != SALT_BYTES:
        raise SealBroken(f"a salt has {SALT_BYTES} bytes, not {len(salt)}")
    return salt + capsule


def _named(country: str) -> bytes:
    name = country.encode()
    return _NAME_LENGTH.pack(len(name)) + name


def _written(keys: Sequence[Key], release: Release) -> bytes:
    places = {(key.scope, key.epoch) for key in keys}
    whole = all(
        key.scope is not DataScope.UNKNOWN and 0 <= key.epoch < 2**32 and len(key.dek) == KEY_BYTES
        for key in keys
    )
    if not keys or not whole or len(places) < len(keys):
        said = ", ".join(f"{key.scope} (epoch {key.epoch})" for key in keys) or "no key"
        raise NotEncodable(
            f"release {release.grant_id} cannot carry {said}: each scope and epoch once, with a"
            f" key of {KEY_BYTES} bytes",
            rule="capsule",
        )
    return b"".join(_ENTRY.pack(SCOPE_NUMBER[key.scope], key.epoch, key.dek) for key in keys)
