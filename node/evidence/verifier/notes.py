"""Signed notes, checkpoints, cosignatures: C2SP signed-note, tlog-checkpoint, tlog-cosignature."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import NamedTuple

from node.evidence.verifier.ed25519 import ed25519_is_signed

#: Of logs (signed-note, "Signature types"), of witnesses (c2sp.org/tlog-cosignature).
PLAIN, COSIGNATURE = 0x01, 0x04
#: No log has so many keys and witnesses; each line may cost the check of a signature.
_MOST_SIGNATURES = 100
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


def base64_bytes(text: str) -> bytes:
    """Return what canonical base64 says; ValueError if it is not that."""
    try:
        found = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    if base64.b64encode(found).decode() != text:
        raise ValueError("not canonical base64")
    return found


def decimal(text: str) -> int:
    """Return a number without sign and leading zeros; ValueError if it is none."""
    if not _DECIMAL.fullmatch(text):
        raise ValueError("not a decimal number")
    return int(text)


class NoteKey(NamedTuple):
    """A verifier key: who signs, how, and with which public key."""

    name: str
    key_id: bytes
    kind: int
    public: bytes

    @classmethod
    def parse(cls, text: str) -> NoteKey:
        """Read `name+hash+base64`; ValueError if it is none, or of a type unknown here."""
        parts = text.split("+", 2)
        if len(parts) != 3:
            raise ValueError("not a verifier key")
        name, hashed, raw = parts[0], parts[1], base64_bytes(parts[2])
        named = name.encode() + b"\n" + raw
        key_id = hashlib.sha256(named).digest()[:4]
        if key_id.hex() != hashed or len(raw) != 33 or raw[0] not in {PLAIN, COSIGNATURE}:
            raise ValueError(f"the verifier key of {name} is damaged, or of an unknown type")
        return cls(name, key_id, raw[0], raw[1:])


class NoteSignature(NamedTuple):
    """One signature line."""

    name: str
    key_id: bytes
    rest: bytes


class SignedTree(NamedTuple):
    """A checkpoint as a note says it: nothing of it is believed before a signature was checked."""

    origin: str
    size: int
    root: bytes
    text: bytes
    signatures: tuple[NoteSignature, ...]

    @classmethod
    def parse(cls, note: bytes) -> SignedTree:
        """Read a note whose text is a checkpoint; ValueError if it is none."""
        said = note.decode("utf-8")
        if any(ord(char) < 0x20 and char != "\n" for char in said):
            raise ValueError("control characters in a note")
        text, found, lines = said.rpartition("\n\n")
        if not found or not lines.endswith("\n"):
            raise ValueError("not a signed note")
        if lines.count("\n") > _MOST_SIGNATURES:
            raise ValueError("a note with too many signatures")
        origin, size, root, *more = text.split("\n")
        hashed = base64_bytes(root)
        if not origin or len(hashed) != 32 or not all(more):
            raise ValueError("not a checkpoint")
        signatures = tuple(_signature(line) for line in lines[:-1].split("\n"))
        return cls(origin, decimal(size), hashed, f"{text}\n".encode(), signatures)

    def signed_by(self, key: NoteKey) -> int | None:
        """Return when a key signed, in seconds since 1970, 0 for a log's own signature.

        None if it did not. ValueError if a line claims this key and is wrong.
        """
        found = None
        for line in self.signatures:
            if (line.name, line.key_id) == (key.name, key.key_id):
                found = _checked(key, self.text, line.rest)
        return found


def _signature(line: str) -> NoteSignature:
    dash, name, encoded = line.split(" ")
    raw = base64_bytes(encoded)
    if dash != "\N{EM DASH}" or not name or "+" in name or len(raw) < 5:
        raise ValueError("not a signature line")
    return NoteSignature(name, raw[:4], raw[4:])


def _checked(key: NoteKey, text: bytes, rest: bytes) -> int:
    at = 0
    if key.kind == COSIGNATURE:
        if len(rest) != 72:
            raise ValueError(f"the cosignature of {key.name} is cut")
        at, rest = int.from_bytes(rest[:8], "big"), rest[8:]
        text = f"cosignature/v1\ntime {at}\n".encode() + text
    if not ed25519_is_signed(key.public, text, rest):
        raise ValueError(f"the signature of {key.name} is wrong")
    return at
