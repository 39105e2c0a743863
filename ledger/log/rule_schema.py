"""The key-free rule R8: the schema of every event is a released one.

By its fingerprint, which is forgeable (CRC-64), and so by the SHA-256 of the whole schema: the
registry holds only schemas whose SHA-256 is that of their line in RELEASED, and two that share a
fingerprint stop the program (events/registry.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from events.compiled import HEADER_BYTES
from events.registry import BY_FINGERPRINT
from ledger.log.findings import SHARED, Finding, Heard, found


def check_schema(heard: Heard, value: bytes) -> Iterator[Finding]:
    """Yield what is wrong with the schema that the bytes of an event claim."""
    schema = BY_FINGERPRINT.get(value[2:HEADER_BYTES])
    if schema is None:
        yield found("R8", "schema_unknown", heard)
    elif heard.topic == SHARED and schema.visibility != "shared":
        yield found("R8", "schema_not_shared", heard)
