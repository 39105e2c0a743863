"""Verifier keys as text: `name+key id+base64(type, public key)` (c2sp.org/signed-note)."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import NamedTuple

from events.errors import Misconfigured, RecordRejected
from ledger.log.lines import decoded, encoded

#: Signature types (c2sp.org/signed-note, "Signature types") and the bytes of their public keys.
ED25519 = 0x01
COSIGNATURE = 0x04
ML_DSA_44 = 0x06
PUBLIC_BYTES = {ED25519: 32, COSIGNATURE: 32, ML_DSA_44: 1312}

_TEXT = re.compile(r"(?P<name>[^+]+)\+(?P<key_id>[0-9a-f]{8})\+(?P<key>[A-Za-z0-9+/=]+)")


def is_key_name(name: str) -> bool:
    """Say whether a key may be called so: not empty, no Unicode space, no plus, no control."""
    bad = any(
        one.isspace() or one == "+" or one < " " or "\ud800" <= one <= "\udfff" for one in name
    )
    return name != "" and not bad


class VerifierKey(NamedTuple):
    """A public key with the name that it signs under and the type of its signatures."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes that a signature line begins with: SHA-256(name, newline, type, key)."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read a verifier key; Misconfigured if it is none, is damaged or of an unknown type.

        What is no verifier key is not repeated in the error: it may be a secret in a wrong place.
        """
        found = _TEXT.fullmatch(text)
        if not found or not is_key_name(found["name"]):
            raise Misconfigured("not a verifier key: it has the form name+hex+base64")
        name = found["name"]
        try:
            raw = decoded(found["key"], "the key")
        except RecordRejected:
            raw = b""
        key = cls(name, raw[0] if raw else 0, raw[1:])
        if PUBLIC_BYTES.get(key.kind) != len(key.public) or key.key_id.hex() != found["key_id"]:
            raise Misconfigured(f"verifier key of {name!r} is damaged or of an unknown type")
        return key

    def render(self) -> str:
        """Return the verifier key as text."""
        key = encoded(bytes([self.kind]) + self.public)
        return f"{self.name}+{self.key_id.hex()}+{key}"
