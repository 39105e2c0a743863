"""What each consent or override of a case is for, who gave it and who ended it: national."""

from __future__ import annotations

from collections.abc import Iterable

from events.codes import ConsentGiver
from events.consent import BasisRecorded, WithdrawalRecorded
from ledger.case.national import Terms
from projections.change import (
    ACCESS,
    BLOCK,
    CARE,
    DATA,
    DUPLICATE,
    ERASURE,
    GOVERNANCE,
    MEASURE,
    MONITORING,
    NOTICE,
    PLAN,
    ROUTING,
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
        # NULL, all of them, where another country gave it and only who ended it is known here.
        "kind": "text",
        "purpose": "text",
        "requested_by": "text",
        "given_by": "text",
        "giver": "text",  # pseudonym of an adult
        "age_band": "text",
        "withheld_from": "text[]",
        "override_reason": "text",
        "ended_by": "text",  # who refused it or took it back
    },
    key=("case_id", "topic", "basis_id"),
)


def _rows(change: Change) -> Iterable[Row]:
    assert isinstance(change.event, BasisRecorded | WithdrawalRecorded)
    basis_id, care = change.event.basis_id, change.after.care
    ended_by = care.ended_by.get(basis_id)
    said = (*_said(care.terms.get(basis_id)), None if ended_by is None else str(ended_by))
    return ((change.record.case_id, change.record.topic, basis_id, *said),)


def _said(terms: Terms | None) -> Row:
    if terms is None:
        return (None,) * 8
    known = terms.given_by is not ConsentGiver.UNKNOWN
    return (
        str(terms.kind),
        str(terms.purpose),
        plain(terms.requested_by),
        str(terms.given_by) if known else None,
        _plain(terms.giver),
        str(terms.age_band) if known else None,
        [plain(one) for one in terms.withheld_from],
        _plain(terms.reason),
    )


def _plain(text: str | None) -> str | None:
    return None if text is None else plain(text)


OPINIONS: Opinions = {
    **on("BasisRecorded WithdrawalRecorded", _rows),
    # Terms are written once, beside the grant; of what happens later only who ended it is added.
    **on("ConsentGranted ConsentRefused ConsentWithdrawn OverrideApproved OverrideEnded"),
    **on("OverrideReviewed CaseOpened StatusChanged CaseClosed CaseReopened CaseJoined"),
    **on("RecordCorrected ChildMissing ChildFound"),
    **on("ReferralSent ReferralReceived ReferralAccepted ReferralRejected ReferralStarted"),
    **on("ReferralCompleted ReferralRevoked ReferralExpired"),
    **on("TransferRequested TransferProposed TransferPreviewed TransferAccepted TransferRejected"),
    **on("TransferRevoked TransferExpired ResponsibilityMoved HandoverCompleted"),
    **on(f"{CARE} {ROUTING} {PLAN}"),
    # A withdrawal that waits for its review has ended nothing yet.
    **on("WithdrawalAsked WithdrawalReviewed DataForgone OwnConsentSought"),
    **on(f"{DATA} {ACCESS} {ERASURE} {BLOCK}"),
    **on(f"{GOVERNANCE} {MONITORING}"),
    **on(f"{DUPLICATE} {MEASURE} DocumentsCommitted"),
    **on(NOTICE),
}
