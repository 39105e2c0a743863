"""Signatures of single events by their origin's log key (Ed25519, C2SP signed-note keys).

One implementation verifies everywhere: what is admitted must not depend on which library a
country happens to run. libsodium is used because it is the faster one and frees the interpreter.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey

from events.contract import log_message
from events.errors import Misconfigured

_ED25519 = b"\x01"


def _key_id(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


@dataclass(frozen=True, slots=True)
class LogVerifier:
    """The public half of a log key."""

    name: str
    public: bytes

    @classmethod
    def parse(cls, text: str) -> LogVerifier:
        """Read a verifier key `name+hash+base64(type, key)`; Misconfigured if it is none."""
        try:
            name, key_id, encoded = text.split("+", 2)
            raw = base64.b64decode(encoded, validate=True)
        except ValueError:
            raise Misconfigured(f"not a verifier key: {text!r}") from None
        good = raw[:1] == _ED25519 and len(raw) == 33 and _key_id(name, raw[1:]).hex() == key_id
        if not good:
            raise Misconfigured(f"verifier key of {name!r} is damaged or of an unknown type")
        return cls(name, raw[1:])

    def render(self) -> str:
        """Return the verifier key as text."""
        encoded = base64.b64encode(_ED25519 + self.public).decode()
        return f"{self.name}+{_key_id(self.name, self.public).hex()}+{encoded}"

    def is_signed(self, log: str, index: int, leaf: bytes, signature: bytes) -> bool:
        """Say whether this key signed an event (by leaf hash) at an index of a log."""
        try:
            crypto_sign_open(signature + log_message(log, index, leaf), self.public)
        except (BadSignatureError, ValueError):
            return False
        return True


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
        seed = os.urandom(32)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        with os.fdopen(handle, "w") as file:
            file.write(f"{name}\n{base64.b64encode(seed).decode()}\n")
        return cls(name, seed)

    @classmethod
    def load(cls, path: Path) -> LogSigner:
        """Read a key file; Misconfigured names the file, never its content."""
        try:
            name, encoded = path.read_text().split()
            return cls(name, base64.b64decode(encoded, validate=True))
        except OSError as error:
            raise Misconfigured(f"log key {path}: {error.strerror}") from None
        except ValueError:
            raise Misconfigured(f"log key {path} is not a log key file") from None

    @property
    def verifier(self) -> LogVerifier:
        """The public half."""
        return LogVerifier(self.name, bytes(self._key.verify_key))

    def sign(self, log: str, index: int, leaf: bytes) -> bytes:
        """Return the 64-byte signature of an event (by leaf hash) at an index of a log."""
        return self._key.sign(log_message(log, index, leaf)).signature
