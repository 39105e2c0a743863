"""National events about reading the child's data: who was shown what, and what for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from events.codes import DataScope, Purpose
from events.stamp import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalDataRecorded(Event):
    """Data about the child was recorded; all of it is sealed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalDataAccessed(Event):
    """Somebody was shown data about the child; recorded before it is shown."""

    access_id: UUID
    scopes: tuple[DataScope, ...]
    purpose: Purpose
    basis_id: UUID | None = None
    about: UUID | None = None
    door: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessDenied(Event):
    """Somebody was refused data about the child."""

    scopes: tuple[DataScope, ...]
    purpose: Purpose
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakGlassUsed(Event):
    """Somebody opened data in an emergency, past the rules of access; why is sealed."""

    access_id: UUID
    scopes: tuple[DataScope, ...]
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessReviewed(Event):
    """A supervisor looked again at an access."""

    access_id: UUID
    upheld: bool
