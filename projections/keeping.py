"""Planes of the cases that were folded lately, kept as long as nobody else has folded them.

Reading a plane back costs more than folding an event. A position tells whether what is kept is
still true: it moves with every batch, and its `refolds` with every case that somebody folded on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from psycopg import Connection

from ledger.case.case import Topic
from ledger.case.encoding import plane_from_json
from ledger.case.plane import Plane, empty
from projections.positions import Move, Part, Position

#: A case on one topic.
Side = tuple[UUID, str]
#: What both topics say of one case, in the order of `Topic`.
Pair = list[Plane]
TOPICS = tuple(topic.value for topic in Topic)


class Kept:
    """What one reader remembers of a generation: about so many cases, 5 kB each."""

    def __init__(self, *, most: int = 10_000) -> None:
        self._most = most
        self._seen: dict[Part, tuple[int, int]] = {}
        self._pairs: dict[int, dict[UUID, Pair]] = {}
        self._parked: set[Side] | None = None

    def check(self, there: Mapping[Part, Position]) -> set[Part]:
        """Forget what may have changed since positions were last seen; return where."""
        stale = {
            part
            for part, position in there.items()
            if self._seen.get(part) != (position.next_offset, position.refolds)
        }
        for part in stale:
            self._pairs.pop(part[1], None)
            self._parked = None
            self._seen[part] = (there[part].next_offset, there[part].refolds)
        return stale

    def move(self, moves: Iterable[Move]) -> None:
        """Note where this reader itself has moved positions to."""
        for move in moves:
            part = (move.topic, move.partition)
            self._seen[part] = (move.next_offset, self._seen[part][1])

    def load(
        self, connection: Connection[Any], schema: str, partition: int, cases: Iterable[UUID]
    ) -> Mapping[UUID, Pair]:
        """Return the planes of a partition's cases, these among them; they are read if need be."""
        pairs = self._pairs.setdefault(partition, {})
        missing = [case_id for case_id in cases if case_id not in pairs]
        if missing:
            found = load_planes(connection, schema, missing)
            for case_id in missing:
                pairs[case_id] = [
                    found.get((case_id, topic)) or empty(case_id, shared=topic == Topic.SHARED)
                    for topic in TOPICS
                ]
        return pairs

    def trim(self) -> None:
        """Forget the cases that were learnt first, if there are too many."""
        each = self._most // max(1, len(self._pairs))
        for pairs in self._pairs.values():
            for case_id in list(pairs)[: max(0, len(pairs) - each)]:
                del pairs[case_id]

    def parked(self, connection: Connection[Any], schema: str) -> set[Side]:
        """Return which cases are parked, on which topic; the caller adds what it parks."""
        if self._parked is None:
            rows = connection.execute(_PARKED.format(schema=schema), binary=True)
            self._parked = set(rows)
        return self._parked


def load_planes(
    connection: Connection[Any], schema: str, cases: Iterable[UUID]
) -> dict[Side, Plane]:
    """Return the planes of some cases, on both topics."""
    statement = _PLANES.format(schema=schema)
    rows = connection.execute(statement, (list(cases),), prepare=True, binary=True)
    return {(case_id, topic): plane_from_json(state) for case_id, topic, state in rows}


_PLANES = "SELECT case_id, topic, state FROM {schema}.case_state WHERE case_id = ANY(%b)"
_PARKED = "SELECT case_id, topic FROM {schema}.parked"
