"""With which schemas a country writes: those its agreement began with, and those it released since.

An auditor finds an event whose schema was not released before it (rule R8), so it is refused here
before it is recorded. Whoever releases one has asked the others whether they can read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from events.errors import NotAllowedNow
from events.governance import SchemasReleased
from events.registry import BY_NAME, NEWEST, Schema
from events.schema_pin import HERE
from events.stamp import Event
from ledger.case.case import Topic
from ledger.case.recording import Recorded
from ledger.snapshot import CaseReader

_ENVELOPE = NEWEST["NationalEvent"]


def schemas_of(event: Event, *, shared: bool) -> tuple[Schema, ...]:
    """Return the schemas with which an event is written on a topic; at home in an envelope."""
    own = BY_NAME[type(event).__name__, event.schema_version]
    return (own,) if shared else (own, _ENVELOPE)


class WrittenWith:
    """Knows what may be written with; looks into the register only if the agreement lacks some."""

    def __init__(
        self, reader: CaseReader, country: str, register: UUID, began: frozenset[bytes]
    ) -> None:
        self._reader = reader
        self._country = country
        self._register = register
        self._began = began

    def require(self, recorded: Sequence[Recorded]) -> None:
        """Refuse events of a schema that is not released; NotAllowedNow names the first."""
        if self._began >= HERE:
            return
        fresh = [one.event for one in recorded if isinstance(one.event, SchemasReleased)]
        for one in recorded:
            shared = one.topic is Topic.SHARED
            for schema in schemas_of(one.event, shared=shared):
                wanted = bytes.fromhex(schema.sha256)
                said = {sha for event in fresh if event.shared is shared for sha in event.schemas}
                if wanted not in self._began | said and wanted not in self._released(one.topic):
                    raise NotAllowedNow(
                        f"{self._country} has not released {schema.name} version {schema.version}:"
                        " once every country can read it, `ledger schemas release`",
                        rule="schema_released",
                    )

    def _released(self, topic: Topic) -> tuple[bytes, ...]:
        case = self._reader.read(self._register).history.case
        return case.plane(topic).schemas.get(self._country, ())
