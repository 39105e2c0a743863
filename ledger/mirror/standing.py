"""What the mirror knows of a case on one topic: all that admission has to know of earlier records.

Kept as two byte strings per origin, because versions have no gaps: the leaf hash of version v is
the v-th 32 bytes. A case of a thousand events costs a few tens of kilobytes and no Python objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

LEAF_BYTES = 32
ID_BYTES = 16


class Waiting(NamedTuple):
    """A held record: admitted, without effect until what it waits for has arrived."""

    offset: int
    origin: str
    version: int
    event_id: UUID
    seen: bytes
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Said:
    """What one origin has said of the case, as far as it has taken effect, in version order."""

    leaves: bytes = b""
    event_ids: bytes = b""


@dataclass(frozen=True, slots=True)
class Standing:
    """One case on one topic as the mirror knows it."""

    said: Mapping[str, Said] = field(default_factory=dict)
    held: tuple[Waiting, ...] = ()


def stands_in(row: bytes | bytearray, item: bytes) -> bool:
    """Say whether an item is one of a row of items of its length."""
    at = row.find(item)
    while at >= 0 and at % len(item):
        at = row.find(item, at + 1)
    return at >= 0
