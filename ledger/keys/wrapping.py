"""The two shares and the keys under them: pure bytes, no I/O.

The key of a set needs the key-encryption key, the share in the row and the share in the slot.
Whoever lacks one of the three has nothing, and the slot is the one that can be destroyed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from ledger.keys.kek import Kek

KEY_BYTES: Final = 32
_SET_KEY: Final = b"xref/v1/case-kek|"
_CANARY_KEY: Final = b"xref/v1/canary|"
_CANARY_BYTES: Final = 16
_NONCE_BYTES: Final = 12


class Wrapped(NamedTuple):
    """What a row holds of a set's keys."""

    kek_id: bytes
    #: Half of the secret, 32 bytes.
    share_db: bytes
    #: The keys, one after the other, under AES-KW (RFC 3394).
    keys: bytes
    #: 16 random bytes, sealed: opens as long as the keys do.
    canary: bytes

    def __repr__(self) -> str:
        """Show the name of the key-encryption key only."""
        return f"Wrapped(under {self.kek_id.hex()})"


def wrap(keys: Sequence[bytes], kek: Kek, slot: bytes, case_id: UUID, set_id: UUID) -> Wrapped:
    """Return keys of 32 bytes each, wrapped under a new share and the share of a slot."""
    assert keys, "a set has a key"
    assert all(len(key) == KEY_BYTES for key in keys), "a key has 32 bytes"
    share = os.urandom(KEY_BYTES)
    owner = case_id.bytes + set_id.bytes
    nonce = os.urandom(_NONCE_BYTES)
    canary = AESGCM(_derived(kek, slot, share, _CANARY_KEY + owner)).encrypt(
        nonce, os.urandom(_CANARY_BYTES), owner
    )
    wrapped = aes_key_wrap(_derived(kek, slot, share, _SET_KEY + owner), b"".join(keys))
    return Wrapped(kek.id, share, wrapped, nonce + canary)


def unwrap(
    wrapped: Wrapped, kek: Kek, slot: bytes, case_id: UUID, set_id: UUID
) -> tuple[bytes, ...] | None:
    """Return the keys, in their order; None if they do not open with this share."""
    owner = case_id.bytes + set_id.bytes
    try:
        keys = aes_key_unwrap(_derived(kek, slot, wrapped.share_db, _SET_KEY + owner), wrapped.keys)
    except InvalidUnwrap:
        return None
    return tuple(keys[at : at + KEY_BYTES] for at in range(0, len(keys), KEY_BYTES))


def opens(wrapped: Wrapped, kek: Kek, slot: bytes, case_id: UUID, set_id: UUID) -> bool:
    """Say whether anything at all opens with this share: the keys or the canary."""
    owner = case_id.bytes + set_id.bytes
    key = _derived(kek, slot, wrapped.share_db, _CANARY_KEY + owner)
    nonce, canary = wrapped.canary[:_NONCE_BYTES], wrapped.canary[_NONCE_BYTES:]
    try:
        AESGCM(key).decrypt(nonce, canary, owner)
    except InvalidTag:
        return unwrap(wrapped, kek, slot, case_id, set_id) is not None
    return True


def _derived(kek: Kek, slot: bytes, share_db: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=kek.key, info=info).derive(slot + share_db)
