"""Referrals and transfers: every handoff of every case, and where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from ledger.case.plane import Handoff
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
    name="referrals",
    columns={
        "case_id": "uuid NOT NULL",
        "topic": "text NOT NULL",
        "handoff_id": "uuid NOT NULL",
        "kind": "text NOT NULL",  # referral or transfer
        "state": "text NOT NULL",
        "is_open": "bool NOT NULL",
        "sender": "text NOT NULL",
        "receiver": "text NOT NULL",
        "began_with": "uuid NOT NULL",
        "due_on": "date NOT NULL",
        "basis_id": "uuid",
        "scopes": "text[] NOT NULL",
        # By the clocks of the countries that took these steps. Nothing is said of an answer that
        # never came; what stops with its permission has an end all the same.
        "began_at": "timestamptz",
        "answered_at": "timestamptz",
        "ended_at": "timestamptz",
    },
    key=("case_id", "topic", "handoff_id"),
    indexes=("(due_on, handoff_id) WHERE is_open",),
    kept=("began_at", "answered_at", "ended_at"),
)

#: States that a handoff reaches by its receiver's answer.
_ANSWERED = frozenset({"accepted", "rejected"})


def _row(
    change: Change, kind: str, handoff_id: UUID, before: Handoff | None, handoff: Handoff
) -> Row:
    record = change.record
    key = (record.case_id, record.topic, handoff_id)
    countries = (plain(handoff.sender), plain(handoff.receiver))
    rest = (
        handoff.began_with,
        handoff.due_on,
        handoff.basis_id,
        [str(scope) for scope in handoff.scopes],
        *_moments(change, before, handoff),
    )
    return (*key, kind, handoff.state, handoff.open, *countries, *rest)


def _moments(
    change: Change, before: Handoff | None, after: Handoff
) -> tuple[datetime | None, datetime | None, datetime | None]:
    """Return when it began, was answered and ended, as far as this event is that moment."""
    assert change.event is not None
    at = change.event.recorded_at
    was = None if before is None else before.state
    return (
        at if before is None else None,
        at if after.state in _ANSWERED and was not in _ANSWERED else None,
        at if not after.open and (before is None or before.open) else None,
    )


def _differing(change: Change) -> Iterable[Row]:
    """Return a row for every handoff that the event moved: one event may stop several."""
    sides = (
        ("referral", change.before.referrals, change.after.referrals),
        ("transfer", change.before.transfers, change.after.transfers),
    )
    return [
        _row(change, kind, handoff_id, _at(before, handoff_id), handoff)
        for kind, before, after in sides
        if before is not after
        for handoff_id, handoff in after.items()
        if handoff is not _at(before, handoff_id)
    ]


def _at(handoffs: Mapping[UUID, Handoff], handoff_id: UUID) -> Handoff | None:
    return handoffs.get(handoff_id)


OPINIONS: Opinions = {
    **on(
        "ReferralSent ReferralReceived ReferralAccepted ReferralRejected ReferralStarted"
        " ReferralCompleted ReferralRevoked ReferralExpired",
        _differing,
    ),
    **on(
        "TransferRequested TransferProposed TransferPreviewed TransferAccepted TransferRejected"
        " TransferRevoked TransferExpired ResponsibilityMoved HandoverCompleted"
        " DocumentsCommitted",
        _differing,
    ),
    # What rests on a permission, or on the case being ready, stops with it.
    **on("ConsentRefused ConsentWithdrawn OverrideEnded StatusChanged", _differing),
    # Giving a permission, or looking at one, moves no handoff.
    **on("ConsentGranted OverrideApproved OverrideReviewed BasisRecorded"),
    # A case closes only when nothing is open, and is opened or joined without touching handoffs.
    **on("CaseOpened CaseClosed CaseReopened CaseJoined RecordCorrected ChildMissing ChildFound"),
    **on(f"{CARE} {ROUTING} {PLAN}"),
    # Data follows a handoff; it moves none. A block moves one by StatusChanged.
    **on(f"{DATA} {ACCESS} {ERASURE} {BLOCK} {WITHDRAWAL}"),
    **on(f"{GOVERNANCE} {MONITORING}"),
    **on(f"{DUPLICATE} {MEASURE}"),
    **on(NOTICE),
}
