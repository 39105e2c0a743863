"""Events about the ledger itself and about no child: they stand in the register, which is no case.

What a node writes with, which keys it uses, and what was done to its read models is history, too:
an auditor finds it where the history of the cases is, in the same logs, under the same signatures.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from events.codes import KeyKind, Resolution, RuleKind
from events.stamp import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemasReleased(Event):
    """A country begins to write events with these schemas, on the topic on which this stands."""

    shared: bool
    schemas: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotated(Event):
    """A key of the node was replaced; recorded before the new one is used alone."""

    kind: KeyKind
    retired: tuple[str, ...]
    current: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeyReplaced(Event):
    """A key with which a country signs its log is replaced by its next, as both have signed."""

    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkingRetried(Event):
    """Somebody let cases be folded on that could not be; recorded before it is tried."""

    parked_case_id: UUID | None = None
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmResolved(Event):
    """A person says that a fault of a log is resolved; recorded before decisions go on."""

    alarm_id: UUID
    rule: str
    log: str
    partition: int | None = None
    resolution: Resolution


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildBegun(Event):
    """Somebody began to build the read models anew from the mirror."""

    rebuild_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildFinished(Event):
    """Read models built anew replaced those before; recorded before they are used."""

    rebuild_id: UUID
    before: int
    generation: int
    folded: int
    equal: bool
    shared_offsets: tuple[int, ...]
    national_offsets: tuple[int, ...]
    state: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesActivated(Event):
    """A country begins to decide by a rule file."""

    kind: RuleKind
    name: str
    number: int
    text: bytes
    effective_from: date


@dataclass(frozen=True, slots=True, kw_only=True)
class GuidelineAcknowledged(Event):
    """A provider has read an operational guideline, and will follow it."""

    organisation: str
    guideline: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCapacityChanged(Event):
    """A service takes children again, or none for a while."""

    service: str
    places: int
    paused_until: date | None = None
