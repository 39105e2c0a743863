"""What can be read of every event: its schema's fingerprint, and the stamp that it begins with.

Apache Avro 1.12, "Single-object encoding", "Parsing Canonical Form", "Schema Fingerprints".
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

#: Bytes of a single-object header: C3 01 and the fingerprint.
_HEAD_BYTES = 10
_EMPTY_CRC = 0xC15D213AA4D7A795
_NAMED = frozenset({"record", "enum", "fixed"})
_PRIMITIVE = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


class EventStamp(NamedTuple):
    """The frozen beginning of every event."""

    event_id: str
    case_id: str
    origin: str
    version: int
    seen: bytes
    occurred_at: datetime
    recorded_at: datetime


def stamp_of(value: bytes) -> EventStamp:
    """Return the stamp of an event's bytes; ValueError if they are no event."""
    return stamp_and_rest(value)[0]


def stamp_and_rest(value: bytes) -> tuple[EventStamp, int]:
    """Return the stamp of an event, and where what follows it begins; ValueError."""
    if value[:2] != b"\xc3\x01":
        raise ValueError("not an Avro single-object record")
    try:
        return _read_stamp(value)
    except (IndexError, OverflowError, UnicodeDecodeError):
        raise ValueError("the record has no stamp") from None


def _read_stamp(value: bytes) -> tuple[EventStamp, int]:
    event_id, at = string_at(value, _HEAD_BYTES)
    case_id, at = string_at(value, at)
    origin, at = string_at(value, at)
    version, at = long_at(value, at)
    seen, at = value[at : at + 32], at + 32
    occurred, at = long_at(value, at)
    recorded, at = long_at(value, at)
    times = _moment_of(occurred), _moment_of(recorded)
    return EventStamp(event_id, case_id, origin, version, seen, *times), at


def _moment_of(microseconds: int) -> datetime:
    return _BEGIN + timedelta(microseconds=microseconds)


def long_at(value: bytes, at: int) -> tuple[int, int]:
    """Return a number (zig-zag, "Binary Encoding") and what is behind it; IndexError."""
    number = 0
    for shift in range(0, 70, 7):  # a long has ten bytes at most
        byte = value[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return (number >> 1) ^ -(number & 1), at
    raise IndexError


def string_at(value: bytes, at: int) -> tuple[str, int]:
    """Return a text and what is behind it; IndexError if it is cut."""
    length, at = long_at(value, at)
    if length < 0 or at + length > len(value):
        raise IndexError
    return value[at : at + length].decode("utf-8"), at + length


def header_of(schema: bytes) -> bytes:
    """Return the ten bytes that events of a schema begin with; ValueError if it is no schema."""
    try:
        canonical = _canonical(json.loads(schema), "")
    except (AttributeError, KeyError, RecursionError, TypeError, UnicodeDecodeError):
        raise ValueError("not an Avro schema") from None
    text = json.dumps(canonical, separators=(",", ":"), ensure_ascii=False)
    return b"\xc3\x01" + _crc64(text.encode()).to_bytes(8, "little")


def _crc64(data: bytes) -> int:
    found = _EMPTY_CRC
    for byte in data:
        found ^= byte
        for _ in range(8):
            found = (found >> 1) ^ (_EMPTY_CRC if found & 1 else 0)
    return found


def _canonical(schema: Any, space: str) -> Any:
    """Return a schema in canonical form: full names, six attributes, in their order."""
    if isinstance(schema, str):
        return schema if schema in _PRIMITIVE or "." in schema else f"{space}.{schema}"
    if isinstance(schema, list):
        return [_canonical(branch, space) for branch in schema]
    kind = schema["type"]
    if isinstance(kind, dict | list):
        return _canonical(kind, space)
    found: dict[str, Any] = {}
    if kind in _NAMED:
        name = schema["name"]
        space = schema.get("namespace", space) if "." not in name else name.rpartition(".")[0]
        found["name"] = name if "." in name or not space else f"{space}.{name}"
    found["type"] = kind
    if "fields" in schema:
        found["fields"] = [
            {"name": field["name"], "type": _canonical(field["type"], space)}
            for field in schema["fields"]
        ]
    for name in ("symbols", "items", "values", "size"):
        if name in schema:
            inner = name in {"items", "values"}
            found[name] = _canonical(schema[name], space) if inner else schema[name]
    return kind if list(found) == ["type"] else found
