"""The golden histories. Verdicts are written here by hand and checked when a history is frozen.

Legal steps are history too: a version-1 event is judged by version 1's row for ever. A new rule
gets a new schema version and new histories; the ones below never change.
"""

from __future__ import annotations

from datetime import date, timedelta

from events.care import (
    AssessmentCompleted,
    CaseAssigned,
    CaseShared,
    ClosureRequested,
    ConcernRecorded,
    GuardianAppointed,
    GuardianEnded,
    RefusalRecorded,
    RiskAssessed,
    ViewsRecorded,
)
from events.case import (
    CaseClosed,
    CaseJoined,
    CaseOpened,
    CaseReopened,
    ChildFound,
    ChildMissing,
    RecordCorrected,
    StatusChanged,
)
from events.codes import DataScope, NeutralStatus, Outcome
from events.consent import (
    BasisRecorded,
    ConsentGranted,
    ConsentRefused,
    ConsentWithdrawn,
    OverrideApproved,
    OverrideEnded,
    OverrideReviewed,
)
from events.referral import (
    ReferralAccepted,
    ReferralCompleted,
    ReferralExpired,
    ReferralReceived,
    ReferralRejected,
    ReferralRevoked,
    ReferralSent,
    ReferralStarted,
)
from events.routing import CaseRouted
from events.transfer import (
    HandoverCompleted,
    ResponsibilityMoved,
    TransferAccepted,
    TransferExpired,
    TransferPreviewed,
    TransferProposed,
    TransferRejected,
    TransferRequested,
    TransferRevoked,
)
from tests.data_histories import TOLD
from tests.governance_histories import TOLD as OF_THE_LEDGER
from tests.history import FIRST_DAY, History
from tests.joining_histories import TOLD as OF_JOINING
from tests.monitoring_histories import TOLD as OF_MONITORING
from tests.notice_histories import TOLD as OF_NOTICES
from tests.plan_histories import TOLD as OF_PLANS
from tests.routing_histories import TOLD as OF_ROUTING

READY, NOT_READY = NeutralStatus.READY, NeutralStatus.NOT_READY
IDENTITY, HEALTH, PHOTO = DataScope.IDENTITY, DataScope.HEALTH, DataScope.PHOTO
LAST_DAY = date(2026, 12, 31)


def _opened(name: str, about: str, *, consent: bool = True, ready: bool = False) -> History:
    """Return a case that KZ opened, with a consent towards KG."""
    history = History(name, about)
    history.put("KZ", CaseOpened)
    if consent:
        history.put("KZ", ConsentGranted, consent_id="consent")
    if ready:
        history.put("KZ", StatusChanged, status=READY)
    return history


def _proposed(name: str, about: str) -> History:
    """Return a case whose transfer from KZ to KG is proposed."""
    history = _opened(name, about, ready=True)
    history.put("KZ", TransferProposed, handoff_id="transfer", basis_id="consent")
    return history


def referral_completed() -> History:
    history = _opened("referral_completed", "A service in another country, from asking to done.")
    history.put("KZ", ReferralSent, handoff_id="referral", basis_id="consent")
    history.put("KG", ReferralReceived, handoff_id="referral")
    history.put("KG", ReferralAccepted, handoff_id="referral", basis_id="consent")
    history.put("KG", ReferralStarted, handoff_id="referral")
    history.put("KG", ReferralCompleted, handoff_id="referral")
    history.put(
        "KG",
        ReferralCompleted,
        handoff_id="referral",
        outcome=Outcome.UNFULFILLED,
        void="wrong_state",
    )
    history.put("KZ", CaseClosed)
    return history


def referral_not_taken() -> History:
    history = _opened("referral_not_taken", "Rejected, revoked or expired: each by who may.")
    for name in ("rejected", "revoked", "expired", "unasked"):
        history.put("KZ", ReferralSent, handoff_id=name, basis_id="consent")
    history.put("KZ", ReferralRejected, handoff_id="rejected", void="wrong_country")
    history.put("UZ", ReferralRejected, handoff_id="rejected", void="wrong_country")
    history.put("KG", ReferralRejected, handoff_id="rejected")
    history.put("KG", ReferralReceived, handoff_id="rejected", void="wrong_state")
    history.put("KG", ReferralReceived, handoff_id="revoked")
    history.put("KG", ReferralAccepted, handoff_id="revoked", basis_id="consent")
    history.put("KG", ReferralRevoked, handoff_id="revoked", void="wrong_country")
    history.put("KZ", ReferralRevoked, handoff_id="revoked")
    history.put("KG", ReferralStarted, handoff_id="revoked", void="wrong_state")
    history.put("KG", ReferralExpired, handoff_id="expired", void="wrong_country")
    history.put("KZ", ReferralExpired, handoff_id="expired", on=date(2026, 4, 3))
    history.put(
        "KG", ReferralAccepted, handoff_id="unasked", basis_id="consent", void="wrong_state"
    )
    history.put("KG", ReferralReceived, handoff_id="never sent", void="wrong_state")
    history.put("KZ", ReferralSent, handoff_id="unasked", basis_id="consent", void="wrong_state")
    return history


def transfer_completed() -> History:
    history = _proposed("transfer_completed", "Responsibility moves at one place, to one country.")
    history.put("KG", TransferPreviewed, handoff_id="transfer")
    history.put("KG", TransferAccepted, handoff_id="transfer", basis_id="consent")
    history.put("KG", CaseClosed, void="wrong_country")
    history.put(
        "KZ", ResponsibilityMoved, handoff_id="transfer", basis_id="consent", void="wrong_country"
    )
    history.put("KG", ResponsibilityMoved, handoff_id="transfer", basis_id="consent")
    history.put("KZ", TransferRevoked, handoff_id="transfer", void="wrong_state")
    history.put("KZ", StatusChanged, status=READY, void="wrong_country")
    history.put("KZ", CaseClosed, void="wrong_country")
    history.put("KG", HandoverCompleted, handoff_id="transfer")
    history.put("KZ", RecordCorrected, corrects_version=1)
    history.put("KG", StatusChanged, status=READY)
    history.put("KG", CaseClosed)
    return history


def transfer_not_taken() -> History:
    history = _proposed("transfer_not_taken", "Rejected, revoked or expired: it stays where it is.")
    history.put(
        "KZ", TransferProposed, handoff_id="second", basis_id="consent", void="handoff_open"
    )
    history.put("UZ", TransferPreviewed, handoff_id="transfer", void="wrong_country")
    history.put("KG", TransferRejected, handoff_id="transfer")
    history.put(
        "KG", TransferAccepted, handoff_id="transfer", basis_id="consent", void="wrong_state"
    )
    history.put("KZ", TransferProposed, handoff_id="second", basis_id="consent")
    history.put("KG", TransferAccepted, handoff_id="second", basis_id="consent")
    history.put("KZ", TransferRevoked, handoff_id="second")
    history.put("KZ", TransferProposed, handoff_id="third", basis_id="consent")
    history.put("KZ", TransferExpired, handoff_id="third", on=date(2026, 4, 3))
    history.put("KG", ReferralRejected, handoff_id="third", void="wrong_state")
    history.put("KG", HandoverCompleted, handoff_id="third", void="wrong_state")
    return history


def transfer_asked_for() -> History:
    history = History("transfer_asked_for", "Asking discloses nothing and gives no voice.")
    history.put("KG", TransferRequested, handoff_id="request")
    history.put("KZ", TransferRequested, handoff_id="to myself", void="wrong_country")
    history.put("KG", ChildMissing, void="not_party")
    history.put("KZ", CaseOpened)
    history.put("KG", ConsentWithdrawn, consent_id="consent", void="not_party")
    history.put("KG", ConsentGranted, consent_id="consent", void="not_party")
    history.put("KZ", OverrideApproved, override_id="override")
    history.put("KZ", StatusChanged, status=READY)
    history.put("UZ", TransferRejected, handoff_id="request", void="wrong_country")
    history.put(
        "KZ", TransferProposed, handoff_id="transfer", basis_id="override", request_id="request"
    )
    history.put("KZ", TransferRejected, handoff_id="request", void="wrong_state")
    history.put("KG", TransferRequested, handoff_id="again")
    history.put("KZ", TransferRejected, handoff_id="again")
    history.put("KG", TransferRequested, handoff_id="taken back")
    history.put("KG", TransferRevoked, handoff_id="taken back")
    return history


def race_revoked_first() -> History:
    history = _proposed("race_revoked_first", "KG accepted what KZ had just revoked.")
    history.put("KZ", TransferRevoked, handoff_id="transfer", seen=4)
    history.put(
        "KG",
        TransferAccepted,
        handoff_id="transfer",
        basis_id="consent",
        seen=4,
        void="wrong_state",
    )
    history.put(
        "KG",
        ResponsibilityMoved,
        handoff_id="transfer",
        basis_id="consent",
        seen=4,
        void="wrong_state",
    )
    return history


def race_accepted_first() -> History:
    history = _proposed("race_accepted_first", "The same two decisions, the other way round.")
    history.put("KG", TransferAccepted, handoff_id="transfer", basis_id="consent", seen=4)
    history.put("KZ", TransferRevoked, handoff_id="transfer", seen=4)
    history.put(
        "KG",
        ResponsibilityMoved,
        handoff_id="transfer",
        basis_id="consent",
        seen=5,
        void="wrong_state",
    )
    return history


def consent_withdrawn_before_acceptance() -> History:
    history = _proposed(
        "consent_withdrawn_before_acceptance",
        "Withdrawal revokes a proposed transfer; the acceptance comes too late.",
    )
    history.put("KZ", ConsentWithdrawn, consent_id="consent")
    history.put(
        "KG",
        TransferAccepted,
        handoff_id="transfer",
        basis_id="consent",
        seen=4,
        void="wrong_state",
    )
    history.put("KZ", TransferProposed, handoff_id="again", basis_id="consent", void="not_ready")
    history.put("KZ", StatusChanged, status=READY)
    history.put("KZ", TransferProposed, handoff_id="again", basis_id="consent", void="no_basis")
    return history


def consent_withdrawn_during_referral() -> History:
    history = _opened(
        "consent_withdrawn_during_referral",
        "Withdrawal stops sharing, never care: the service goes on.",
    )
    history.put("KZ", ReferralSent, handoff_id="early", basis_id="consent")
    history.put("KZ", ReferralSent, handoff_id="late", basis_id="consent")
    history.put("KG", ReferralReceived, handoff_id="early")
    history.put("KG", ReferralReceived, handoff_id="late")
    history.put("KG", ReferralAccepted, handoff_id="early", basis_id="consent")
    history.put("KG", ConsentWithdrawn, consent_id="consent")
    history.put("KG", ReferralAccepted, handoff_id="late", basis_id="consent", void="no_basis")
    history.put("KG", ReferralStarted, handoff_id="early")
    history.put("KG", ReferralCompleted, handoff_id="early")
    history.put("KZ", ReferralSent, handoff_id="more", basis_id="consent", void="no_basis")
    return history


def permission_in_ignorance() -> History:
    history = _proposed(
        "permission_in_ignorance",
        "No permission is taken in ignorance of another country's protection.",
    )
    history.put("KG", TransferAccepted, handoff_id="transfer", basis_id="consent")
    history.put("KZ", ConsentRefused, consent_id="other consent", scopes=(PHOTO,))
    history.put(
        "KG",
        ResponsibilityMoved,
        handoff_id="transfer",
        basis_id="consent",
        seen=5,
        void="unseen_protection",
    )
    history.put("KG", ChildMissing, seen=5)
    history.put(
        "KG",
        ResponsibilityMoved,
        handoff_id="transfer",
        basis_id="consent",
        seen=5,
        void="unseen_protection",
    )
    history.put("KZ", ConsentGranted, consent_id="new consent", seen=7, void="unseen_protection")
    history.put("KZ", StatusChanged, status=READY, seen=0, void="unseen_protection")
    history.put("KZ", ConsentGranted, consent_id="new consent", seen=8)
    history.put("KG", ResponsibilityMoved, handoff_id="transfer", basis_id="consent", seen=6)
    return history


def own_protection_is_known() -> History:
    history = _opened(
        "own_protection_is_known",
        "A country knows its own protective events, whatever it had read.",
    )
    history.put("KZ", ChildMissing, seen=2)
    history.put("KZ", OverrideApproved, override_id="override", seen=2)
    history.put("KZ", ConsentGranted, consent_id="second", seen=0)
    return history


def protective_always() -> History:
    history = _opened(
        "protective_always",
        "Protective events are never void because of the state, and do not wait.",
    )
    history.put("KZ", ReferralSent, handoff_id="referral", basis_id="consent")
    history.put("KG", ConsentWithdrawn, consent_id="consent")
    history.put("KZ", ConsentWithdrawn, consent_id="consent")
    history.put("KZ", ConsentWithdrawn, consent_id="not known yet")
    history.put("KZ", ConsentGranted, consent_id="not known yet", void="wrong_state")
    history.put("KZ", ConsentRefused, consent_id="consent")
    history.put("KZ", ConsentWithdrawn, consent_id="consent")
    history.put("UZ", ConsentWithdrawn, consent_id="consent", void="not_party")
    history.put("UZ", ChildMissing, void="not_party")
    history.put("KZ", OverrideEnded, override_id="never approved")
    history.put("KG", ReferralRejected, handoff_id="referral")
    history.put("KZ", CaseClosed)
    history.put("KG", ConsentWithdrawn, consent_id="consent")
    history.put("KG", ChildMissing)
    history.put("KG", StatusChanged, status=NOT_READY)
    return history


def overrides() -> History:
    history = _opened(
        "overrides", "Release without consent: limited, ended, and replaced.", consent=False
    )
    history.put("KZ", ReferralSent, handoff_id="referral", basis_id="override", void="no_basis")
    history.put(
        "KZ",
        OverrideApproved,
        override_id="override",
        scopes=(IDENTITY, HEALTH),
        expires_on=FIRST_DAY,
    )
    history.put("KZ", OverrideApproved, override_id="override", void="wrong_state")
    history.put("KZ", ReferralSent, handoff_id="referral", basis_id="override")
    history.put("KG", ReferralReceived, handoff_id="referral")
    history.put(
        "KG",
        ReferralAccepted,
        handoff_id="referral",
        basis_id="override",
        on=FIRST_DAY + timedelta(days=1),
        void="no_basis",
    )
    history.put("KZ", ConsentGranted, consent_id="consent", on=FIRST_DAY + timedelta(days=1))
    history.put("KZ", OverrideEnded, override_id="override", on=FIRST_DAY + timedelta(days=1))
    history.put(
        "KG",
        ReferralAccepted,
        handoff_id="referral",
        basis_id="consent",
        on=FIRST_DAY + timedelta(days=1),
    )
    return history


def consent_refused() -> History:
    history = _proposed("consent_refused", "A refusal takes what it names out of every consent.")
    history.put("KZ", ReferralSent, handoff_id="both", basis_id="consent")
    history.put("KZ", ReferralSent, handoff_id="name", basis_id="consent", scopes=(IDENTITY,))
    history.put("KG", ReferralReceived, handoff_id="both")
    history.put("KG", ReferralReceived, handoff_id="name")
    history.put("KZ", OverrideApproved, override_id="override", scopes=(HEALTH,))
    history.put("KZ", ConsentRefused, consent_id="asked", scopes=(HEALTH, PHOTO))
    history.put(
        "KG", TransferAccepted, handoff_id="transfer", basis_id="consent", void="wrong_state"
    )
    history.put("KG", ReferralAccepted, handoff_id="both", basis_id="consent", void="no_basis")
    history.put("KG", ReferralAccepted, handoff_id="name", basis_id="consent")
    history.put("KZ", ReferralSent, handoff_id="more", basis_id="override", scopes=(HEALTH,))
    history.put("KZ", ConsentRefused, consent_id="asked again", scopes=(IDENTITY,))
    history.put(
        "KZ", ReferralSent, handoff_id="late", basis_id="consent", scopes=(IDENTITY,),
        void="no_basis",
    )  # fmt: skip
    return history


def nobody_permits_itself() -> History:
    history = _opened("nobody_permits_itself", "A receiver lets itself have nothing.")
    history.put("KZ", ReferralSent, handoff_id="referral", basis_id="consent")
    history.put("KG", ReferralReceived, handoff_id="referral")
    history.put("KZ", ConsentWithdrawn, consent_id="consent")
    history.put("KG", ConsentGranted, consent_id="own", void="wrong_country")
    history.put("KG", OverrideApproved, override_id="own", void="wrong_country")
    history.put("KG", ReferralAccepted, handoff_id="referral", basis_id="own", void="no_basis")
    history.put("KG", ConsentGranted, consent_id="back", recipient="KZ")
    return history


def basis_does_not_cover() -> History:
    history = _opened("basis_does_not_cover", "Another scope, another country, another day.")
    history.put(
        "KZ",
        ReferralSent,
        handoff_id="a",
        basis_id="consent",
        scopes=(IDENTITY, PHOTO),
        void="no_basis",
    )
    history.put(
        "KZ", ReferralSent, handoff_id="a", basis_id="consent", recipient="UZ", void="no_basis"
    )
    history.put(
        "KZ",
        ReferralSent,
        handoff_id="a",
        basis_id="consent",
        on=LAST_DAY + timedelta(days=1),
        void="no_basis",
    )
    history.put("KZ", ReferralSent, handoff_id="a", basis_id="never given", void="no_basis")
    history.put("KG", ReferralSent, handoff_id="a", basis_id="consent", void="wrong_country")
    history.put(
        "KZ", ReferralSent, handoff_id="a", basis_id="consent", scopes=(HEALTH,), on=LAST_DAY
    )
    return history


def readiness() -> History:
    history = _opened("readiness", "Not ready is the first state, has many causes, names none.")
    history.put("KZ", TransferProposed, handoff_id="transfer", basis_id="consent", void="not_ready")
    history.put("KG", StatusChanged, status=READY, void="wrong_country")
    history.put("KZ", StatusChanged, status=READY)
    history.put("KZ", TransferProposed, handoff_id="transfer", basis_id="consent")
    history.put("KG", TransferAccepted, handoff_id="transfer", basis_id="consent")
    history.put("KZ", StatusChanged, status=NOT_READY)
    history.put(
        "KG", ResponsibilityMoved, handoff_id="transfer", basis_id="consent", void="not_ready"
    )
    history.put("KZ", StatusChanged, status=READY)
    history.put("KG", ResponsibilityMoved, handoff_id="transfer", basis_id="consent")
    history.put("KG", ConsentGranted, consent_id="back", recipient="KZ")
    history.put(
        "KG", TransferProposed, handoff_id="back", basis_id="back", recipient="KZ", void="not_ready"
    )
    history.put("KG", StatusChanged, status=READY)
    history.put("KG", TransferProposed, handoff_id="back", basis_id="back", recipient="KZ")
    history.put("KG", StatusChanged, status=NOT_READY)
    history.put("KZ", TransferAccepted, handoff_id="back", basis_id="back", void="wrong_state")
    return history


def closed_joined_reopened() -> History:
    history = _opened("closed_joined_reopened", "Closed with nothing open, and opened again.")
    history.put("KZ", ReferralSent, handoff_id="referral", basis_id="consent")
    history.put("KZ", CaseClosed, void="handoff_open")
    history.put("KZ", CaseJoined, into_case_id="other case", void="handoff_open")
    history.put("KZ", ReferralRevoked, handoff_id="referral")
    history.put("KG", CaseClosed, void="wrong_country")
    history.put("KZ", CaseClosed)
    history.put("KZ", CaseClosed, void="wrong_state")
    history.put("KZ", ConsentGranted, consent_id="late", void="case_not_open")
    history.put("KZ", ReferralSent, handoff_id="late", basis_id="consent", void="case_not_open")
    history.put("KZ", RecordCorrected, corrects_version=2)
    history.put("KG", CaseReopened, void="wrong_country")
    history.put("KZ", CaseReopened)
    history.put("KZ", CaseReopened, void="wrong_state")
    history.put("KZ", CaseJoined, into_case_id="other case")
    history.put("KZ", CaseReopened)
    history.put("KZ", ReferralSent, handoff_id="late", basis_id="consent")
    return history


def missing_and_found() -> History:
    history = _opened("missing_and_found", "An alarm takes nothing away from anybody.")
    history.put("KZ", ChildFound, void="not_missing")
    history.put("KZ", ReferralSent, handoff_id="referral", basis_id="consent")
    history.put("KG", ChildMissing)
    history.put("KG", ChildMissing)
    history.put("UZ", ChildFound, void="not_party")
    history.put("KG", ReferralReceived, handoff_id="referral")
    history.put("KZ", ChildFound)
    history.put("KG", ChildFound, void="not_missing")
    return history


def corrections() -> History:
    history = _opened("corrections", "A country corrects what it said itself, and nothing later.")
    history.put("KZ", RecordCorrected, corrects_version=1)
    history.put("KZ", RecordCorrected, corrects_version=4, void="unknown_version")
    history.put("KZ", RecordCorrected, corrects_version=0, void="unknown_version")
    history.put("KZ", RecordCorrected, corrects_version=-1, void="unknown_version")
    history.put("UZ", RecordCorrected, corrects_version=1, void="not_party")
    history.put("KZ", RecordCorrected, corrects_version=4)
    return history


def openings() -> History:
    history = History("openings", "A country opens a case for itself, once.")
    history.put("KZ", ConsentGranted, consent_id="consent", void="not_party")
    history.put("KZ", CaseClosed, void="wrong_state")
    history.put("KG", CaseOpened, responsible="KZ", void="wrong_country")
    history.put("KZ", CaseOpened, status=READY, history_commitment=bytes(range(32)))
    history.put("KG", CaseOpened, responsible="KG", void="wrong_state")
    history.put("KZ", CaseOpened, void="wrong_state")
    return history


def three_countries() -> History:
    history = _proposed("three_countries", "From KZ to KG to UZ; each speaks when it may.")
    history.put(
        "UZ", TransferAccepted, handoff_id="transfer", basis_id="consent", void="wrong_country"
    )
    history.put("KG", TransferAccepted, handoff_id="transfer", basis_id="consent")
    history.put("KG", ResponsibilityMoved, handoff_id="transfer", basis_id="consent")
    history.put("KG", ConsentGranted, consent_id="onward", recipient="UZ")
    history.put("KG", ReferralSent, handoff_id="referral", basis_id="onward", recipient="UZ")
    history.put("KZ", ReferralReceived, handoff_id="referral", void="wrong_country")
    history.put("UZ", ReferralReceived, handoff_id="referral")
    history.put("UZ", ConsentWithdrawn, consent_id="onward")
    history.put(
        "KG", ConsentGranted, consent_id="anew", recipient="UZ", seen=10, void="unseen_protection"
    )
    history.put("KG", ConsentGranted, consent_id="anew", recipient="UZ")
    history.put("KG", StatusChanged, status=READY)
    history.put("KG", TransferProposed, handoff_id="onward", basis_id="anew", recipient="UZ")
    history.put("UZ", TransferAccepted, handoff_id="onward", basis_id="anew")
    history.put("UZ", ResponsibilityMoved, handoff_id="onward", basis_id="anew")
    history.put("KG", StatusChanged, status=READY, void="wrong_country")
    history.put("UZ", HandoverCompleted, handoff_id="onward")
    return history


def records_that_are_no_event() -> History:
    history = _opened(
        "records_that_are_no_event",
        "Signed and in order, but not to be read: void, its version used up.",
    )
    history.put("KZ", StatusChanged, status=READY, broken=True, void="unreadable")
    history.put("KZ", RiskAssessed, assessment_id="risk", void="wrong_topic")
    history.put("KZ", StatusChanged, status=READY, named="CaseClosed")
    return history


def national_work() -> History:
    history = History("national_work", "Before and beside what is shared.", shared=False)
    history.put("KZ", CaseOpened)
    history.put("KZ", CaseAssigned)
    history.put("KZ", RiskAssessed, assessment_id="risk")
    history.put("KZ", ConcernRecorded, concern_id="concern")
    history.put("KZ", ViewsRecorded, views_id="views")
    history.put("KZ", AssessmentCompleted, assessment_id="assessment")
    history.put("KZ", CaseRouted, routing_id="routing")
    history.put("KZ", GuardianAppointed, guardian_id="guardian")
    history.put("KZ", GuardianAppointed, guardian_id="second guardian")
    history.put("KZ", GuardianEnded, guardian_id="guardian")
    history.put("KZ", ConsentGranted, consent_id="consent", recipient="KZ")
    history.put("KZ", BasisRecorded, basis_id="consent")
    history.put("KZ", RefusalRecorded)
    history.put("KZ", ClosureRequested)
    history.put("KZ", CaseClosed)
    history.put("KZ", CaseClosed, void="wrong_state")
    history.put("KZ", CaseReopened)
    history.put("KZ", CaseShared)
    return history


def national_referral() -> History:
    history = History(
        "national_referral", "A referral at home: the same rows, one country.", shared=False
    )
    history.put("KZ", CaseOpened)
    history.put("KZ", OverrideApproved, override_id="override", recipient="KZ")
    history.put("KZ", OverrideReviewed, override_id="override")
    history.put("KZ", ReferralSent, handoff_id="referral", recipient="KZ", basis_id="override")
    history.put("KZ", ReferralReceived, handoff_id="referral")
    history.put("KZ", OverrideEnded, override_id="override")
    history.put("KZ", ReferralAccepted, handoff_id="referral", basis_id="override", void="no_basis")
    history.put("KZ", ConsentRefused, consent_id="asked", recipient="KZ")
    history.put("KZ", ReferralRejected, handoff_id="referral")
    history.put("KZ", ChildMissing)
    history.put("KZ", ChildFound)
    history.put("KZ", CaseJoined, into_case_id="other case")
    return history


HISTORIES = [
    tell()
    for tell in (
        referral_completed, referral_not_taken, transfer_completed, transfer_not_taken,
        transfer_asked_for, race_revoked_first, race_accepted_first,
        consent_withdrawn_before_acceptance, consent_withdrawn_during_referral,
        permission_in_ignorance, own_protection_is_known, protective_always, overrides,
        consent_refused, nobody_permits_itself, basis_does_not_cover, readiness,
        closed_joined_reopened, missing_and_found, corrections, openings, three_countries,
        records_that_are_no_event, national_work, national_referral, *TOLD, *OF_THE_LEDGER,
        *OF_ROUTING, *OF_PLANS, *OF_MONITORING, *OF_JOINING, *OF_NOTICES,
    )
]  # fmt: skip
