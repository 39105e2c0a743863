"""National events of monitoring: by when something has to be there, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from events.codes import Safety, Satisfaction
from events.stamp import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringBegun(Event):
    """From here on deadlines run for the child: this country answers for her."""

    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringEnded(Event):
    """No deadline runs here any more.

    The case has ended, or another country answers for her.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlinesReckoned(Event):
    """The rules were asked by when what is missing has to be there; why is sealed."""

    decision_id: UUID
    cause: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineSet(Event):
    """By when something has to be there for the child.

    Set anew if it has to be there earlier or later.
    """

    deadline_id: UUID
    step: str
    subject: UUID | None = None
    begins_at: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineBreached(Event):
    """It was not there in time. Recorded once for each deadline."""

    deadline_id: UUID
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineEscalated(Event):
    """It is still not there, and somebody else is told. Recorded once for each."""

    deadline_id: UUID
    told: int
    role: str
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpCompleted(Event):
    """Somebody has seen how the child is; what was found is sealed."""

    follow_up_id: UUID
    safety: Safety


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactAttempted(Event):
    """Somebody has tried to reach the child or who cares for her, in vain; how is sealed."""

    attempt_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchBegun(Event):
    """A missing child is searched for."""

    search_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchExtended(Event):
    """A neighbour was asked to search, too, by a referral to its focal point."""

    search_id: UUID
    handoff_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchEnded(Event):
    """The child has been found, or is searched for here no longer."""

    search_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackReceived(Event):
    """A child or who cares for her has said how she was helped; the words are sealed."""

    feedback_id: UUID
    rating: Satisfaction


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintReceived(Event):
    """Somebody complains for the child; the words are sealed."""

    complaint_id: UUID
    against: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplaintAnswered(Event):
    """A complaint was looked into and answered; the answer is sealed."""

    complaint_id: UUID
    upheld: bool
