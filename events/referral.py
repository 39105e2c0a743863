"""Events of a referral: a service is sought elsewhere, responsibility stays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from events.codes import DataScope, Outcome
from events.stamp import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralSent(Event):
    """A service was sought from another country or organisation; responsibility stays.

    A shared referral always names the other country's focal point.
    """

    handoff_id: UUID
    recipient: str
    basis_id: UUID
    scopes: tuple[DataScope, ...]
    due_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralReceived(Event):
    """The named receiver has the referral and looks at the preview."""

    handoff_id: UUID
    #: One-time key for what is released to the receiver (X25519, 32 bytes); since version 2.
    grant_key: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralAccepted(Event):
    """The named receiver takes the referral on, resting on a basis in force."""

    handoff_id: UUID
    basis_id: UUID
    #: One-time key for what is released to the receiver (X25519, 32 bytes); since version 2.
    grant_key: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralRejected(Event):
    """The named receiver does not take the referral on; the sender finds another way."""

    handoff_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralStarted(Event):
    """The service began."""

    handoff_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralCompleted(Event):
    """The service ended."""

    handoff_id: UUID
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralRevoked(Event):
    """The sender took the referral back."""

    handoff_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralExpired(Event):
    """The answer did not come by the due date and the grace after it.

    Only the sender decides this.
    """

    handoff_id: UUID
