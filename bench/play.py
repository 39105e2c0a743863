"""Two countries and the referee in memory: every step is decided by the ledger's own rules.

What comes out is therefore what two nodes would have recorded: legal steps, and steps that were
legal where they were taken and are void at their place in the topic's order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import uuid_utils.compat
from uuid_utils.compat import uuid4

from events.codec import encode
from events.stamp import Actor, Event, leaf_hash
from ledger.case.case import Case, Topic
from ledger.case.fold import fold
from ledger.case.matter import Drafts, Matter
from ledger.case.plane import Plane, empty
from ledger.case.recording import record

COUNTRIES = ("KZ", "KG")
SUPERVISOR = Actor(id="sup-0017", role="supervisor", organisation="cps-almaty")
CASEWORKER = Actor(id="cw-0042", role="caseworker", organisation="cps-almaty")


@dataclass(frozen=True, slots=True)
class Said:
    """One event of a case, as it is encoded; a national one is sealed where it is stored."""

    topic: Topic
    event: Event
    value: bytes
    leaf: bytes


@dataclass
class _Country:
    settled: Plane
    national: Plane
    number: int = 0
    waiting: list[Said] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)


class Play:
    """One case from its opening on. `said` grows in the order of the topic."""

    def __init__(self) -> None:
        self.case_id: UUID = uuid4()
        self.said: list[Said] = []
        self._nodes = {
            code: _Country(empty(self.case_id, shared=True), empty(self.case_id, shared=False))
            for code in COUNTRIES
        }

    def decide(self, country: str, decision: Callable[..., Drafts], /, **arguments: Any) -> None:
        """Let a country decide on what it knows; a shared event waits for `settle`."""
        node = self._nodes[country]
        by = arguments.pop("by", SUPERVISOR)
        matter = Matter(
            case=self._case(country),
            by=by,
            at=datetime.now(UTC),
            countries=frozenset(COUNTRIES),
            new_id=uuid_utils.compat.uuid7,
        )
        for recorded in record(matter, decision(matter, **arguments), salt=bytes(range(32))):
            value = encode(recorded.event)
            said = Said(recorded.topic, recorded.event, value, leaf_hash(value))
            node.number = recorded.number
            if said.topic is Topic.SHARED:
                node.waiting.append(said)
            else:
                node.leaves.append(said.leaf)
                node.national, _ = fold(node.national, said.event, said.leaf)
                self.said.append(said)

    def did(self, country: str, decision: Callable[..., Drafts], /, **arguments: Any) -> None:
        """Decide and settle."""
        self.decide(country, decision, **arguments)
        self.settle(country)

    def settle(self, *order: str) -> None:
        """Put on the topic what these countries have decided, in this order; everybody reads it."""
        for country in order:
            fresh, self._nodes[country].waiting = self._nodes[country].waiting, []
            self.said.extend(fresh)
            for said in fresh:
                for node in self._nodes.values():
                    node.settled, _ = fold(node.settled, said.event, said.leaf)

    def _case(self, country: str) -> Case:
        node = self._nodes[country]
        ahead = node.settled
        for said in node.waiting:
            ahead, _ = fold(ahead, said.event, said.leaf)
        return Case(
            case_id=self.case_id,
            country=country,
            settled=node.settled,
            ahead=ahead,
            national=node.national,
            number=node.number,
            national_leaves=tuple(node.leaves),
        )
