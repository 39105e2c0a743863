"""Notices: which desk was told that a task waits, at which step, and who has seen it."""

from __future__ import annotations

from collections.abc import Iterable

from events.notice import NoticeAcknowledged, NoticeFailed, NoticeSent
from projections.change import (
    ACCESS,
    BLOCK,
    CARE,
    CASE,
    CONSENT,
    DATA,
    DUPLICATE,
    ERASURE,
    GOVERNANCE,
    MEASURE,
    MONITORING,
    PLAN,
    REFERRAL,
    ROUTING,
    TRANSFER,
    WITHDRAWAL,
    Change,
    Opinions,
    on,
)
from projections.table import Row, Table, plain

TABLE = Table(
    name="notices",
    columns={
        "case_id": "uuid NOT NULL",
        "notice_id": "uuid NOT NULL",
        "task_id": "uuid NOT NULL",
        "step": "int4",  # 1, 2, 3 ... of the ladder
        "desk": "text",
        "reached": "bool",  # false: nobody could be told
        "channels": "text[]",
        "told_at": "timestamptz",
        "acknowledged_at": "timestamptz",
        "acknowledged_by": "text",
    },
    key=("case_id", "notice_id"),
    kept=("step", "desk", "reached", "channels", "told_at", "acknowledged_at", "acknowledged_by"),
    indexes=("(notice_id)",),
)


def _sent(change: Change) -> Iterable[Row]:
    event = change.event
    assert isinstance(event, NoticeSent)
    return (_told(change, event, reached=True, channels=[str(one) for one in event.channels]),)


def _failed(change: Change) -> Iterable[Row]:
    event = change.event
    assert isinstance(event, NoticeFailed)
    return (_told(change, event, reached=False, channels=[]),)


def _told(
    change: Change, event: NoticeSent | NoticeFailed, *, reached: bool, channels: list[str]
) -> Row:
    key = (change.record.case_id, event.notice_id, event.task_id)
    said = (event.step, plain(event.desk), reached, channels, event.recorded_at)
    return (*key, *said, None, None)


def _acknowledged(change: Change) -> Iterable[Row]:
    event = change.event
    assert isinstance(event, NoticeAcknowledged)
    key = (change.record.case_id, event.notice_id, event.task_id)
    return ((*key, *(None,) * 5, event.recorded_at, plain(event.actor.id)),)


OPINIONS: Opinions = {
    **on("NoticeSent", _sent),
    **on("NoticeFailed", _failed),
    **on("NoticeAcknowledged", _acknowledged),
    # Whether a task waits is said by the tasks.
    **on(f"{CARE} {ROUTING} {PLAN} {CASE} {CONSENT} {WITHDRAWAL} {REFERRAL} {TRANSFER} {DATA}"),
    **on(f"{ACCESS} {ERASURE} {BLOCK} {GOVERNANCE}"),
    **on(f"{MONITORING} {DUPLICATE} {MEASURE}"),
}
