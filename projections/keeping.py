"""Planes of the cases that were folded lately, kept as long as nobody else has folded them.

Reading a plane back costs more than folding an event. A position tells whether what is kept is
still true: it moves with every batch, and its `refolds` with every case that somebody folded on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from psycopg import Connection

from ledger.case.case import Topic
from ledger.case.encoding import plane_from_json
from ledger.case.plane import Plane, empty
from projections.positions import Move, Part, Position

#: A case on one topic.
Side = tuple[UUID, str]
_TOPICS = tuple(topic.value for topic in Topic)


class Kept:
    """What one reader remembers of a generation: about so many planes, 5 kB each."""

    def __init__(self, *, most: int = 10_000) -> None:
        self._most = most
        self._seen: dict[Part, tuple[int, int]] = {}
        self._planes: dict[Part, dict[UUID, Plane]] = {}
        self._parked: set[Side] | None = None

    def check(self, there: Mapping[Part, Position]) -> set[Part]:
        """Forget what may have changed since positions were last seen; return where."""
        stale = {
            part
            for part, position in there.items()
            if self._seen.get(part) != (position.next_offset, position.refolds)
        }
        for part in stale:
            self._planes.pop(part, None)
            self._parked = None
            self._seen[part] = (there[part].next_offset, there[part].refolds)
        return stale

    def move(self, moves: Iterable[Move]) -> None:
        """Note where this reader itself has moved positions to."""
        for move in moves:
            part = (move.topic, move.partition)
            self._seen[part] = (move.next_offset, self._seen[part][1])

    def load(
        self, connection: Connection[Any], schema: str, partition: int, cases: Collection[UUID]
    ) -> None:
        """Know the planes of some cases of a partition, on both topics."""
        sides = [self._planes.setdefault((topic, partition), {}) for topic in _TOPICS]
        missing = [case_id for case_id in cases if any(case_id not in side for side in sides)]
        if not missing:
            return
        found = load_planes(connection, schema, missing)
        for topic, side in zip(_TOPICS, sides, strict=True):
            for case_id in missing:
                plane = found.get((case_id, topic))
                shared = topic == Topic.SHARED
                side[case_id] = empty(case_id, shared=shared) if plane is None else plane

    def plane(self, topic: str, partition: int, case_id: UUID) -> Plane:
        """Return a plane that is known."""
        return self._planes[topic, partition][case_id]

    def keep(self, topic: str, partition: int, plane: Plane) -> None:
        """Know a plane, as the newest."""
        side = self._planes[topic, partition]
        side.pop(plane.case_id, None)
        side[plane.case_id] = plane

    def trim(self) -> None:
        """Forget the planes that were not folded for longest, if there are too many."""
        each = self._most // max(1, len(self._planes))
        for side in self._planes.values():
            for case_id in list(side)[: max(0, len(side) - each)]:
                del side[case_id]

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
