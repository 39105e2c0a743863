"""Events about permission: which data scopes may go to which country, until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from events.codes import AgeBand, Assent, BasisKind, ConsentGiver, DataScope, Purpose
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
    #: Since version 2: who gave it, how the child agreed, and who must not see the data.
    given_by: ConsentGiver = ConsentGiver.UNKNOWN
    giver: str | None = None
    age_band: AgeBand = AgeBand.UNKNOWN
    assent: Assent = Assent.UNKNOWN
    language: str | None = None
    interpreter: bool = False
    withheld_from: tuple[str, ...] = ()
    #: Code of the list `override_reason`, if it is release without consent.
    override_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalRecorded(Event):
    """Who refused a permission or took it back.

    National, so that the shared event stays neutral.
    """

    basis_id: UUID
    given_by: ConsentGiver
    giver: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalAsked(Event):
    """An adult asked to take back what an adult's word alone does not end; it is reviewed."""

    basis_id: UUID
    given_by: ConsentGiver
    giver: str | None = None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalReviewed(Event):
    """A supervisor decided on a withdrawal that had not acted at once."""

    basis_id: UUID
    upheld: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DataForgone(Event):
    """The sender of a handoff that has lost its basis goes on without further data."""

    handoff_id: UUID
