"""events/vectors/seal.json: sealed fields and capsules as bytes, made from the wire format page.

`python -m tests.seal_vectors` writes and freezes it once. The writer is the page, word by word, on
the cryptography of tests/by_hand.py; the tests let our code open what it wrote, and let it open
what our code wrote.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from tests import by_hand

FOLDER = Path(__file__).parents[1] / "events" / "vectors"
FILE = FOLDER / "seal.json"

#: Suite, scope, epoch, path, origin, padded size, text.
FIELDS: Mapping[str, tuple[int, int, int, str, str, int, bytes]] = {
    "usual": (2, 4, 1, "sealed", "KZ", 256, "Боится возвращаться домой".encode()),
    "empty": (2, 1, 1, "sealed", "KG", 64, b""),
    "full": (2, 11, 2**32 - 1, "sealed", "UZ", 64, b"\0" * 61 + b"\1"),
    "national event": (2, 0, 7, "запись", "KZ", 1024, bytes(range(256)) * 3),
    "key itself": (1, 3, 2, "sealed", "KZ", 64, b"asthma"),
    "chacha": (3, 3, 2, "sealed", "KZ", 64, b"asthma"),
}
#: Scopes and epochs that travel.
CAPSULES: Mapping[str, tuple[tuple[int, int], ...]] = {
    "preview": ((11, 1),),
    "the rest": ((1, 1), (3, 1), (4, 2), (4, 1)),
}


def invented(seed: str, size: int = 32) -> bytes:
    """Return bytes that follow from a text."""
    return sha256(f"seal/{seed}".encode()).digest()[:size]


def counted(text: str) -> bytes:
    """Return the length of a text in two bytes, and the text."""
    return len(text.encode()).to_bytes(2, "big") + text.encode()


def commitment(dek: bytes) -> bytes:
    return sha256(b"xref/v1/key-commit\0" + dek).digest()


def event_key(dek: bytes, event_id: bytes, scope: int) -> bytes:
    info = b"xref/v1/event-key\0" + event_id + bytes([scope])
    return by_hand.hkdf_expand(dek, info, 32)


def aad(
    event_id: bytes, case_id: bytes, scope: int, epoch: int, schema: bytes, path: str, origin: str
) -> bytes:
    numbers = bytes([scope]) + epoch.to_bytes(4, "big")
    names = counted(path) + counted(origin)
    return b"xref/aad/v1\0" + event_id + case_id + numbers + schema + names


def padded(text: bytes, size: int) -> bytes:
    return (len(text).to_bytes(2, "big") + text).ljust(size, b"\0")


def box(suite: int, dek: bytes, key: bytes, nonce: bytes, text: bytes, bound: bytes) -> bytes:
    """Return the box of a padded text; `key` is what the suite seals under."""
    cipher = by_hand.chacha20_poly1305 if suite == 3 else by_hand.aes_gcm
    return bytes([1, suite]) + commitment(dek)[:16] + nonce + cipher(key, nonce, text, bound)


def _field(name: str) -> dict[str, Any]:
    suite, scope, epoch, path, origin, size, text = FIELDS[name]
    dek, nonce = invented(f"{name}/dek"), invented(f"{name}/nonce", 12)
    event_id, case_id = invented(f"{name}/event", 16), invented(f"{name}/case", 16)
    schema = invented(f"{name}/schema")
    bound = aad(event_id, case_id, scope, epoch, schema, path, origin)
    one = event_key(dek, event_id, scope)
    return {
        "name": name,
        "data_key": dek.hex(),
        "commitment": commitment(dek).hex(),
        "event_id": str(UUID(bytes=event_id)),
        "case_id": str(UUID(bytes=case_id)),
        "scope": scope,
        "epoch": epoch,
        "schema_sha256": schema.hex(),
        "path": path,
        "origin": origin,
        "aad": bound.hex(),
        "event_key": one.hex(),
        "nonce": nonce.hex(),
        "text": text.hex(),
        "box": box(suite, dek, dek if suite == 1 else one, nonce, padded(text, size), bound).hex(),
    }


def grant_info(
    case_id: bytes, grant_id: bytes, sender: str, recipient: str, basis: bytes, accept: bytes
) -> bytes:
    names = counted(sender) + counted(recipient)
    return b"xref/v1/grant\0" + case_id + grant_id + names + basis + accept


def _capsule(name: str) -> dict[str, Any]:
    keys = [(scope, epoch, invented(f"{name}/{scope}/{epoch}")) for scope, epoch in CAPSULES[name]]
    text = b"".join(bytes([scope]) + epoch.to_bytes(4, "big") + dek for scope, epoch, dek in keys)
    case_id, grant_id = invented(f"{name}/case", 16), invented(f"{name}/grant", 16)
    basis, accept, salt = (invented(f"{name}/{what}") for what in ("basis", "accept", "salt"))
    private, ephemeral = invented(f"{name}/private"), invented(f"{name}/ephemeral")
    info = grant_info(case_id, grant_id, "KZ", "KG", basis, accept)
    capsule = by_hand.hpke_sealed(text, by_hand.public_of(private), info, ephemeral)
    return {
        "name": name,
        "case_id": str(UUID(bytes=case_id)),
        "grant_id": str(UUID(bytes=grant_id)),
        "sender": "KZ",
        "recipient": "KG",
        "basis_leaf": basis.hex(),
        "accept_leaf": accept.hex(),
        "info": info.hex(),
        "private_key": private.hex(),
        "public_key": by_hand.public_of(private).hex(),
        "sender_private_key": ephemeral.hex(),
        "keys": [{"scope": s, "epoch": e, "data_key": dek.hex()} for s, e, dek in keys],
        "capsule": capsule.hex(),
        "salt": salt.hex(),
        "capsule_hash": sha256(b"xref/v1/capsule\0" + salt + capsule).hexdigest(),
        "carried": (salt + capsule).hex(),
    }


def vector() -> dict[str, Any]:
    """Return the whole vector."""
    return {
        "sealed_fields": [_field(name) for name in FIELDS],
        "capsules": [_capsule(name) for name in CAPSULES],
    }


def freeze() -> None:
    """Write the vector and the line of FROZEN that keeps it."""
    if FILE.exists():
        sys.exit(f"{FILE.name} is frozen")
    FILE.write_text(json.dumps(vector(), indent=1, ensure_ascii=False) + "\n")
    with (FOLDER / "FROZEN").open("a") as file:
        file.write(f"{sha256(FILE.read_bytes()).hexdigest()}  {FILE.name}\n")


if __name__ == "__main__":
    freeze()
