"""The part that says who was told that a task waits, and who has seen it.

A program tells one desk after the other (consumers/notices.py); here stands that no step is left
out, that nothing is recorded twice, and that only a person stops it. Ids follow from task, step
and desk, so that whoever repeats a step after a crash means the same notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID, uuid5

from events.codes import NoticeChannel, Role
from events.errors import BadInput, CodeUnknown, NotAllowedNow, WrongRole
from events.notice import NoticeAcknowledged, NoticeFailed, NoticeSent
from events.stamp import Event
from ledger.case.effects import Effect
from ledger.case.matter import ANSWERING, SUPERVISING, WORKING, Draft, Drafts, Matter
from ledger.case.national import Notice
from ledger.case.plane import Plane, with_care

#: Who may be told that a task waits, and may say that it is seen: people who work for the child,
#: or answer for her data.
TOLD: Final = WORKING | ANSWERING
#: So many notices of a task are remembered; an older one is acknowledged by a newer one.
_REMEMBERED: Final = 8


def task_id_of(opened_by: UUID, kind: str, subject: UUID) -> UUID:
    """Return the id of a task: of what the event that opened it asks for. It tells no kind."""
    return uuid5(opened_by, f"task/{kind}/{subject}")


def notice_id_of(task_id: UUID, step: int, desk: str) -> UUID:
    """Return the id of the notice by which a desk is told of a task at a step of the ladder."""
    return uuid5(task_id, f"notice/{step}/{desk}")


def notices_of(plane: Plane, task_id: UUID) -> list[Notice]:
    """Return what is remembered of the notices of a task, oldest first."""
    return [one for one in plane.care.notices.values() if one.task_id == task_id]


def _put(plane: Plane, event: NoticeSent | NoticeFailed, *, reached: bool) -> Plane:
    made = Notice(
        task_id=event.task_id,
        step=event.step,
        desk=event.desk,
        roles=event.roles,
        at=event.recorded_at,
        reached=reached,
    )
    notices = {**plane.care.notices, event.notice_id: made}
    of_task = [key for key, one in notices.items() if one.task_id == event.task_id]
    for key in of_task[:-_REMEMBERED]:
        del notices[key]
    return with_care(plane, notices=notices)


def _acknowledged(plane: Plane, event: NoticeAcknowledged) -> Plane:
    care = plane.care
    left = {key: one for key, one in care.notices.items() if one.task_id != event.task_id}
    seen = {**care.acknowledged, event.task_id: event.notice_id}
    return with_care(plane, notices=left, acknowledged=seen)


EFFECTS: Mapping[type[Event], Effect] = {
    NoticeSent: lambda plane, event: _put(plane, event, reached=True),
    NoticeFailed: lambda plane, event: _put(plane, event, reached=False),
    NoticeAcknowledged: _acknowledged,
}


def send_notice(
    matter: Matter,
    /,
    *,
    task_id: UUID,
    step: int,
    desk: str,
    roles: tuple[str, ...],
    channels: tuple[NoticeChannel, ...],
) -> Drafts:
    """Record that a desk was told that a task waits."""
    if not channels or NoticeChannel.UNKNOWN in channels:
        raise CodeUnknown("a notice was sent by webhook, by mail, or by both", rule="channel")
    fields = _told(matter, task_id=task_id, step=step, desk=desk, roles=roles)
    return (Draft(NoticeSent, {**fields, "channels": channels}),)


def fail_notice(
    matter: Matter, /, *, task_id: UUID, step: int, desk: str, roles: tuple[str, ...]
) -> Drafts:
    """Record that a desk could not be told, so that the next step is told instead."""
    return (Draft(NoticeFailed, _told(matter, task_id=task_id, step=step, desk=desk, roles=roles)),)


def acknowledge_notice(matter: Matter, /, *, notice_id: UUID) -> Drafts:
    """Say that you have seen that a task waits; nobody else is told of it.

    Whoever the desk that was told is made of, or a supervisor. A program sees nothing.
    """
    matter.require_known()
    care = matter.case.national.care
    if notice_id in care.acknowledged.values():
        raise NotAllowedNow(f"notice {notice_id} is acknowledged already", rule="notice_seen")
    notice = care.notices.get(notice_id)
    if notice is None:
        raise NotAllowedNow(
            f"notice {notice_id} waits for nobody: its task is acknowledged, or a newer notice"
            " tells of it",
            rule="notice_known",
        )
    if matter.by.role not in {*notice.roles, *SUPERVISING} or matter.by.role == Role.SYSTEM:
        raise WrongRole(f"a {matter.by.role} is not at the desk that was told")
    fields = {"notice_id": notice_id, "task_id": notice.task_id}
    return (Draft(NoticeAcknowledged, fields),)


def _told(
    matter: Matter, *, task_id: UUID, step: int, desk: str, roles: tuple[str, ...]
) -> dict[str, Any]:
    """Return what both events of a notice say; refuse a second one, and one out of order."""
    matter.require_known()
    matter.require_program()
    matter.require_pseudonym("the desk", desk)
    if not roles or not set(roles) <= TOLD:
        raise CodeUnknown("a desk is made of people who work for the child", rule="desk_roles")
    care, notice_id = matter.case.national.care, notice_id_of(task_id, step, desk)
    if task_id in care.acknowledged:
        raise NotAllowedNow(f"task {task_id} is acknowledged", rule="notice_seen")
    if notice_id in care.notices:
        raise NotAllowedNow(f"notice {notice_id} is recorded already", rule="notice_known")
    newest = max((one.step for one in notices_of(matter.case.national, task_id)), default=0)
    if step < 1 or step not in {newest, newest + 1}:
        raise BadInput(
            f"task {task_id}: step {step} of the ladder does not follow step {newest}",
            rule="notice_step",
        )
    return {"notice_id": notice_id, "task_id": task_id, "step": step, "desk": desk, "roles": roles}
