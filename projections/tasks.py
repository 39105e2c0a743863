"""Tasks: what this country's people have to look at, until when, and whether somebody has.

A row follows from one topic only. Where a task that the shared topic opened is done by a national
decision, each topic has its row of it; whoever shows tasks makes one of the two (node/tasks.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from uuid import UUID

from events.access import AccessReviewed, BreakGlassUsed
from events.codec import read_stamp
from events.consent import (
    DataForgone,
    OverrideApproved,
    OverrideReviewed,
    WithdrawalAsked,
    WithdrawalReviewed,
)
from events.data import ReleaseStopped
from ledger.case.bases import bases_of
from ledger.case.plane import Handoff, Plane
from projections.change import (
    BLOCK,
    CARE,
    ERASURE,
    GOVERNANCE,
    REFERRAL,
    TRANSFER,
    Change,
    Opinions,
    on,
)
from projections.table import Row, Table, plain

TABLE = Table(
    name="tasks",
    columns={
        "case_id": "uuid NOT NULL",
        "topic": "text NOT NULL",
        "kind": "text NOT NULL",
        "subject": "uuid NOT NULL",
        "state": "text NOT NULL",  # open, done
        "opened_at": "timestamptz",  # NULL: opened on the other topic, or never
        "due_at": "timestamptz",
        "closed_at": "timestamptz",
        "place": "int4",  # of the event that opened it, as in the audit trail
        "event_id": "uuid",
        "event_type": "text",
        "void_reason": "text",
        "actor_id": "text",
        "actor_role": "text",
        # Last shared event that whoever closed it had seen: clocks of two countries disagree.
        "closed_seen": "bytea",
    },
    key=("case_id", "topic", "kind", "subject"),
    indexes=("(due_at, case_id) WHERE state = 'open'",),
    kept=(
        "opened_at",
        "due_at",
        "place",
        "event_id",
        "event_type",
        "void_reason",
        "actor_id",
        "actor_role",
    ),
)

#: An own event that has no effect; its subject is the event.
FOUND_VOID = "found_void"
#: An own handoff goes on, and nothing permits its data to travel any more: ask again, override,
#: go on without data, or revoke.
SHARING_LOST = "sharing_lost"
#: An own override that nobody has looked at again.
OVERRIDE_REVIEW = "override_review"
#: A withdrawal that did not act at once.
WITHDRAWAL_REVIEW = "withdrawal_review"
#: An emergency access.
ACCESS_REVIEW = "access_review"
#: A grant to this country is stopped: destroy its keys, or claim them.
KEYS_OWED = "keys_owed"
#: Consents given by others end at majority: ask the young person herself. Subject: the case.
OWN_CONSENT = "own_consent"

#: Within what time somebody looks (design §11).
DUE = timedelta(hours=24)
#: Every kind of task.
KINDS = frozenset(
    {
        FOUND_VOID,
        SHARING_LOST,
        OVERRIDE_REVIEW,
        WITHDRAWAL_REVIEW,
        ACCESS_REVIEW,
        KEYS_OWED,
        OWN_CONSENT,
    }
)
#: Within what time a young person is asked herself.
_ASKED = timedelta(days=90)
#: States in which a handoff goes on although it has lost its basis.
_REFERRAL_GOES_ON = frozenset({"accepted", "started"})
_TRANSFER_GOES_ON = frozenset({"accepted"})


def found_void(change: Change) -> Iterable[Row]:
    """Return a task if this country's own event has no effect at its place."""
    record, event, void = change.record, change.event, change.verdict.void
    if void is None or record.origin != change.country:
        return ()
    stamp = event if event is not None else read_stamp(record.value)
    kind = "" if event is None else type(event).__name__
    who = (None, None) if event is None else (plain(event.actor.id), plain(event.actor.role))
    key = (record.case_id, record.topic, FOUND_VOID, stamp.event_id)
    times = (stamp.recorded_at, None, None)
    what = (change.after.count, stamp.event_id, kind, str(void))
    return ((*key, "open", *times, *what, *who, None),)


def _opened(change: Change, kind: str, subject: UUID, due: timedelta = DUE) -> Row:
    record, event = change.record, change.event
    assert event is not None
    key = (record.case_id, record.topic, kind, subject)
    times = (event.recorded_at, event.recorded_at + due, None)
    what = (change.after.count, event.event_id, type(event).__name__, None)
    return (*key, "open", *times, *what, plain(event.actor.id), plain(event.actor.role), None)


def _closed(change: Change, kind: str, subject: UUID) -> Row:
    record, event = change.record, change.event
    assert event is not None
    key = (record.case_id, record.topic, kind, subject)
    return (*key, "done", None, None, event.recorded_at, *(None,) * 6, event.seen)


def _sharing(change: Change) -> Iterable[Row]:
    """Own handoffs that lost their basis by this event, or need none any more."""
    before, after = change.before, change.after
    was, now = _going_on(before, change.country), _going_on(after, change.country)
    if not was and not now:
        return ()
    assert change.event is not None
    today = change.event.recorded_at.date()
    # What the calendar took is gone before and after any event, so it is left out of what is lost.
    lost = _lost(after, now, None) - _lost(before, was, None)
    regained = _lost(before, was, today) - _lost(after, now, today)
    opened = [_opened(change, SHARING_LOST, handoff_id) for handoff_id in sorted(lost)]
    return opened + [_closed(change, SHARING_LOST, handoff_id) for handoff_id in sorted(regained)]


def _going_on(plane: Plane, country: str) -> Mapping[UUID, Handoff]:
    """Return a country's handoffs that go on whether they have a basis or not."""
    if not plane.referrals and not plane.transfers:
        return {}
    sides = ((plane.referrals, _REFERRAL_GOES_ON), (plane.transfers, _TRANSFER_GOES_ON))
    return {
        handoff_id: handoff
        for handoffs, goes_on in sides
        for handoff_id, handoff in handoffs.items()
        if handoff.state in goes_on and handoff.sender == country
    }


def _lost(plane: Plane, handoffs: Mapping[UUID, Handoff], on_day: date | None) -> frozenset[UUID]:
    """Return handoffs without a basis on a day (None: on any day)."""
    return frozenset(
        handoff_id
        for handoff_id, handoff in handoffs.items()
        if not _has_basis(plane, handoff, on_day)
    )


def _has_basis(plane: Plane, handoff: Handoff, on_day: date | None) -> bool:
    """Say whether its own basis, or one given for it since, is in force on a day (None: any)."""
    bases = (plane.consents.get(basis_id) for basis_id in bases_of(plane, handoff))
    return any(
        basis.covers(handoff.receiver, handoff.scopes, on_day or basis.expires_on or date.max)
        for basis in bases
        if basis is not None
    )


def _stopped(change: Change) -> Iterator[Row]:
    """A stop opens what the recipient owes, and what the sender has lost by the calendar.

    Days end without an event. The stop that follows is the first that anybody hears of it.
    """
    event = change.event
    assert isinstance(event, ReleaseStopped)
    for grant_id in _left(change, "released"):
        # What the recipient had claimed before the stop, it has answered for already.
        if change.after.releases[grant_id].state == "stopped":
            yield _opened(change, KEYS_OWED, grant_id)
    ours, today = _going_on(change.after, change.country), event.recorded_at.date()
    by_calendar = _lost(change.after, ours, today) - _lost(change.after, ours, None)
    if event.handoff_id in by_calendar and change.before.releases != change.after.releases:
        yield _opened(change, SHARING_LOST, event.handoff_id)


def _answered(change: Change) -> Iterator[Row]:
    """Keys that were owed are destroyed, or claimed."""
    for grant_id in _left(change, "stopped"):
        yield _closed(change, KEYS_OWED, grant_id)


def _left(change: Change, state: str) -> Iterator[UUID]:
    """Yield the grants to this country that an event moved out of a state."""
    after = change.after.releases
    for grant_id, release in change.before.releases.items():
        ours = release.recipient == change.country and release.state == state
        if ours and after[grant_id].state != state:
            yield grant_id


def _approved(change: Change) -> Iterator[Row]:
    assert isinstance(change.event, OverrideApproved)
    if change.event.origin == change.country:
        yield _opened(change, OVERRIDE_REVIEW, change.event.override_id)
    yield from _sharing(change)


def _override_reviewed(change: Change) -> Iterator[Row]:
    assert isinstance(change.event, OverrideReviewed)
    yield _closed(change, OVERRIDE_REVIEW, change.event.override_id)


def _forgone(change: Change) -> Iterator[Row]:
    assert isinstance(change.event, DataForgone)
    yield _closed(change, SHARING_LOST, change.event.handoff_id)


def _asked(change: Change) -> Iterator[Row]:
    assert isinstance(change.event, WithdrawalAsked)
    yield _opened(change, WITHDRAWAL_REVIEW, change.event.basis_id)


def _withdrawal_reviewed(change: Change) -> Iterator[Row]:
    assert isinstance(change.event, WithdrawalReviewed)
    if change.event.basis_id in change.before.care.withdrawals_asked:
        yield _closed(change, WITHDRAWAL_REVIEW, change.event.basis_id)


def _glass_broken(change: Change) -> Iterator[Row]:
    assert isinstance(change.event, BreakGlassUsed)
    yield _opened(change, ACCESS_REVIEW, change.event.access_id)


def _access_reviewed(change: Change) -> Iterator[Row]:
    assert isinstance(change.event, AccessReviewed)
    if change.event.access_id in change.before.care.broken_glass:
        yield _closed(change, ACCESS_REVIEW, change.event.access_id)


def _own_consent(change: Change) -> Iterator[Row]:
    was, now = (plane.care.own_consent_sought for plane in (change.before, change.after))
    if now and not was:
        yield _opened(change, OWN_CONSENT, change.record.case_id, _ASKED)
    elif was and not now:
        yield _closed(change, OWN_CONSENT, change.record.case_id)


OPINIONS: Opinions = {
    # A permission that ends, or is given anew, and what of a handoff needs one.
    **on("ConsentGranted ConsentRefused ConsentWithdrawn OverrideEnded", _sharing),
    **on(f"{REFERRAL} {TRANSFER} StatusChanged", _sharing),
    **on("OverrideApproved", _approved),
    **on("OverrideReviewed", _override_reviewed),
    **on("DataForgone", _forgone),
    **on("WithdrawalAsked", _asked),
    **on("WithdrawalReviewed", _withdrawal_reviewed),
    **on("ReleaseStopped", _stopped),
    **on("KeysDestroyed RetentionClaimed ErasureAttested", _answered),
    **on("BreakGlassUsed", _glass_broken),
    **on("AccessReviewed", _access_reviewed),
    # What is done has no task, and what is only said asks for none.
    **on("OwnConsentSought BasisRecorded", _own_consent),
    **on("KeysReleased WithdrawalRecorded"),
    **on("PersonalDataRecorded PersonalDataAccessed AccessDenied"),
    **on("CaseOpened CaseClosed CaseReopened CaseJoined RecordCorrected ChildMissing ChildFound"),
    **on(f"{CARE} {ERASURE} {BLOCK}"),
    **on(GOVERNANCE),
}
