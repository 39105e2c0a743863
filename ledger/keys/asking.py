"""The keystore as a reactor sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from ledger.keys.majority import Age


class Destroyed(NamedTuple):
    """What a keystore says of keys that it destroyed."""

    slots: int
    replicas: int
    method: str
    keys: tuple[bytes, ...]


class Keys(Protocol):
    """Releases, takes in and destroys keys, as the ledger says it may."""

    def prepare(self, case_id: UUID, handoff_id: UUID, *, preview: bool) -> Mapping[str, Any]:
        """Return the arguments of `release_keys` for a release that is due. BasisMissing."""

    def carry(self, case_id: UUID, grant_id: UUID, *, again: bool = False) -> bytes:
        """Return what goes on the grants topic for an effective grant. BasisMissing.

        `again`: it has been there; no block and no birthday shows by its staying away.
        """

    def receive(self, case_id: UUID, grant_id: UUID, value: bytes) -> None:
        """Have the keys of a grant kept. SealBroken."""

    def age(self, case_id: UUID) -> Age:
        """Return what follows from the child's age today: whose consents have ended."""

    def destroy(self, case_id: UUID, grant_id: UUID) -> Destroyed:
        """Destroy the keys of a grant that is shared no longer."""

    def erase(self, case_id: UUID, erasure_id: UUID) -> Destroyed:
        """Destroy every key of a case whose erasure is approved."""
