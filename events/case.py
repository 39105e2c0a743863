"""Events about the case itself: who answers for it, and its neutral status."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from events.codes import NeutralStatus
from events.stamp import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOpened(Event):
    """A country began to answer for a case.

    On the shared topic: the first thing another country learns, at the first cross-border
    step.
    """

    opened_on: date
    responsible: str
    status: NeutralStatus
    history_commitment: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChanged(Event):
    """The neutral status of a case towards every other country changed.

    Falling back to not_ready needs and gives no reason; it stops every open transfer.
    """

    status: NeutralStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseClosed(Event):
    """The responsible country stopped working on the case. Needs that no handoff is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReopened(Event):
    """Work on a closed or joined case began again. A joined one is parted now (CaseParted)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseJoined(Event):
    """This case turned out to be about the same child as another one and yields to it.

    Reversible by CaseParted. Since version 2 it names the suspicion that both sides confirmed; on
    the shared topic that id stands for the other case, too.
    """

    into_case_id: UUID
    suspicion_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseParted(Event):
    """A joined case turned out to be another child's and goes on by itself, not ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildMissing(Event):
    """A party does not know where the child is. Adds an alarm, takes nothing away from anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildFound(Event):
    """A party has found the missing child."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCorrected(Event):
    """A country corrected descriptive data of an earlier event of its own.

    The correction itself is sealed; nothing else moves.
    """

    corrects_version: int
