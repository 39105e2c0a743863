"""Event to bytes and back: Avro single-object encoding (C3 01, fingerprint, body).

An event is encoded once, at the decision, and what was written is read back and compared, so no
record of ours can be unreadable: fastavro alone writes bad data silently (True as 1, 2**31 as int).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.validation import ValidationError, validate

from events import codes
from events.errors import EventTooLarge, NotEncodable, RecordRejected, UnknownSchema
from events.registry import BY_FINGERPRINT, BY_NAME, Schema, plain
from events.stamp import Actor, Event, SealedEntry

MAGIC = b"\xc3\x01"
HEADER_BYTES = 10
#: tlog-tiles stores an entry with a 16-bit length; the same limit holds everywhere.
MAX_EVENT_BYTES = 65_535

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EPOCH_DAY = date(1970, 1, 1).toordinal()

Convert = Callable[[Any], Any]


def micros(moment: datetime) -> int:
    """Return microseconds since 1970 UTC; a moment without a zone is refused."""
    if moment.tzinfo is None:
        raise NotEncodable("a moment without a time zone cannot be recorded")
    return (moment - _EPOCH) // _MICROSECOND


def _moment(value: int) -> datetime:
    return _EPOCH + timedelta(microseconds=value)


def _day(value: int) -> date:
    return date.fromordinal(_EPOCH_DAY + value)


def _days(value: date) -> int:
    return value.toordinal() - _EPOCH_DAY


def _uuid(value: str) -> UUID:
    found = UUID(value)
    if str(found) != value:
        raise ValueError("not a canonical UUID")
    return found


_READ_RECORD: Mapping[str, Convert] = {
    "Actor": lambda value: Actor(**value),
    "SealedEntry": lambda value: SealedEntry(
        scope=codes.DataScope(value["scope"]), box=value["box"]
    ),
}
_WRITE_RECORD: Mapping[str, Convert] = {
    "Actor": lambda value: {name: getattr(value, name) for name in ("id", "role", "organisation")},
    "SealedEntry": lambda value: {"scope": str(value.scope), "box": value.box},
}
_READ_LOGICAL: Mapping[str, Convert] = {"uuid": _uuid, "timestamp-micros": _moment, "date": _day}
_WRITE_LOGICAL: Mapping[str, Convert] = {"uuid": str, "timestamp-micros": micros, "date": _days}


def _optional(inner: Convert | None) -> Convert | None:
    if inner is None:
        return None
    return lambda value: None if value is None else inner(value)


def _each(inner: Convert | None, into: Callable[[Any], Any]) -> Convert:
    if inner is None:
        return into
    return lambda value: into([inner(item) for item in value])


def _converter(kind: Any, *, reading: bool, named: dict[str, Any]) -> Convert | None:
    """Return how one Avro type becomes a Python value (or the way back); None = as it is."""
    if isinstance(kind, str):
        return named.get(kind)
    if isinstance(kind, list):
        return _optional(_converter(kind[1], reading=reading, named=named))
    found: Convert | None = None
    match kind["type"]:
        case "enum":
            members = {member.value: member for member in getattr(codes, kind["name"])}
            found = named[kind["name"]] = members.__getitem__ if reading else str
        case "array":
            inner = _converter(kind["items"], reading=reading, named=named)
            found = _each(inner, tuple if reading else list)
        case "record":
            for field in kind["fields"]:  # a named type may be defined inside
                _converter(field["type"], reading=reading, named=named)
            found = (_READ_RECORD if reading else _WRITE_RECORD)[kind["name"]]
        case _ if "logicalType" in kind:
            found = (_READ_LOGICAL if reading else _WRITE_LOGICAL)[kind["logicalType"]]
    return found


@cache
def _converters(schema_key: tuple[str, int], *, reading: bool) -> tuple[tuple[str, Convert], ...]:
    named: dict[str, Any] = {}
    pairs = [
        (field["name"], _converter(field["type"], reading=reading, named=named))
        for field in BY_NAME[schema_key].document["fields"]
    ]
    return tuple((name, convert) for name, convert in pairs if convert is not None)


@cache
def _wire_names(schema_key: tuple[str, int]) -> tuple[str, ...]:
    return tuple(field["name"] for field in BY_NAME[schema_key].document["fields"])


def _record(event: Event, schema: Schema) -> dict[str, Any]:
    key = (schema.name, schema.version)
    record = {name: getattr(event, name) for name in _wire_names(key)}
    for name, convert in _converters(key, reading=False):
        record[name] = convert(record[name])
    return record


def encode(event: Event) -> bytes:
    """Return the bytes of an event, checked to decode to the same event.

    Raises NotEncodable when a value does not fit its schema, EventTooLarge above 65,535 bytes.
    """
    name = type(event).__name__
    schema = BY_NAME.get((name, event.schema_version))
    if schema is None:
        raise UnknownSchema(f"no released schema for {name} v{event.schema_version}")
    sink = io.BytesIO()
    sink.write(MAGIC + schema.fingerprint)
    try:
        record = _record(event, schema)
        validate(record, schema.plain, strict=True)
        schemaless_writer(sink, schema.plain, record, strict_allow_default=True)
        value = sink.getvalue()
        same = decode(value) == event
    except (ValidationError, ValueError, TypeError, AttributeError, KeyError, RecordRejected):
        # `from None`: the library's message quotes the value, which may be personal.
        raise NotEncodable(f"{name} of case {event.case_id} does not fit its schema") from None
    if not same:
        raise NotEncodable(f"{name} of case {event.case_id} does not survive its own encoding")
    if len(value) > MAX_EVENT_BYTES:
        raise EventTooLarge(
            f"{name} of case {event.case_id} has {len(value)} bytes; {MAX_EVENT_BYTES} are allowed"
        )
    return value


def schema_of(value: bytes) -> Schema:
    """Return the released schema that these bytes claim; UnknownSchema if none is installed."""
    if value[:2] != MAGIC:
        raise RecordRejected("not an Avro single-object record", rule="framing")
    schema = BY_FINGERPRINT.get(value[2:HEADER_BYTES])
    if schema is None:
        raise UnknownSchema(f"no released schema has fingerprint {value[2:HEADER_BYTES].hex()}")
    return schema


def decode(value: bytes) -> Event:
    """Return the event that these bytes are, or a RecordRejected that says why they are none."""
    if len(value) > MAX_EVENT_BYTES:
        raise EventTooLarge(f"{len(value)} bytes; {MAX_EVENT_BYTES} are allowed")
    schema = schema_of(value)
    source = io.BytesIO(value)
    source.seek(HEADER_BYTES)
    try:
        record: Any = schemaless_reader(source, schema.plain)
        for name, convert in _converters((schema.name, schema.version), reading=True):
            record[name] = convert(record[name])
    except (EOFError, ValueError, TypeError, KeyError, IndexError, OverflowError):
        raise RecordRejected(f"the bytes are no {schema.name} v{schema.version}") from None
    if source.tell() != len(value):
        raise RecordRejected(f"bytes left over after {schema.name}", rule="trailing_bytes")
    return schema.event_class(**record, schema_version=schema.version)


#: The frozen prefix of every schema: enough to place an event whose schema is not installed.
_STAMP_FIELDS = ("event_id", "case_id", "origin", "version", "seen", "occurred_at", "recorded_at")


@cache
def _stamp_schema() -> Any:
    """Return a schema of the first fields of every event; fields after them are not read."""
    any_schema = next(iter(BY_NAME.values()))
    document = dict(any_schema.document)
    document["fields"] = [f for f in document["fields"] if f["name"] in _STAMP_FIELDS]
    return parse_schema(plain(document), _write_hint=False)


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


def read_stamp(value: bytes) -> Stamp:
    """Return the stamp of an event of any schema, known or not; RecordRejected if there is none."""
    if value[:2] != MAGIC or len(value) > MAX_EVENT_BYTES:
        raise RecordRejected("not an Avro single-object record", rule="framing")
    source = io.BytesIO(value)
    source.seek(HEADER_BYTES)
    try:
        record: Any = schemaless_reader(source, _stamp_schema())
        return Stamp(
            event_id=_uuid(record["event_id"]),
            case_id=_uuid(record["case_id"]),
            origin=record["origin"],
            version=record["version"],
            seen=record["seen"],
            occurred_at=_moment(record["occurred_at"]),
            recorded_at=_moment(record["recorded_at"]),
        )
    except (EOFError, ValueError, TypeError, KeyError, IndexError, OverflowError):
        raise RecordRejected("the record has no stamp") from None


def wire_fields(event_class: type[Event]) -> tuple[str, ...]:
    """Return the names of an event class's fields as they stand on the wire, in order."""
    return tuple(field.name for field in fields(event_class) if field.name != "schema_version")
