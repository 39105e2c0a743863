"""Events of urgent measures: taken where the child is, while another country answers for her."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from events.stamp import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class UrgentMeasureTaken(Event):
    """The country where the child is took an urgent measure to protect her.

    Moves no responsibility; what it is stands sealed.
    """

    measure_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class UrgentMeasureEnded(Event):
    """An urgent measure is at an end."""

    measure_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class UrgentMeasureReviewed(Event):
    """The country that answers for the child has looked at a measure of another one."""

    measure_id: UUID
