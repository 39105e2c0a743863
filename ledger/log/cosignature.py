"""Cosignatures: a witness says that it saw a log only grow (c2sp.org/tlog-cosignature).

Two types: timestamped Ed25519 (0x04, `cosignature/v1`), and ML-DSA-44 (0x06), which still holds
when quantum computers forge the first one. A country pins 0x04; 0x06 may stand beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey
from nacl.signing import SigningKey

from events.errors import Misconfigured, RecordRejected
from ledger.log.checkpoint import Checkpoint
from ledger.log.key_file import create_seed, read_seed
from ledger.log.lines import LARGEST
from ledger.log.note import SignatureLine
from ledger.log.signature import ed25519_has_signed
from ledger.log.vkey import COSIGNATURE, ML_DSA_44, VerifierKey

_TIME = 8


class Cosigner(Protocol):
    """The private half of a witness's key, of either type."""

    @property
    def name(self) -> str:
        """The key's name."""

    def cosign(self, text: str, at: int) -> SignatureLine:
        """Return the cosignature of a checkpoint's whole text at a time, in Unix seconds."""


def cosigned_at(line: SignatureLine) -> int:
    """Return the time in a cosignature, in Unix seconds; believe it only of a verified line."""
    return int.from_bytes(line.signature[:_TIME], "big")


@dataclass(frozen=True, slots=True)
class CosignatureVerifier:
    """The public half of a key of type 0x04."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes in front of each of its signatures."""
        return VerifierKey(self.name, COSIGNATURE, self.public).key_id

    def render(self) -> str:
        """Return the verifier key as text."""
        return VerifierKey(self.name, COSIGNATURE, self.public).render()

    def has_signed(self, text: str, signature: bytes) -> bool:
        """Say whether this key cosigned a checkpoint's text, at the time that is in it."""
        at = int.from_bytes(signature[:_TIME], "big")
        if at > LARGEST:
            return False
        return ed25519_has_signed(self.public, ed25519_message(text, at), signature[_TIME:])


class Ed25519Cosigner:
    """The private half of a key of type 0x04. Lives in one file, readable by the witness only."""

    def __init__(self, name: str, seed: bytes) -> None:
        self.name = name
        self._key = SigningKey(seed)

    def __repr__(self) -> str:
        """Never show the key."""
        return f"Ed25519Cosigner({self.name!r})"

    @classmethod
    def create(cls, name: str, path: Path) -> Ed25519Cosigner:
        """Make a new key in a new file of mode 0400."""
        return cls(name, create_seed(path, name, "cosignature/v1"))

    @classmethod
    def load(cls, path: Path) -> Ed25519Cosigner:
        """Read a key file; Misconfigured names the file, never its content."""
        return cls(*read_seed(path, "witness key", "cosignature/v1"))

    @property
    def verifier(self) -> CosignatureVerifier:
        """The public half."""
        return CosignatureVerifier(self.name, bytes(self._key.verify_key))

    def cosign(self, text: str, at: int) -> SignatureLine:
        """Return the cosignature of a checkpoint's whole text at a time, in Unix seconds."""
        Checkpoint.parse(text)
        signature = self._key.sign(ed25519_message(text, at)).signature
        return SignatureLine(self.name, self.verifier.key_id, _time(at) + signature)


@dataclass(frozen=True, slots=True)
class MlDsaVerifier:
    """The public half of a key of type 0x06."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        try:
            MLDSA44PublicKey.from_public_bytes(self.public)
        except UnsupportedAlgorithm:
            words = f"this build of cryptography cannot verify ML-DSA-44: leave out {self.name!r}"
            raise Misconfigured(words) from None
        except ValueError:
            raise Misconfigured(f"verifier key of {self.name!r} is not an ML-DSA-44 key") from None

    @property
    def key_id(self) -> bytes:
        """The four bytes in front of each of its signatures."""
        return VerifierKey(self.name, ML_DSA_44, self.public).key_id

    def render(self) -> str:
        """Return the verifier key as text."""
        return VerifierKey(self.name, ML_DSA_44, self.public).render()

    def has_signed(self, text: str, signature: bytes) -> bool:
        """Say whether this key cosigned a checkpoint's text; extension lines are not covered."""
        at = int.from_bytes(signature[:_TIME], "big")
        try:
            message = ml_dsa_message(self.name, Checkpoint.parse(text), at)
            MLDSA44PublicKey.from_public_bytes(self.public).verify(signature[_TIME:], message)
        except (InvalidSignature, RecordRejected, ValueError):
            return False
        return True


class MlDsaCosigner:
    """The private half of a key of type 0x06. Lives in one file, readable by the witness only."""

    def __init__(self, name: str, seed: bytes) -> None:
        self.name = name
        self._key = MLDSA44PrivateKey.from_seed_bytes(seed)

    def __repr__(self) -> str:
        """Never show the key."""
        return f"MlDsaCosigner({self.name!r})"

    @classmethod
    def create(cls, name: str, path: Path) -> MlDsaCosigner:
        """Make a new key in a new file of mode 0400."""
        return cls(name, create_seed(path, name, "ml-dsa-44"))

    @classmethod
    def load(cls, path: Path) -> MlDsaCosigner:
        """Read a key file; Misconfigured names the file, never its content."""
        return cls(*read_seed(path, "post-quantum witness key", "ml-dsa-44"))

    @property
    def verifier(self) -> MlDsaVerifier:
        """The public half."""
        return MlDsaVerifier(self.name, self._key.public_key().public_bytes_raw())

    def cosign(self, text: str, at: int) -> SignatureLine:
        """Return the cosignature of a checkpoint at a time, in Unix seconds."""
        signature = self._key.sign(ml_dsa_message(self.name, Checkpoint.parse(text), at))
        return SignatureLine(self.name, self.verifier.key_id, _time(at) + signature)


def ed25519_message(text: str, at: int) -> bytes:
    """Return what type 0x04 signs ("Ed25519 signed message"): the whole text under a time."""
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def ml_dsa_message(cosigner: str, checkpoint: Checkpoint, at: int) -> bytes:
    """Return what type 0x06 signs of a checkpoint ("ML-DSA-44 signed message").

    Time 0 says nothing of what was the largest tree; witnesses never sign it. RecordRejected, rule
    `cosignature`, if a name has more than 255 bytes or the time more than 63 bits.
    """
    if not 0 <= at <= LARGEST:
        raise RecordRejected("the time of a cosignature has 63 bits", rule="cosignature")
    return b"".join(
        [
            b"subtree/v1\n\0",
            _short(cosigner),
            at.to_bytes(_TIME, "big"),
            _short(checkpoint.origin),
            (0).to_bytes(8, "big"),
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        ]
    )


def _short(name: str) -> bytes:
    raw = name.encode()
    if not 1 <= len(raw) <= 255:
        raise RecordRejected(f"a name of {len(raw)} bytes cannot be cosigned", rule="cosignature")
    return bytes([len(raw)]) + raw


def _time(at: int) -> bytes:
    if not 0 < at <= LARGEST:
        raise RecordRejected("a cosignature needs a time after 1970", rule="cosignature")
    return at.to_bytes(_TIME, "big")
