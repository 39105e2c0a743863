"""Events about data that crosses the border: keys released, stopped, destroyed, kept, erased."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from events.codes import DataScope, RetentionGround
from events.stamp import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysReleased(Event):
    """The sender of a handoff released keys of some scopes to its receiver.

    Its sealed entries hold the child's record, scope by scope, as it is at that moment.
    """

    grant_id: UUID
    handoff_id: UUID
    basis_id: UUID
    recipient: str
    scopes: tuple[DataScope, ...]
    epoch: int
    commitments: tuple[bytes, ...]
    capsule: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseStopped(Event):
    """A country stopped sharing data for a handoff: what comes has keys the receiver lacks."""

    handoff_id: UUID
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysDestroyed(Event):
    """A recipient destroyed the keys that it had been given."""

    grant_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionClaimed(Event):
    """A recipient keeps data that is shared no longer, on a ground of its own, until a day."""

    grant_id: UUID
    ground: RetentionGround
    until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureAttested(Event):
    """A country destroyed its keys of the case and saw them fail. A statement, not a proof."""

    erasure_id: UUID
    keys: tuple[bytes, ...]
    backups_expire_on: date
