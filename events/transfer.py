"""Events of a transfer: responsibility for the case moves to another country."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from events.codes import DataScope
from events.stamp import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRequested(Event):
    """A country asked another to hand a case over.

    Discloses nothing and does not make the asker a party.
    """

    handoff_id: UUID
    holder: str
    due_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferProposed(Event):
    """The responsible country proposed that another country take over responsibility."""

    handoff_id: UUID
    recipient: str
    basis_id: UUID
    scopes: tuple[DataScope, ...]
    due_on: date
    request_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferPreviewed(Event):
    """The named receiver looked at the preview."""

    handoff_id: UUID
    #: One-time key for what is released to the receiver (X25519, 32 bytes); since version 2.
    grant_key: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferAccepted(Event):
    """The named receiver agreed to take responsibility. Moves nothing yet."""

    handoff_id: UUID
    basis_id: UUID
    #: One-time key for what is released to the receiver (X25519, 32 bytes); since version 2.
    grant_key: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRejected(Event):
    """The named receiver, or the country asked, said no; responsibility stays."""

    handoff_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRevoked(Event):
    """The sender took the transfer back; impossible once responsibility has moved."""

    handoff_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferExpired(Event):
    """The transfer was not answered or not carried out in time; responsibility stays.

    Only the sender decides this.
    """

    handoff_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponsibilityMoved(Event):
    """The receiver answers for the case from here on. The only event that moves responsibility."""

    handoff_id: UUID
    basis_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverCompleted(Event):
    """The receiving country has met the child and has what it needs."""

    handoff_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentsCommitted(Event):
    """The sender of a transfer committed itself to the documents that it hands over."""

    handoff_id: UUID
    commitments: tuple[bytes, ...]
