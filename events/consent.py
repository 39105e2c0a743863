"""Events about permission: which data scopes may go to which country, until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from events.codes import BasisKind, DataScope, Purpose
from events.stamp import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentGranted(Event):
    """Data scopes of this case may go to one country until a date.

    Permitted by the child, or by who may consent for her. Who it was and what for is national.
    """

    consent_id: UUID
    recipient: str
    scopes: tuple[DataScope, ...]
    expires_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRefused(Event):
    """Permission was asked for and refused.

    No adult grants it again without a best-interests review.
    """

    consent_id: UUID
    recipient: str
    scopes: tuple[DataScope, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentWithdrawn(Event):
    """A permission was taken back, at any time and without a reason. Stops sharing, never care."""

    consent_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideApproved(Event):
    """A second person approved release without consent.

    In the child's best interests or on a legal duty; reason and kind are national.
    """

    override_id: UUID
    recipient: str
    scopes: tuple[DataScope, ...]
    expires_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideEnded(Event):
    """An override ended before its date."""

    override_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideReviewed(Event):
    """A supervisor looked again at an override after the emergency."""

    override_id: UUID
    upheld: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BasisRecorded(Event):
    """What a consent or override is for, and who asked for it.

    National, so that the shared event stays neutral.
    """

    basis_id: UUID
    kind: BasisKind
    purpose: Purpose
    requested_by: str
