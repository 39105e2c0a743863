"""What a caller holds after a decision: what was recorded, and what the topic made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from events.errors import FoundVoid
from events.stamp import leaf_hash
from ledger.case.recording import Recorded
from ledger.case.steps import step_of

State = Literal["pending", "effective", "void"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """One event of a decision."""

    event_id: UUID
    type: str
    #: "shared" or "national".
    topic: str
    version: int
    #: The case, consent, override or handoff that it moves.
    subject: UUID
    leaf: bytes
    #: Pending until the event comes back in its topic's order.
    state: State = "pending"
    #: Why it has no effect, if it is void.
    void_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The result of a request; the same for each repetition of it."""

    case_id: UUID
    #: Number of the case's last decision after this one: what `expected_number` compares.
    number: int
    events: tuple[RecordedEvent, ...]
    #: Whether this had been recorded already, under the same key.
    replayed: bool = False

    @property
    def settled(self) -> bool:
        """Whether every event has its verdict."""
        return all(event.state != "pending" for event in self.events)

    def require_effective(self) -> None:
        """Raise FoundVoid if one of the events has no effect; pending ones pass."""
        for event in self.events:
            if event.state == "void":
                raise FoundVoid(
                    f"case {self.case_id}: {event.type} is void: {event.void_reason}",
                    rule=event.void_reason,
                )

    def judged(self, verdicts: Mapping[bytes, str | None]) -> Receipt:
        """Return the receipt with verdicts: leaf hash -> reason if void, None if effective."""
        return replace(self, events=tuple(_judged(event, verdicts) for event in self.events))


def _judged(event: RecordedEvent, verdicts: Mapping[bytes, str | None]) -> RecordedEvent:
    if event.leaf not in verdicts:
        return event
    reason = verdicts[event.leaf]
    return replace(event, state="effective" if reason is None else "void", void_reason=reason)


def recorded_event(recorded: Recorded, value: bytes) -> RecordedEvent:
    """Return the line of a receipt for an event and its bytes."""
    return RecordedEvent(
        event_id=recorded.event.event_id,
        type=type(recorded.event).__name__,
        topic=str(recorded.topic),
        version=recorded.event.version,
        subject=getattr(recorded.event, step_of(recorded.event).subject),
        leaf=leaf_hash(value),
    )
