"""National events of a child's protection plan: what is done for her, by when, and who agreed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from events.codes import Agreement
from events.stamp import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionPlanGenerated(Event):
    """A plan follows from the rules; what it says and why is sealed."""

    plan_id: UUID
    number: int
    cause: UUID | None = None
    concerns: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanItemAdded(Event):
    """Something is to be done for the child; what it is is sealed."""

    plan_id: UUID
    item_id: UUID
    mandatory: bool
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanItemRemoved(Event):
    """Something is not to be done; why is sealed."""

    plan_id: UUID
    item_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSubmitted(Event):
    """A plan waits for somebody else to approve it."""

    plan_id: UUID
    child: Agreement
    caregiver: Agreement


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanApproved(Event):
    """A plan is followed from here on, and no other."""

    plan_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRejected(Event):
    """A plan has to be worked on; why is sealed."""

    plan_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanItemFinished(Event):
    """Something that a plan asked for was done, or will not be; more is sealed."""

    plan_id: UUID
    item_id: UUID
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReviewed(Event):
    """Somebody has looked whether a plan still helps."""

    plan_id: UUID
    review_by: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCompleted(Event):
    """Everything that a plan asked for is done, or will not be."""

    plan_id: UUID
