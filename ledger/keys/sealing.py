"""What a decision has sealed, and who seals it: the one door to keys for whoever decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from events.codes import DataScope
from events.data import KeysReleased
from events.errors import Misconfigured, NotEncodable
from events.measure import UrgentMeasureTaken
from events.monitoring import DeadlinesReckoned
from events.plan import PlanItemAdded, ProtectionPlanGenerated
from events.referral import ReferralSent
from events.registry import BY_NAME
from events.routing import CaseDirected
from events.stamp import Event, SealedEntry
from events.transfer import TransferProposed
from ledger.case.case import Topic
from ledger.case.measure import SCOPES as MEASURE_SCOPES
from ledger.case.recording import Recorded
from ledger.keys.seal import BUCKETS, SCOPE_NUMBER, ItemKey, Place, padded

#: Padded size of each entry of a shared event, so that two of a type are alike in length (§6).
PREVIEW_BYTES = 1024
#: The same of the record that goes with released keys, by scope.
RECORD_BYTES: Mapping[DataScope, int] = {
    scope: 4096
    if scope in {DataScope.HEALTH, DataScope.PROTECTION, DataScope.FAMILY, DataScope.NARRATIVE}
    else 1024
    for scope in DataScope
    if scope is not DataScope.UNKNOWN
}
#: Events whose data is no part of the child's record and is never released: why rules decided so.
WORKING: Final = frozenset(
    {CaseDirected, ProtectionPlanGenerated, PlanItemAdded, DeadlinesReckoned}
)
#: Their padded sizes: with its envelope the largest is an event that can be recorded.
WORKING_BUCKETS: Final = (*BUCKETS, 16384)
_SHARED_BYTES: Mapping[type[Event], Mapping[DataScope, int]] = {
    ReferralSent: {DataScope.PREVIEW: PREVIEW_BYTES},
    TransferProposed: {DataScope.PREVIEW: PREVIEW_BYTES},
    KeysReleased: RECORD_BYTES,
    UrgentMeasureTaken: {scope: RECORD_BYTES[scope] for scope in MEASURE_SCOPES},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One text that is to be sealed, and where it will stand."""

    event_id: UUID
    case_id: UUID
    origin: str
    scope: DataScope
    schema_sha256: bytes
    #: Padded size in bytes.
    size: int
    text: bytes = field(repr=False)

    def place(self, epoch: int) -> Place:
        """Return its place under keys of an epoch."""
        return place_of(
            self.event_id, self.case_id, self.origin, self.scope, self.schema_sha256, epoch
        )


class Opened(NamedTuple):
    """What became of one sealed text."""

    #: open; erased: its key was destroyed; closed, stopped, destroyed: it may not be opened here.
    state: str
    text: bytes = b""

    def __repr__(self) -> str:
        """Never show what it says."""
        return f"Opened({self.state})"


class Sealer(Protocol):
    """A keystore as a decider sees it."""

    def seal(self, fields: Sequence[Field]) -> Sequence[bytes]:
        """Return a box for each text, under the newest keys of its case. ServiceUnavailable."""

    def one_time(self, case_id: UUID, handoff_id: UUID, *, preview: bool) -> bytes:
        """Return this country's public key for one step of a release; the same each time."""

    def show(self, case_id: UUID, access_id: UUID) -> Mapping[str, Mapping[DataScope, Opened]]:
        """Return the data that an access was recorded for: country -> scope -> what it says."""

    def event_keys(self, case_id: UUID, access_id: UUID) -> Mapping[DataScope, ItemKey]:
        """Return the keys of the one event that an auditor's access was recorded for."""


def place_of(
    event_id: UUID,
    case_id: UUID,
    origin: str,
    scope: DataScope,
    schema_sha256: bytes,
    epoch: int,
) -> Place:
    """Return the place of the entry of a scope in an event."""
    return Place(
        event_id=event_id,
        case_id=case_id,
        scope=SCOPE_NUMBER[scope],
        epoch=epoch,
        schema_sha256=schema_sha256,
        path=f"sealed.{scope}",
        origin=origin,
    )


def place_in(event: Event, scope: DataScope, epoch: int) -> Place:
    """Return the place of an entry that stands in an event."""
    return place_of(event.event_id, event.case_id, event.origin, scope, schema_of(event), epoch)


def schema_of(event: Event) -> bytes:
    """Return the hash of an event's schema that its sealed entries are bound to."""
    return BY_NAME[type(event).__name__, event.schema_version].canonical_sha256


def sealed(recorded: Sequence[Recorded], sealer: Sealer | None) -> Sequence[Recorded]:
    """Return events with their data sealed into them. NotEncodable if a text is too long.

    Without a keystore, data is refused, and steps that another country sees carry no entries.
    """
    if not any(one.data for one in recorded):
        return recorded
    if sealer is None:
        if any(any(one.data.values()) for one in recorded):
            raise Misconfigured(
                "data about a child is recorded with a keystore only: set LEDGER_KEYSTORE"
            )
        return recorded
    fields = [asked for one in recorded for asked in _fields(one)]
    boxes = iter(sealer.seal(fields))
    return [_with(one, [next(boxes) for _ in one.data]) for one in recorded]


def _fields(one: Recorded) -> list[Field]:
    event = one.event
    return [
        Field(
            event_id=event.event_id,
            case_id=event.case_id,
            origin=event.origin,
            scope=scope,
            schema_sha256=schema_of(event),
            size=_size(one, scope, text),
            text=text,
        )
        for scope, text in one.data.items()
    ]


def _size(one: Recorded, scope: DataScope, text: bytes) -> int:
    if one.topic is Topic.SHARED:
        return _SHARED_BYTES[type(one.event)][scope]
    if type(one.event) in WORKING:
        return padded(len(text), WORKING_BUCKETS)
    if len(text) > (most := RECORD_BYTES[scope] - 2):
        # Found out now, not when another country waits for it.
        raise NotEncodable(
            f"{len(text)} bytes are too many in scope {scope}; {most} can be released",
            rule="padding",
        )
    return padded(len(text))  # the envelope around it hides its length


def _with(one: Recorded, boxes: Sequence[bytes]) -> Recorded:
    entries = tuple(
        SealedEntry(scope=scope, box=box) for scope, box in zip(one.data, boxes, strict=True)
    )
    event = replace(one.event, sealed=(*one.event.sealed, *entries))
    return Recorded(one.topic, one.number, event)
