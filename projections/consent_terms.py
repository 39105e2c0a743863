"""What each consent or override of a case is for, and who asked for it: national."""

from __future__ import annotations

from collections.abc import Iterable

from events.consent import BasisRecorded
from projections.change import (
    ACCESS,
    BLOCK,
    DATA,
    ERASURE,
    WITHDRAWAL,
    Change,
    Opinions,
    on,
)
from projections.table import Row, Table, plain

TABLE = Table(
    name="consent_terms",
    columns={
        "case_id": "uuid NOT NULL",
        "topic": "text NOT NULL",
        "basis_id": "uuid NOT NULL",
        "kind": "text NOT NULL",
        "purpose": "text NOT NULL",
        "requested_by": "text NOT NULL",
    },
    key=("case_id", "topic", "basis_id"),
)


def _rows(change: Change) -> Iterable[Row]:
    assert isinstance(change.event, BasisRecorded)
    basis_id = change.event.basis_id
    terms = change.after.care.terms[basis_id]
    what = (str(terms.kind), str(terms.purpose), plain(terms.requested_by))
    return ((change.record.case_id, change.record.topic, basis_id, *what),)


OPINIONS: Opinions = {
    **on("BasisRecorded", _rows),
    # Terms are written once, beside the grant; nothing that happens later changes them.
    **on("ConsentGranted ConsentRefused ConsentWithdrawn OverrideApproved OverrideEnded"),
    **on("OverrideReviewed CaseOpened StatusChanged CaseClosed CaseReopened CaseJoined"),
    **on("RecordCorrected ChildMissing ChildFound"),
    **on("ReferralSent ReferralReceived ReferralAccepted ReferralRejected ReferralStarted"),
    **on("ReferralCompleted ReferralRevoked ReferralExpired"),
    **on("TransferRequested TransferProposed TransferPreviewed TransferAccepted TransferRejected"),
    **on("TransferRevoked TransferExpired ResponsibilityMoved HandoverCompleted"),
    **on("CaseShared RiskAssessed ConcernRecorded AssessmentCompleted ViewsRecorded CaseRouted"),
    **on("CaseAssigned GuardianAppointed GuardianEnded ClosureRequested RefusalRecorded"),
    # Who took it back stands in the trail and in the national plane, not in the terms.
    **on(f"{DATA} {ACCESS} {ERASURE} {BLOCK} {WITHDRAWAL}"),
}
