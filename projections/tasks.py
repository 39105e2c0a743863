"""Tasks: what this country's people have to look at, until when, and whether somebody has.

A row follows from one topic only. Where a task that the shared topic opened is done by a national
decision, each topic has its row of it; whoever shows tasks makes one of the two (joined_tasks.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from events.access import AccessReviewed, BreakGlassUsed
from events.codec import read_stamp
from events.consent import (
    DataForgone,
    OverrideApproved,
    OverrideReviewed,
    WithdrawalAsked,
    WithdrawalReviewed,
)
from events.monitoring import DeadlineBreached
from events.routing import CaseRouted
from projections import deadlines, joining_tasks, sharing_tasks
from projections.change import (
    BLOCK,
    CARE,
    DUPLICATE,
    ERASURE,
    GOVERNANCE,
    MEASURE,
    MONITORING,
    NOTICE,
    PLAN,
    REFERRAL,
    TRANSFER,
    Change,
    Opinions,
    Rows,
    on,
)
from projections.table import Row, plain
from projections.task_rows import (
    ACCESS_REVIEW,
    DEADLINE,
    DUE,
    FOUND_VOID,
    OVERRIDE_REVIEW,
    OWN_CONSENT,
    PLAN_APPROVAL,
    PLAN_DRAFT,
    ROUTING_ANSWER,
    SHARING_LOST,
    TABLE,
    WITHDRAWAL_REVIEW,
    closed,
    opened,
)

__all__ = ["OPINIONS", "TABLE", "found_void"]

#: Within what time a young person is asked herself.
_ASKED = timedelta(days=90)


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


def _approved(change: Change) -> Iterator[Row]:
    assert isinstance(change.event, OverrideApproved)
    if change.event.origin == change.country:
        yield opened(change, OVERRIDE_REVIEW, change.event.override_id)
    yield from sharing_tasks.sharing(change)


def _override_reviewed(change: Change) -> Iterator[Row]:
    assert isinstance(change.event, OverrideReviewed)
    yield closed(change, OVERRIDE_REVIEW, change.event.override_id)


def _forgone(change: Change) -> Iterator[Row]:
    assert isinstance(change.event, DataForgone)
    yield closed(change, SHARING_LOST, change.event.handoff_id)


def _asked(change: Change) -> Iterator[Row]:
    assert isinstance(change.event, WithdrawalAsked)
    yield opened(change, WITHDRAWAL_REVIEW, change.event.basis_id)


def _withdrawal_reviewed(change: Change) -> Iterator[Row]:
    assert isinstance(change.event, WithdrawalReviewed)
    if change.event.basis_id in change.before.care.withdrawals_asked:
        yield closed(change, WITHDRAWAL_REVIEW, change.event.basis_id)


def _glass_broken(change: Change) -> Iterator[Row]:
    assert isinstance(change.event, BreakGlassUsed)
    yield opened(change, ACCESS_REVIEW, change.event.access_id)


def _access_reviewed(change: Change) -> Iterator[Row]:
    assert isinstance(change.event, AccessReviewed)
    if change.event.access_id in change.before.care.broken_glass:
        yield closed(change, ACCESS_REVIEW, change.event.access_id)


def _own_consent(change: Change) -> Iterator[Row]:
    was, now = (plane.care.own_consent_sought for plane in (change.before, change.after))
    if now and not was:
        yield opened(change, OWN_CONSENT, change.record.case_id, _ASKED)
    elif was and not now:
        yield closed(change, OWN_CONSENT, change.record.case_id)


def _routed(change: Change) -> Iterator[Row]:
    """Whoever is asked has to answer; of the duty desk that is to find somebody."""
    event = change.event
    assert isinstance(event, CaseRouted)
    if event.decision_id is not None:
        due = DUE if event.answer_by is None else event.answer_by - event.recorded_at
        yield opened(change, ROUTING_ANSWER, event.routing_id, due)


def _routing_moved(change: Change) -> Iterator[Row]:
    was, now = (plane.care.routings for plane in (change.before, change.after))
    for routing_id, routing in now.items():
        before = was.get(routing_id)
        if before is not None and before.state == "asked" and routing.state != "asked":
            yield closed(change, ROUTING_ANSWER, routing_id)


#: The task that a plan in a state asks for.
_PLAN_TASKS = {"draft": PLAN_DRAFT, "submitted": PLAN_APPROVAL}


def _planned(change: Change) -> Iterator[Row]:
    """A draft is for somebody to submit, a submitted plan for somebody else to decide on."""
    was, now = (plane.care.plans for plane in (change.before, change.after))
    for plan_id, plan in now.items():
        before = was.get(plan_id)
        if before is None or before.state != plan.state:
            if before is not None and before.state in _PLAN_TASKS:
                yield closed(change, _PLAN_TASKS[before.state], plan_id)
            if plan.state in _PLAN_TASKS:
                yield opened(change, _PLAN_TASKS[plan.state], plan_id)


def _with_deadlines(rows: Rows) -> Rows:
    """Return an opinion that also says what becomes of deadlines: any event may end one."""

    def both(change: Change) -> Iterator[Row]:
        yield from rows(change)
        if isinstance(change.event, DeadlineBreached):
            yield opened(change, DEADLINE, change.event.deadline_id)
        for deadline_id in deadlines.breached(change):
            yield closed(change, DEADLINE, deadline_id)

    return both


def _responsibility_moved(change: Change) -> Iterator[Row]:
    """Who answers for the child now looks at what protects her elsewhere."""
    yield from sharing_tasks.sharing(change)
    yield from joining_tasks.measures(change)


def _transfer_moved(change: Change) -> Iterator[Row]:
    """What its sender decides after a transfer has expired makes that task done."""
    yield from sharing_tasks.sharing(change)
    yield from joining_tasks.expired(change)


_OWN: Opinions = {
    # A permission that ends, or is given anew, and what of a handoff needs one.
    **on("ConsentGranted ConsentRefused ConsentWithdrawn OverrideEnded", sharing_tasks.sharing),
    **on(f"{REFERRAL} {TRANSFER} StatusChanged", sharing_tasks.sharing),
    **on("ResponsibilityMoved", _responsibility_moved),
    **on("TransferExpired TransferProposed TransferRequested StatusChanged", _transfer_moved),
    **on("CaseClosed", joining_tasks.expired),
    **on("OverrideApproved", _approved),
    **on("OverrideReviewed", _override_reviewed),
    **on("DataForgone", _forgone),
    **on("WithdrawalAsked", _asked),
    **on("WithdrawalReviewed", _withdrawal_reviewed),
    **on("ReleaseStopped", sharing_tasks.stopped),
    **on("KeysDestroyed RetentionClaimed ErasureAttested", sharing_tasks.answered),
    **on("BreakGlassUsed", _glass_broken),
    **on("AccessReviewed", _access_reviewed),
    # What is done has no task, and what is only said asks for none.
    **on("OwnConsentSought BasisRecorded", _own_consent),
    **on("KeysReleased WithdrawalRecorded"),
    **on("PersonalDataRecorded PersonalDataAccessed AccessDenied"),
    **on("CaseOpened RecordCorrected ChildMissing ChildFound"),
    **on(f"{CARE} {ERASURE} {BLOCK} CaseDirected"),
    **on("CaseRouted", _routed),
    **on(PLAN, _planned),
    **on("RoutingAnswered RoutingLapsed RoutingEnded", _routing_moved),
    **on(f"{GOVERNANCE} {MONITORING}"),
    **on(MEASURE, joining_tasks.measures),
    **on(f"{DUPLICATE} CaseJoined CaseReopened", joining_tasks.suspected),
    **on(NOTICE),
}
#: On the register nothing is missing.
OPINIONS: Opinions = {kind: _with_deadlines(rows) for kind, rows in _OWN.items()}
