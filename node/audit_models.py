"""R9: what the read models in use say of a case is what its events in the mirror fold to.

The auditor folds each case once more, event by event, and compares every verdict with the line of
the audit trail and the state after the last one with the state that the node goes on from. It is
the node's own fold: that it is right is shown by the frozen histories, not here. All other read
models are compared by `ledger projections verify`, which builds them anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from events.codec import Stamp
from events.contract import log_name
from events.errors import KeyUnknown, UnknownSchema
from events.stamp import Event
from ledger.case.case import Topic
from ledger.case.plane import Plane, Verdict, empty
from ledger.case.reading import as_it_is, read_on
from ledger.keys.national import NationalKeys, opened
from ledger.log.findings import Finding, Heard, found, found_without_event
from node.reading import Reader
from projections import case_state

#: Case and topic.
Side = tuple[UUID, str]


class Shown(NamedTuple):
    """The line of the audit trail of an event; None in all fields if there is none."""

    place: int | None
    leaf: bytes | None
    effective: bool | None
    void_reason: str | None


class Read(NamedTuple):
    """The bytes of an event, whose they are by its row, and what was read from them."""

    value: bytes
    leaf: bytes
    origin: str
    version: int
    event: Event | Stamp


@dataclass(slots=True)
class ModelRules:
    """The rule over one case."""

    case_id: UUID
    keys: NationalKeys | None
    #: Sides that wait for a schema or a key, and are not folded on.
    parked: frozenset[Side]
    _planes: dict[str, Plane | None] = field(default_factory=dict)
    _last: dict[str, Heard] = field(default_factory=dict)
    _place: dict[str, int] = field(default_factory=dict)

    def hear(self, heard: Heard, read: Read, shown: Shown) -> list[Finding]:
        """Take in the next event; return how its line of the trail differs."""
        if (self.case_id, heard.topic) in self.parked:
            return []
        self._place[heard.topic] = self._place.get(heard.topic, 0) + 1
        self._last[heard.topic] = heard
        verdict = self._judge(heard, read)
        if shown.place is None:
            return [found("R9", "not_projected", heard)]
        if (shown.place, shown.leaf) != (self._place[heard.topic], read.leaf):
            return [found("R9", "projected_otherwise", heard)]
        if verdict is None:
            return []
        void = None if verdict.void is None else verdict.void.value
        if (shown.effective, shown.void_reason) != (void is None, void):
            return [found("R9", "verdict_differs", heard)]
        return []

    def end(self, states: Mapping[str, tuple[int, bytes]]) -> Iterator[Finding]:
        """Yield how the states in use differ: topic -> count and encoded plane."""
        for topic, plane in self._planes.items():
            if plane is not None and states.get(topic) != case_state.row(plane)[2:]:
                yield found("R9", "state_differs", self._last[topic])
        for topic in states.keys() - self._place.keys():
            if (self.case_id, topic) not in self.parked:
                yield _from_nothing(self.case_id, topic)

    def _judge(self, heard: Heard, read: Read) -> Verdict | None:
        """Fold on; None if the case cannot be folded here, from this event on."""
        topic = heard.topic
        fresh = empty(self.case_id, shared=topic == Topic.SHARED)
        plane = self._planes.get(topic, fresh)
        if plane is None or (topic == Topic.NATIONAL and self.keys is None):
            return None
        # What was read and opened once is not read again.
        event = read.event if isinstance(read.event, Event) else None
        try:
            after, verdict, _ = read_on(
                plane,
                read.value,
                read.leaf,
                origin=read.origin,
                version=read.version,
                event=event,
                unsealed=partial(opened, keys=self.keys) if event is None else as_it_is,
            )
        except (UnknownSchema, KeyUnknown):
            self._planes[topic] = None
            return None
        self._planes[topic] = after
        return verdict


class States:
    """The states in use, streamed in the order of the cases."""

    def __init__(self, reading: Reader) -> None:
        self._rows = _states(reading)
        self._next = next(self._rows, None)

    def of(self, case_id: UUID) -> tuple[dict[str, tuple[int, bytes]], list[Finding]]:
        """Return the states of a case, and what stands before it and is no case of the mirror.

        Asked for in the order of the cases.
        """
        findings = list(self.before(case_id))
        states = {}
        while self._next is not None and self._next[0] == case_id:
            _, topic, count, state = self._next
            states[topic] = (count, state)
            self._next = next(self._rows, None)
        return states, findings

    def before(self, case_id: UUID | None) -> Iterator[Finding]:
        """Yield what stands before a case, or at the end: of it there is no event."""
        while self._next is not None and self._is_before(case_id):
            yield _from_nothing(self._next[0], self._next[1])
            self._next = next(self._rows, None)

    def _is_before(self, case_id: UUID | None) -> bool:
        """Say whether the next one stands before a case; one of no case stands behind all."""
        assert self._next is not None
        its = self._next[0]
        return case_id is None or (its is not None and its < case_id)


def parked_in(reading: Reader) -> frozenset[Side]:
    """Return the sides of cases that wait; there are few."""
    statement = f"SELECT case_id, topic FROM {reading.schema}.parked"  # noqa: S608 - our own name
    rows = reading.connection.execute(statement)
    return frozenset((case_id, topic) for case_id, topic in rows)


def lines_from_nothing(reading: Reader, topics: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the lines of the audit trail in use of which there is no event.

    `topics` are the names of the topics, by which logs are named.
    """
    rows = reading.connection.execute(_NO_EVENT.format(schema=reading.schema))
    for case_id, topic, event_id, version, origin, part, offset in rows:
        place: dict[str, Any] = {"partition": part, "offset": offset, "version": version}
        ids: dict[str, Any] = {"case_id": case_id, "event_id": event_id}
        log = log_name(topics[topic], origin) if topic in topics else ""
        yield found_without_event(
            "R9", "projected_from_nothing", origin, log, topic=topic, **ids, **place
        )


def _from_nothing(case_id: UUID | None, topic: str) -> Finding:
    return found_without_event("R9", "projected_from_nothing", "", "", topic=topic, case_id=case_id)


def _states(reading: Reader) -> Iterator[tuple[UUID | None, str, int, bytes]]:
    with reading.connection.cursor(name="states", binary=True) as cursor:
        cursor.itersize = 1_000
        cursor.execute(
            f"SELECT case_id, topic, count, state FROM {reading.schema}.case_state"  # noqa: S608
            " ORDER BY case_id, topic DESC"
        )
        yield from cursor


_NO_EVENT = """
SELECT case_id, topic, event_id, version, origin, partition, "offset"
FROM {schema}.audit_trail AS line
WHERE NOT EXISTS (
    SELECT FROM mirror.record AS record
    WHERE (record.topic, record.partition, record."offset", record.case_id)
        = (line.topic, line.partition, line."offset", line.case_id)
        AND record.effect_offset IS NOT NULL
)
"""
