"""A plane as canonical bytes, so that two countries can compare one hash instead of a case."""

from __future__ import annotations

from hashlib import sha256

from pydantic import TypeAdapter

from ledger.case.plane import Plane

_PLANE = TypeAdapter(Plane)


def plane_to_json(plane: Plane) -> bytes:
    """Return the plane as JSON. Same history, same bytes: maps keep the order of the events.

    What is as it was at the beginning is left out, so that a part that a later release adds does
    not change the hash of a case that never used it (golden histories hold that hash for ever).
    """
    return _PLANE.dump_json(plane, exclude_defaults=True)


def plane_from_json(text: bytes) -> Plane:
    """Return the plane that these bytes are."""
    return _PLANE.validate_json(text)


def state_hash(plane: Plane) -> bytes:
    """Return SHA-256 of the canonical bytes."""
    return sha256(plane_to_json(plane)).digest()
