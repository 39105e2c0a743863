"""Which cases wait, by the word of the read models in use: nothing of it is believed.

A case that waits is not folded on, so nothing is shown of its later events. Whoever adds a row here
could have every other look at the case left out; node/audit_models.py finds out where it stops.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from events.compiled import HEADER_BYTES
from ledger.log.findings import Finding, found_without_event
from ledger.mirror import Placed
from node.reading import Reader
from projections.folding import UNKNOWN_SCHEMA

#: Why, and of which schema, if that is why.
Cause = tuple[str | None, bytes | None]


class Parked(NamedTuple):
    """A row of `parked`."""

    case_id: UUID | None
    topic: str
    reason: str | None
    fingerprint: bytes | None
    since_offset: int | None
    since_rank: int | None

    @property
    def place(self) -> tuple[int | None, int | None]:
        """From which event on it waits: where that takes effect."""
        return self.since_offset, self.since_rank

    @property
    def cause(self) -> Cause:
        """Why it waits."""
        return self.reason, self.fingerprint

    def without_cause(self) -> Finding:
        """Return what is found where no event is that could be the cause."""
        said: dict[str, Any] = {"topic": self.topic, "case_id": self.case_id}
        return found_without_event("R9", "parked_without_cause", "", "", **said)


def cause_of(stop: str | None, record: Placed) -> Cause:
    """Return what the node says of a case that stops at an event, by the name of the error."""
    if stop == "UnknownSchema":
        return UNKNOWN_SCHEMA, record.value[2:HEADER_BYTES]
    return stop, None


class Waiting:
    """All that is said to wait; there is little."""

    def __init__(self, reading: Reader) -> None:
        """Read it."""
        columns = ", ".join(Parked._fields).replace("topic", "coalesce(topic, '')")
        statement = f"SELECT {columns} FROM {reading.schema}.parked"  # noqa: S608 - our own names
        self._cases: dict[UUID | None, dict[str, list[Parked]]] = {}
        for row in map(Parked._make, reading.connection.execute(statement)):
            self._cases.setdefault(row.case_id, {}).setdefault(row.topic, []).append(row)

    def of(self, case_id: UUID) -> Mapping[str, list[Parked]]:
        """Return what is said of a case, topic by topic; once."""
        return self._cases.pop(case_id, {})

    def rest(self) -> Iterator[Finding]:
        """Yield what is said of cases of which nobody has asked: nothing of them is here."""
        for topics in self._cases.values():
            for rows in topics.values():
                yield from (one.without_cause() for one in rows)
