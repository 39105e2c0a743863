"""Signatures by an origin's log key: of single events, and of notes (Ed25519, C2SP type 0x01).

One implementation verifies everywhere: what is admitted must not depend on which library a
country happens to run. libsodium is used because it is the faster one and frees the interpreter.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey

from events.contract import log_message
from events.errors import Misconfigured
from ledger.log.key_file import create_seed, read_seed
from ledger.log.note import SignatureLine
from ledger.log.vkey import ED25519, VerifierKey

_SIGNATURE = 64


def ed25519_has_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether a public key made a signature of a message (RFC 8032, Ed25519)."""
    if len(signature) != _SIGNATURE:
        return False
    try:
        crypto_sign_open(signature + message, public)
    except (BadSignatureError, ValueError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class LogVerifier:
    """The public half of a log key."""

    name: str
    public: bytes

    @classmethod
    def parse(cls, text: str) -> LogVerifier:
        """Read a verifier key `name+hash+base64(type, key)`; Misconfigured if it is none."""
        key = VerifierKey.parse(text)
        if key.kind != ED25519:
            raise Misconfigured(f"verifier key of {key.name!r} is not one of a log")
        return cls(key.name, key.public)

    @property
    def key_id(self) -> bytes:
        """The four bytes in front of each signature of a note."""
        return VerifierKey(self.name, ED25519, self.public).key_id

    def render(self) -> str:
        """Return the verifier key as text."""
        return VerifierKey(self.name, ED25519, self.public).render()

    def is_signed(self, log: str, index: int, leaf: bytes, signature: bytes) -> bool:
        """Say whether this key signed an event (by leaf hash) at an index of a log."""
        return ed25519_has_signed(self.public, log_message(log, index, leaf), signature)

    def has_signed(self, text: str, signature: bytes) -> bool:
        """Say whether this key signed a note's text."""
        return ed25519_has_signed(self.public, text.encode(), signature)


class LogSigner:
    """The private half. Lives in one file, readable by the sealing user only."""

    def __init__(self, name: str, seed: bytes) -> None:
        self.name = name
        self._key = SigningKey(seed)

    def __repr__(self) -> str:
        """Never show the key."""
        return f"LogSigner({self.name!r})"

    @classmethod
    def create(cls, name: str, path: Path) -> LogSigner:
        """Make a new key in a new file of mode 0400."""
        return cls(name, create_seed(path, name))

    @classmethod
    def load(cls, path: Path) -> LogSigner:
        """Read a key file; Misconfigured names the file, never its content."""
        return cls(*read_seed(path, "log key"))

    @property
    def verifier(self) -> LogVerifier:
        """The public half."""
        return LogVerifier(self.name, bytes(self._key.verify_key))

    def sign(self, log: str, index: int, leaf: bytes) -> bytes:
        """Return the 64-byte signature of an event (by leaf hash) at an index of a log."""
        return self._key.sign(log_message(log, index, leaf)).signature

    def sign_text(self, text: str) -> SignatureLine:
        """Return the signature of a note's text (c2sp.org/signed-note, "Ed25519 signatures")."""
        signature = self._key.sign(text.encode()).signature
        return SignatureLine(self.name, self.verifier.key_id, signature)
