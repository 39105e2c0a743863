"""The key-free rule R8: the schema of every event was released by its country before the event.

A schema is released if the agreement began with it, or if an event `SchemasReleased` names it
earlier in the same log: in the origin's own log of the same topic, whose places it signed. That
event may name its own schema.

A schema is known by its fingerprint, which is forgeable (CRC-64), and so by the SHA-256 of the
whole file: the registry holds only schemas whose SHA-256 is that of their line in RELEASED, and two
that share a fingerprint stop the program (events/registry.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from events.compiled import HEADER_BYTES
from events.governance import SchemasReleased
from events.registry import BY_FINGERPRINT, BY_NAME, Schema
from events.stamp import Event
from ledger.log.findings import SHARED, Finding, Heard, found


@dataclass(slots=True)
class SchemaRules:
    """R8 over every log: first `learn` what was released where, then `check` event by event."""

    #: SHA-256 of the schemas that the agreement began with.
    began: frozenset[bytes]
    #: Whether what is national can be opened here. If not, nobody knows what was released there.
    opens: bool = True
    _since: dict[tuple[str, bytes], int] = field(default_factory=dict)

    def learn(self, log: str, index: int, event: Event, *, shared: bool) -> None:
        """Take in an event of the register at its place of a log."""
        if isinstance(event, SchemasReleased) and event.shared is shared:
            for one in event.schemas:
                self._since[log, one] = min(index, self._since.get((log, one), index))

    def check(self, heard: Heard, value: bytes) -> Iterator[Finding]:
        """Yield what is wrong with the schema that the bytes of an event claim.

        The event is as it was decided; at home its bytes are those of its envelope.
        """
        schema = BY_FINGERPRINT.get(value[2:HEADER_BYTES])
        if schema is None:
            yield found("R8", "schema_unknown", heard)
            return
        if heard.topic == SHARED and schema.visibility != "shared":
            yield found("R8", "schema_not_shared", heard)
        if not all(self._is_released(one, heard) for one in _schemas(schema, heard)):
            yield found("R8", "schema_unreleased", heard)

    def _is_released(self, schema: Schema, heard: Heard) -> bool:
        sha = bytes.fromhex(schema.sha256)
        if sha in self.began or (heard.topic != SHARED and not self.opens):
            return True
        since = self._since.get((heard.log, sha))
        return since is not None and heard.log_index is not None and since <= heard.log_index


def _schemas(outer: Schema, heard: Heard) -> tuple[Schema, ...]:
    """Return the schema of the bytes, and that of what they carry, if it could be opened."""
    event = heard.event
    if not isinstance(event, Event):
        return (outer,)
    return (outer, BY_NAME[type(event).__name__, event.schema_version])
