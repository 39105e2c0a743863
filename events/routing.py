"""National events of the way to the right specialist: who was asked, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from events.codes import LadderLevel
from events.stamp import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseDirected(Event):
    """The country's rules, or a person, decided to whom the case goes; why is sealed."""

    decision_id: UUID
    cause: UUID | None = None
    directory: bytes | None = None
    by_hand: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRouted(Event):
    """The case was sent to the specialist that the rules or a person chose."""

    routing_id: UUID
    decision_id: UUID | None = None
    #: Code in the country's directory; None: the duty desk of the focal point.
    service: str | None = None
    #: Whose service it is.
    organisation: str | None = None
    leads: bool = False
    ladder: LadderLevel = LadderLevel.UNKNOWN
    answer_by: datetime | None = None
    contact_by: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingAnswered(Event):
    """A service accepted the child, or declined."""

    routing_id: UUID
    accepted: bool
    declined_for: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingLapsed(Event):
    """A service did not answer in time."""

    routing_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingEnded(Event):
    """A service works with the child no longer, or is not needed any more."""

    routing_id: UUID
