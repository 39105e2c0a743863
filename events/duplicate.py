"""Events of a suspicion that two cases are one child's: raised, confirmed or dismissed."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from events.stamp import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateNoted(Event):
    """What this country knows of a suspicion: which other case, and why, sealed. National."""

    suspicion_id: UUID
    other_case_id: UUID | None = None
    salt: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateSuspected(Event):
    """A country suspects that another case is about the same child; this one would yield.

    Of the other one it says only who answers for it, and a commitment.
    """

    suspicion_id: UUID
    holder: str
    other: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateConfirmed(Event):
    """Somebody who answers for one of the two cases found them to be the same child's."""

    suspicion_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateDismissed(Event):
    """A suspicion is at an end; never why."""

    suspicion_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReserved(Event):
    """This case goes on for another one that is to yield to it. National."""

    suspicion_id: UUID
    yielding_case_id: UUID
