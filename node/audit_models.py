"""R9: what the read models in use say of a case is what its events in the mirror fold to.

The auditor folds each case once more, event by event (node/audit_sides.py), and compares the lines
of the audit trail, the state that the node goes on from, and which cases wait. It is the node's own
fold: that it is right is shown by the frozen histories, not here. All other read models are
compared by `ledger projections verify`, which builds them anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from events.contract import log_name
from ledger.case.case import Topic
from ledger.case.plane import empty
from ledger.keys.national import NationalKeys
from ledger.log.findings import Finding, Heard, found_without_event
from node.audit_parked import Parked
from node.audit_sides import Line, Read, SideRules
from node.reading import Reader


@dataclass(slots=True)
class ModelRules:
    """The rule over one case."""

    case_id: UUID
    country: str
    keys: NationalKeys | None
    #: Topic -> what `parked` says of it.
    parked: Mapping[str, list[Parked]]
    _sides: dict[str, SideRules] = field(default_factory=dict)

    def hear(self, heard: Heard, read: Read, line: Line) -> Iterator[Finding]:
        """Take in the next event; yield how its line of the trail differs."""
        side = self._sides.get(heard.topic)
        if side is None:
            fresh = empty(self.case_id, shared=heard.topic == Topic.SHARED)
            waits = self.parked.get(heard.topic, [])
            side = self._sides[heard.topic] = SideRules(self.country, self.keys, waits, fresh)
        yield from side.hear(heard, read, line)

    def end(self, states: Mapping[str, tuple[int, bytes]]) -> Iterator[Finding]:
        """Yield how the states in use differ: topic -> count and encoded plane."""
        for topic, side in self._sides.items():
            yield from side.end(states.get(topic))
        for topic in states.keys() - self._sides.keys():
            yield _from_nothing(self.case_id, topic)
        for topic in self.parked.keys() - self._sides.keys():
            for one in self.parked[topic]:
                yield one.without_cause()


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
