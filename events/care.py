"""National events of the work with the child; on shared topics none of them exists."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from events.code_lists import UNKNOWN
from events.codes import RiskLevel
from events.stamp import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseShared(Event):
    """The case had its first cross-border step.

    From here on its handoffs, consents and neutral status are shared.
    """

    with_country: str
    salt: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskAssessed(Event):
    """The risk to the child was assessed; what was found is sealed."""

    assessment_id: UUID
    risk: RiskLevel = RiskLevel.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcernRecorded(Event):
    """A protection concern was recorded; which one is sealed."""

    concern_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcernResolved(Event):
    """A protection concern is none any more; why is sealed."""

    concern_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class SiblingLinked(Event):
    """A brother or sister has a case of its own here, and may go to the same services."""

    sibling_case_id: UUID
    together: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessmentCompleted(Event):
    """An assessment was completed; findings are sealed."""

    assessment_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewsRecorded(Event):
    """The child was heard, or it is said why she was not; the words are sealed."""

    views_id: UUID
    heard: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseAssigned(Event):
    """A caseworker was named for the case."""

    assignee: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardianAppointed(Event):
    """A guardian was appointed; who is sealed."""

    guardian_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardianEnded(Event):
    """A guardianship ended."""

    guardian_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureRequested(Event):
    """A caseworker asked for closure and said why; another person decides."""

    closing: int
    reason: str = UNKNOWN
    informed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureRejected(Event):
    """The case is not closed: the work goes on. Why is sealed."""

    closing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopeningJustified(Event):
    """Why a case that had ended is worked on again.

    What was agreed before has to be agreed anew.
    """

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalRecorded(Event):
    """A decision was refused in order to protect the child.

    Kept so that a supervisor and an auditor see what was tried.
    """

    decision: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnConsentSought(Event):
    """The young person's own consent is to be asked: consents given by others end at majority.

    Recorded on the first day of a month, so that nobody reads a birthday from it.
    """
