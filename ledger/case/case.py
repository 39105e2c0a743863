"""A case as one country knows it when it decides, and where its next events belong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from events.case import CaseOpened, ChildFound
from events.consent import ConsentGranted, ConsentRefused, OverrideApproved
from events.duplicate import DuplicateSuspected
from events.governance import SchemasReleased, SigningKeyReplaced
from events.measure import UrgentMeasureEnded, UrgentMeasureTaken
from events.referral import ReferralSent
from events.registry import BY_NAME
from events.stamp import Event
from events.transfer import TransferProposed, TransferRequested
from ledger.case.plane import NONE, Identity, Plane, empty
from ledger.case.steps import step_of


class Topic(StrEnum):
    """The two kinds of topic an event can stand on."""

    SHARED = "shared"
    NATIONAL = "national"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case in one country: what the topic settled, and what this country decided since."""

    case_id: UUID
    country: str
    #: Folded from the mirror only: what both countries agree on.
    settled: Plane
    #: `settled` and this country's own events that have not come back yet: decisions judge this.
    ahead: Plane
    #: Folded from this country's own national events.
    national: Plane
    #: Highest decision number: one counter over both topics, never published.
    number: int = 0
    #: When this country last decided on this case; the next decision is not earlier.
    decided_at: datetime | None = None
    #: Leaf hashes of the national events, in order: what the first shared event commits to.
    national_leaves: tuple[bytes, ...] = ()

    @classmethod
    def unknown(cls, case_id: UUID, country: str) -> Case:
        """Return a case nobody has said anything about."""
        shared = empty(case_id, shared=True)
        return cls(
            case_id=case_id,
            country=country,
            settled=shared,
            ahead=shared,
            national=empty(case_id, shared=False),
        )

    @property
    def is_shared(self) -> bool:
        """Whether the case has had its first cross-border step."""
        return self.ahead.identity.state != NONE

    @property
    def is_known(self) -> bool:
        """Whether this node has anything about the case."""
        return self.ahead.count + self.national.count > 0

    @property
    def identity(self) -> Identity:
        """Who answers for the case, from the plane that says so."""
        return self.ahead.identity if self.is_shared else self.national.identity

    @property
    def goes_on_here(self) -> bool:
        """Whether the case is open and this country answers for it."""
        return self.identity.state == "open" and self.identity.responsible == self.country

    @property
    def pending(self) -> int:
        """How many of this country's shared events the topic has not ordered yet."""
        return self.ahead.count - self.settled.count

    def plane(self, topic: Topic) -> Plane:
        """Return the plane on which an event of this topic is judged."""
        return self.ahead if topic is Topic.SHARED else self.national


def topic(event: Event, case: Case) -> Topic:
    """Say on which topic an event belongs: nothing is shared before it must be (design §7).

    National until the first cross-border step; from then on every cross-border handoff, its
    consents, and every change of neutral status or responsibility is shared.
    """
    if BY_NAME[type(event).__name__, event.schema_version].visibility != "shared":
        return Topic.NATIONAL
    shared = _crosses_border(event, case)
    return Topic.SHARED if shared else Topic.NATIONAL


def _crosses_border(event: Event, case: Case) -> bool:
    match event:
        case TransferProposed() | TransferRequested() | SigningKeyReplaced():
            return True
        case UrgentMeasureTaken() | UrgentMeasureEnded():  # by another country than the child's
            return True
        case ReferralSent():
            return event.recipient != case.country
        case SchemasReleased():  # on the topic that it is about
            return event.shared
        case CaseOpened():  # the second one, at the first cross-border step
            return case.national.identity.state != NONE
        case DuplicateSuspected():
            return case.is_shared
        case ChildFound():  # where the alarm was raised
            return case.ahead.identity.missing
        case ConsentGranted() | ConsentRefused() | OverrideApproved():
            return case.is_shared and event.recipient != case.country
        case _:
            return _subject_is_shared(event, case)


def _subject_is_shared(event: Event, case: Case) -> bool:
    step = step_of(event)
    subject: UUID = getattr(event, step.subject)
    match step.part:
        case "case" | "data":
            return case.is_shared
        case "consent":
            return subject in case.ahead.consents
        case "duplicate":
            return subject in case.ahead.suspicions
        case _:
            return case.ahead.handoff(subject) is not None
