"""What a read model is told: one event at its place, and what it made of its case."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from events.registry import CLASSES
from events.stamp import Event
from ledger.case.plane import Plane, Verdict
from ledger.mirror import Placed
from projections.table import Row


class Change(NamedTuple):
    """One admitted record, folded."""

    record: Placed
    #: None if the bytes are no event of the schema they name.
    event: Event | None
    verdict: Verdict
    before: Plane
    after: Plane
    #: Country whose node this is.
    country: str


Rows = Callable[[Change], Iterable[Row]]
#: A read model's opinion on every event class; a test asks for each of them.
Opinions = Mapping[type[Event], Rows]


#: Names of events that most read models have one opinion on.
CASE = (
    "CaseOpened StatusChanged CaseClosed CaseReopened CaseJoined RecordCorrected ChildMissing"
    " ChildFound"
)
CONSENT = (
    "ConsentGranted ConsentRefused ConsentWithdrawn OverrideApproved OverrideEnded"
    " OverrideReviewed BasisRecorded"
)
REFERRAL = (
    "ReferralSent ReferralReceived ReferralAccepted ReferralRejected ReferralStarted"
    " ReferralCompleted ReferralRevoked ReferralExpired"
)
TRANSFER = (
    "TransferRequested TransferProposed TransferPreviewed TransferAccepted TransferRejected"
    " TransferRevoked TransferExpired ResponsibilityMoved HandoverCompleted"
    " DocumentsCommitted"
)
CARE = (
    "CaseShared RiskAssessed ConcernRecorded ConcernResolved AssessmentCompleted ViewsRecorded"
    " CaseAssigned GuardianAppointed GuardianEnded ClosureRequested RefusalRecorded SiblingLinked"
    " ClosureRejected ReopeningJustified"
)
PLAN = (
    "ProtectionPlanGenerated PlanItemAdded PlanItemRemoved PlanSubmitted PlanApproved PlanRejected"
    " PlanItemFinished PlanReviewed PlanCompleted"
)
MONITORING = (
    "MonitoringBegun MonitoringEnded DeadlinesReckoned DeadlineSet DeadlineBreached"
    " DeadlineEscalated FollowUpCompleted ContactAttempted SearchBegun SearchExtended SearchEnded"
    " FeedbackReceived ComplaintReceived ComplaintAnswered"
)
ROUTING = "CaseDirected CaseRouted RoutingAnswered RoutingLapsed RoutingEnded"
DATA = "KeysReleased ReleaseStopped KeysDestroyed RetentionClaimed ErasureAttested"
ACCESS = "PersonalDataRecorded PersonalDataAccessed AccessDenied BreakGlassUsed AccessReviewed"
ERASURE = "ErasureRequested ErasureApproved KeysErased HoldPlaced HoldEnded"
BLOCK = "BlockPlaced BlockLifted"
GOVERNANCE = (
    "SchemasReleased KeyRotated SigningKeyReplaced ParkingRetried AlarmResolved RebuildBegun"
    " RebuildFinished RulesActivated GuidelineAcknowledged ServiceCapacityChanged"
)
#: Of two cases of one child.
DUPLICATE = (
    "DuplicateNoted DuplicateSuspected DuplicateConfirmed DuplicateDismissed CaseReserved"
    " CaseParted"
)
MEASURE = "UrgentMeasureTaken UrgentMeasureEnded UrgentMeasureReviewed"
WITHDRAWAL = "WithdrawalRecorded WithdrawalAsked WithdrawalReviewed DataForgone OwnConsentSought"
NOTICE = "NoticeSent NoticeFailed NoticeAcknowledged"


def says_nothing(_change: Change) -> Iterable[Row]:
    """The opinion of a read model on events that it does not show."""
    return ()


def on(names: str, rows: Rows = says_nothing) -> Opinions:
    """Return one opinion on several event classes, named with spaces between them."""
    return {CLASSES[name]: rows for name in names.split()}
