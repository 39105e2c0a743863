"""National events of notices: a desk was told that a task waits, and who has seen that."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from events.codes import NoticeChannel
from events.stamp import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeSent(Event):
    """A desk was told that a task waits; which task that is, only this country can work out."""

    notice_id: UUID
    task_id: UUID
    step: int
    desk: str
    roles: tuple[str, ...]
    channels: tuple[NoticeChannel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeFailed(Event):
    """A desk could not be told for as long as it has to answer; the next step is told instead."""

    notice_id: UUID
    task_id: UUID
    step: int
    desk: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeAcknowledged(Event):
    """Somebody has seen that a task waits: nobody else is told of it."""

    notice_id: UUID
    task_id: UUID
