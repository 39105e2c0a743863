"""National events on the way to an erasure, and what forbids one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from events.stamp import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRequested(Event):
    """It was asked that the data of a closed case be erased."""

    erasure_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureApproved(Event):
    """A second person approved an erasure."""

    erasure_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysErased(Event):
    """The keystore overwrote keys of the case on every replica, and the canary failed on each."""

    erasure_id: UUID
    slots: int
    replicas: int
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldPlaced(Event):
    """Erasure was forbidden for a while, on a legal ground; which is sealed."""

    hold_id: UUID
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldEnded(Event):
    """A hold ended."""

    hold_id: UUID
