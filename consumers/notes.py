"""What a reactor has carried, taken in and cleared away: notes that save a step, and no more.

Losing one repeats a step that may be repeated. What was noted once is never asked again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from psycopg import Connection

from ledger.case.plane import Release

_MOVED = "SELECT grant_id FROM ledger.grant_moved WHERE step = %b AND grant_id = ANY (%b)"
_NOTE = "INSERT INTO ledger.grant_moved (grant_id, step) VALUES (%b, %b) ON CONFLICT DO NOTHING"
_ANY = "SELECT grant_id FROM ledger.grant_moved WHERE grant_id = ANY (%b)"
#: Notes that are remembered.
_MOST = 50_000


class Notes:
    """The notes of one country's reactor."""

    def __init__(self) -> None:
        self._done: OrderedDict[tuple[UUID, str], None] = OrderedDict()

    def missing(
        self, database: Connection[Any], step: str, grants: Mapping[UUID, Release]
    ) -> list[tuple[UUID, Release]]:
        """Return those of some grants for which a step is not noted."""
        asked = [grant_id for grant_id in grants if (grant_id, step) not in self._done]
        if asked:
            rows = database.execute(_MOVED, (step, asked), prepare=True)
            self._remember((grant_id, step) for (grant_id,) in rows)
        return [(one, grants[one]) for one in asked if (one, step) not in self._done]

    def keep(self, database: Connection[Any], grant_id: UUID, step: str) -> None:
        """Note that a step was taken."""
        database.execute(_NOTE, (grant_id, step), prepare=True)
        self._remember([(grant_id, step)])

    def _remember(self, notes: Iterable[tuple[UUID, str]]) -> None:
        for note in notes:
            self._done[note] = None
        while len(self._done) > _MOST:
            self._done.popitem(last=False)


def moved(database: Connection[Any], grants: list[UUID]) -> set[UUID]:
    """Return those of some grants of which this country has noted anything."""
    return {grant_id for (grant_id,) in database.execute(_ANY, (grants,), prepare=True)}
