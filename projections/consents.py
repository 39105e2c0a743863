"""Consents and overrides: which data scopes may go to which country, until when."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from ledger.case.plane import Basis
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
    WITHDRAWAL,
    Change,
    Opinions,
    on,
)
from projections.table import Row, Table, plain

TABLE = Table(
    name="consents",
    columns={
        "case_id": "uuid NOT NULL",
        "topic": "text NOT NULL",
        "basis_id": "uuid NOT NULL",
        "is_override": "bool NOT NULL",
        "state": "text NOT NULL",
        "origin": "text NOT NULL",
        "recipient": "text",  # unknown if a withdrawal came before the grant
        "scopes": "text[] NOT NULL",
        "expires_on": "date",
        "given_for": "uuid",  # event that began the handoff for which it was given anew
    },
    key=("case_id", "topic", "basis_id"),
)


def _differing(change: Change) -> Iterable[Row]:
    """Return a row for every basis that the event changed: a refusal may change several."""
    before, after = change.before.consents, change.after.consents
    return [
        _row(change, basis_id, basis)
        for basis_id, basis in after.items()
        if basis is not before.get(basis_id)
    ]


def _row(change: Change, basis_id: UUID, basis: Basis) -> Row:
    recipient = None if basis.recipient is None else plain(basis.recipient)
    until = (recipient, [str(scope) for scope in basis.scopes], basis.expires_on)
    record = change.record
    key = (record.case_id, record.topic, basis_id)
    return (*key, basis.override, basis.state, basis.origin, *until, basis.given_for)


OPINIONS: Opinions = {
    **on("ConsentGranted ConsentRefused ConsentWithdrawn", _differing),
    **on("OverrideApproved OverrideEnded", _differing),
    # What a basis is for stands in consent_terms; that somebody looked again, in the trail.
    **on("BasisRecorded OverrideReviewed"),
    # A permission ends by its own events only: neither the case nor a handoff uses it up.
    **on("CaseOpened StatusChanged CaseClosed CaseReopened CaseJoined RecordCorrected"),
    **on("ChildMissing ChildFound"),
    **on("ReferralSent ReferralReceived ReferralAccepted ReferralRejected ReferralStarted"),
    **on("ReferralCompleted ReferralRevoked ReferralExpired"),
    **on("TransferRequested TransferProposed TransferPreviewed TransferAccepted TransferRejected"),
    **on("TransferRevoked TransferExpired ResponsibilityMoved HandoverCompleted"),
    **on(f"{CARE} {ROUTING} {PLAN}"),
    # Keys follow a permission; they do not change it.
    **on(f"{DATA} {ACCESS} {ERASURE} {BLOCK} {WITHDRAWAL}"),
    **on(f"{GOVERNANCE} {MONITORING}"),
    **on(f"{DUPLICATE} {MEASURE} DocumentsCommitted"),
    **on(NOTICE),
}
