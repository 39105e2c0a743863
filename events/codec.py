"""Event to bytes and back: Avro single-object encoding (C3 01, fingerprint, body).

An event is encoded once, at the decision: validated and written by fastavro, read back by our own
reader and compared, so that no record of ours can be unreadable. fastavro alone writes bad data
silently (True as 1, 2**31 as an int) and reads more than it writes; our reader takes the canonical
form only, so that two events never share bytes and one event never has two byte strings.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from fastavro import schemaless_writer
from fastavro.validation import validate

from events.compiled import HEADER_BYTES, UNREADABLE, reader, writer
from events.errors import EventTooLarge, NotEncodable, RecordRejected, UnknownSchema
from events.registry import BY_FINGERPRINT, BY_NAME, SCHEMAS, Schema
from events.stamp import Event

MAGIC = b"\xc3\x01"
#: tlog-tiles stores an entry with a 16-bit length; the same limit holds everywhere.
MAX_EVENT_BYTES = 65_535


def encode(event: Event) -> bytes:
    """Return the bytes of an event, checked to decode to the same event.

    Raises NotEncodable when a value does not fit its schema, EventTooLarge above 65,535 bytes.
    """
    name = type(event).__name__
    schema = BY_NAME.get((name, event.schema_version))
    if schema is None:
        raise UnknownSchema(f"no released schema for {name} v{event.schema_version}")
    try:
        value = _written(event, schema)
        same = len(value) > MAX_EVENT_BYTES or decode(value) == event
    except (ValueError, TypeError, AttributeError, LookupError, OverflowError, RecordRejected):
        # `from None`: the library's message quotes the value, which may be personal.
        raise NotEncodable(f"{name} of case {event.case_id} does not fit its schema") from None
    if not same:
        raise NotEncodable(f"{name} of case {event.case_id} does not survive its own encoding")
    if len(value) > MAX_EVENT_BYTES:
        raise EventTooLarge(
            f"{name} of case {event.case_id} has {len(value)} bytes; {MAX_EVENT_BYTES} are allowed"
        )
    return value


@cache
def _writer(schema: tuple[str, int]) -> Callable[[Event], dict[str, Any]]:
    return writer(BY_NAME[schema].document["fields"])


def _written(event: Event, schema: Schema) -> bytes:
    record = _writer((schema.name, schema.version))(event)
    # Asked for a yes or no: naming the field that is wrong costs three times as long, for
    # every right one, and quotes the value.
    if not validate(record, schema.plain, raise_errors=False, strict=True):
        raise ValueError
    sink = io.BytesIO()
    sink.write(MAGIC + schema.fingerprint)
    schemaless_writer(sink, schema.plain, record, strict_allow_default=True)
    return sink.getvalue()


def schema_of(value: bytes) -> Schema:
    """Return the released schema that these bytes claim; UnknownSchema if none is installed."""
    if value[:2] != MAGIC:
        raise RecordRejected("not an Avro single-object record", rule="framing")
    schema = BY_FINGERPRINT.get(value[2:HEADER_BYTES])
    if schema is None:
        raise UnknownSchema(f"no released schema has fingerprint {value[2:HEADER_BYTES].hex()}")
    return schema


class _Readers(dict[bytes, Callable[[bytes], Event]]):
    """Generated readers by the header of their schema; each is made when it is first needed."""

    def __missing__(self, header: bytes) -> Callable[[bytes], Event]:
        schema = schema_of(header)
        found = reader(schema.event_class, schema.document["fields"], version=schema.version)
        self[header] = found
        return found


_READERS = _Readers()


def decode(value: bytes) -> Event:
    """Return the event that these bytes are, or a RecordRejected that says why they are none."""
    if len(value) > MAX_EVENT_BYTES:
        raise EventTooLarge(f"{len(value)} bytes; {MAX_EVENT_BYTES} are allowed")
    read = _READERS[value[:HEADER_BYTES]]
    try:
        return read(value)
    except UNREADABLE:
        schema = schema_of(value)
        raise RecordRejected(f"the bytes are no {schema.name} v{schema.version}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What can be read of any event, also of one whose schema is not installed here."""

    event_id: UUID
    case_id: UUID
    origin: str
    version: int
    seen: bytes
    occurred_at: datetime
    recorded_at: datetime


@cache
def _stamp_reader() -> Callable[[bytes], Stamp]:
    names = {field.name for field in fields(Stamp)}
    any_schema = SCHEMAS[0].document["fields"]
    prefix = [field for field in any_schema if field["name"] in names]
    found: Callable[[bytes], Stamp] = reader(Stamp, prefix, version=None)
    return found


def read_stamp(value: bytes) -> Stamp:
    """Return the stamp of an event of any schema, known or not; RecordRejected if there is none."""
    if value[:2] != MAGIC or len(value) > MAX_EVENT_BYTES:
        raise RecordRejected("not an Avro single-object record", rule="framing")
    try:
        return _stamp_reader()(value)
    except UNREADABLE:
        raise RecordRejected("the record has no stamp") from None


def wire_fields(event_class: type[Event]) -> tuple[str, ...]:
    """Return the names of an event class's fields as they stand on the wire, in order."""
    return tuple(field.name for field in fields(event_class) if field.name != "schema_version")
