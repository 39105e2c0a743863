"""Key sets as the rest of the ledger sees them: live, erased, listed, and the proof of an erasure.

Nothing here shows a key, in whatever way it is printed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from events.errors import KeysGone

#: How keys are destroyed, as `KeysErased` names it.
METHOD = "two_share_slot_overwritten"


class Kind(StrEnum):
    """Whose keys a set holds."""

    #: This country's own: one data key for every scope, of one epoch.
    OWN = "own"
    #: Data keys of one epoch that another country released in one grant.
    RECEIVED = "received"
    #: A private X25519 key, for one step of one handoff.
    ONE_TIME = "one_time"


@dataclass(frozen=True, slots=True)
class KeySet:
    """The data keys of one case, epoch and owner, open. To be held for one batch, not longer."""

    set_id: UUID
    kind: Kind
    case_id: UUID
    epoch: int
    #: Scope number -> the 16 bytes that name its key.
    key_ids: Mapping[int, bytes]
    _deks: Mapping[int, bytes] = field(repr=False, compare=False)

    @property
    def scopes(self) -> tuple[int, ...]:
        """The numbers of the scopes that have a key here."""
        return tuple(self.key_ids)

    def dek(self, scope: int) -> bytes:
        """Return the 32-byte data key of a scope; KeysGone if this set never had one."""
        found = self._deks.get(scope)
        if found is None:
            raise KeysGone(
                f"case {self.case_id}, epoch {self.epoch}: there is no {self.kind} key of scope"
                f" {scope} here"
            )
        return found


@dataclass(frozen=True, slots=True)
class Erased:
    """What stands where a key was: a value, not an error, because history has to go on."""

    set_id: UUID
    kind: Kind
    case_id: UUID
    epoch: int | None
    #: None while the erasure is under way: the keys are used no more, and not yet destroyed.
    erased_at: datetime | None


class Line(NamedTuple):
    """One set as it is listed."""

    set_id: UUID
    kind: Kind
    case_id: UUID
    epoch: int | None
    grant_id: UUID | None
    handoff_id: UUID | None
    stage: str | None
    scopes: tuple[int, ...]
    key_ids: tuple[bytes, ...]
    #: Seals reserved so far.
    seals: int
    #: live, erasing or erased.
    state: str
    created_at: datetime
    erased_at: datetime | None


class Destroyed(NamedTuple):
    """That one set was destroyed."""

    set_id: UUID
    kind: Kind
    slot: int
    #: On so many replicas the slot was overwritten, read back, and the canary failed afterwards.
    replicas: int
    #: Whether it opened just before; False where a restored copy was erased a second time.
    opened: bool
    key_ids: tuple[bytes, ...]
    erased_at: datetime


class Evidence(NamedTuple):
    """What an erasure of a case can say. Of copies that somebody made elsewhere it says nothing."""

    case_id: UUID
    destroyed: tuple[Destroyed, ...]
    method: str = METHOD

    @property
    def slots(self) -> int:
        """How many slots were overwritten."""
        return len(self.destroyed)

    @property
    def replicas(self) -> int:
        """On how many replicas each of them, at least; 0 if there was nothing to destroy."""
        return min((one.replicas for one in self.destroyed), default=0)

    @property
    def key_ids(self) -> tuple[bytes, ...]:
        """The names of the data keys that are no more."""
        return tuple(name for one in self.destroyed for name in one.key_ids)
