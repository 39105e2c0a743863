"""Our reader against fastavro: the same events from the same bytes, and nothing else from others.

fastavro alone reads more than it writes (over-long numbers, negative positions, arrays in blocks,
upper-case ids). So the oracle is fastavro's reader, and its writer giving the same bytes back.
"""

from __future__ import annotations

import io
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from fastavro import schemaless_reader, schemaless_writer
from fastavro.validation import validate
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from events import codes, stamp
from events.codec import decode, encode, read_stamp, schema_of
from events.compiled import HEADER_BYTES, shape
from events.errors import RecordRejected
from events.registry import SCHEMAS
from events.stamp import Event
from tests.any_event import any_event, events_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Nothing here is about time: the machine may be busy.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
HEADERS = [b"\xc3\x01" + schema.fingerprint for schema in SCHEMAS]


def _value(kind: Any, found: Any, named: dict[str, Any]) -> Any:
    """What a plain value that fastavro read means."""
    what, inner = shape(kind, named)
    match what:
        case "union":
            return None if found is None else _value(inner, found, named)
        case "array":
            return tuple(_value(inner["items"], item, named) for item in found)
        case "record":
            fields = {
                f["name"]: _value(f["type"], found[f["name"]], named) for f in inner["fields"]
            }
            return getattr(stamp, inner["name"])(**fields)
        case "enum":
            return getattr(codes, inner["name"])(found)
        case "uuid":
            if str(UUID(found)) != found:
                raise ValueError(found)
            return UUID(found)
        case "date":
            return date.fromordinal(date(1970, 1, 1).toordinal() + found)
        case "timestamp-micros":
            return EPOCH + timedelta(microseconds=found)
        case _:
            return found


def by_fastavro(value: bytes) -> Event | None:
    """The event that fastavro finds in these bytes and would write as these bytes, or None."""
    schema = schema_of(value)
    source, sink = io.BytesIO(value), io.BytesIO(value[:HEADER_BYTES])
    source.seek(HEADER_BYTES)
    sink.seek(HEADER_BYTES)
    named: dict[str, Any] = {}
    try:
        found: Any = schemaless_reader(source, schema.plain)
        schemaless_writer(sink, schema.plain, found)
        fields = {f["name"]: _value(f["type"], found[f["name"]], named)
                  for f in schema.document["fields"]}  # fmt: skip
    except (EOFError, ValueError, IndexError, OverflowError):
        return None
    canonical = sink.getvalue() == value
    if not canonical or not validate(found, schema.plain, raise_errors=False, strict=True):
        return None
    return schema.event_class(**fields, schema_version=schema.version)


def by_us(value: bytes) -> Event | None:
    """The event that our reader finds, or None if it refuses; anything else it raises is a bug."""
    try:
        return decode(value)
    except RecordRejected:
        return None


@settings(UNHURRIED)
@given(any_event)
def test_an_event_survives_its_bytes(event):
    """What is recorded today reads as the same fact for ever, by us and by fastavro."""
    value = encode(event)
    assert event == decode(value) == by_fastavro(value)
    assert hash(event) == hash(decode(value))


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda s: f"{s.name}.v{s.version}")
def test_every_schema_has_a_reader(schema):
    """None is left to the luck of the draw."""

    @settings(UNHURRIED, max_examples=3)
    @given(events_of(schema))
    def survives(event):
        assert event == decode(encode(event)) == by_fastavro(encode(event))

    survives()


#: Over-long, negative, huge, out of 32 bits, out of 64 bits, never ending.
NUMBERS = [
    bytes.fromhex(text)
    for text in (
        "8000", "ffff03", "01", "03", "feffffff0f", "8080808010", "8180808010",
        "80808080808080808001", "ffffffffffffffffff01", "ffffffffffffffffffff00",
    )
]  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Bytes of an event with a few edits after the header: flips, cuts, numbers, repeats."""
    value = bytearray(encode(draw(any_event)))
    numbers = st.sampled_from(NUMBERS)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(HEADER_BYTES, max(HEADER_BYTES, len(value) - 1)))
        match draw(st.sampled_from(["flip", "cut", "insert", "replace", "remove", "case"])):
            case "flip" if at < len(value):
                value[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del value[at:]
            case "insert":
                value[at:at] = draw(numbers | st.binary(min_size=1, max_size=3))
            case "replace":
                value[at : at + 1] = draw(numbers | st.binary(min_size=1, max_size=1))
            case "remove":
                del value[at : at + draw(st.integers(1, 40))]
            case "case":
                value[HEADER_BYTES:] = value[HEADER_BYTES:].upper()
    return bytes(value)


@settings(UNHURRIED, max_examples=600)
@given(damaged())
def test_damaged_bytes_are_read_alike_or_refused_alike(value):
    """A reader that takes what another refuses would fold another history."""
    assert by_fastavro(value) == by_us(value)


@settings(UNHURRIED, max_examples=300)
@given(st.sampled_from(HEADERS), st.binary(max_size=400))
@example(HEADERS[0], b"")
def test_garbage_under_a_right_header_is_refused_like_fastavro_does(header, body):
    """The fingerprint is eight bytes that anybody can send."""
    assert by_fastavro(header + body) == by_us(header + body)


@settings(UNHURRIED)
@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda body: b"\xc3\x01" + body))
def test_any_bytes_are_an_event_or_a_refusal(value):
    """Nothing that can stand on a topic stops a reader by surprise."""
    for read in (decode, read_stamp):
        with suppress(RecordRejected):
            read(value)


@settings(UNHURRIED)
@given(any_event, st.binary(min_size=8, max_size=8))
def test_the_stamp_is_read_without_the_schema(event, fingerprint):
    """An event of a schema not installed here still has a place, an origin and a version."""
    value = encode(event)
    found = read_stamp(value[:2] + fingerprint + value[HEADER_BYTES:])
    for name in ("event_id", "case_id", "origin", "version", "seen", "occurred_at", "recorded_at"):
        assert getattr(event, name) == getattr(found, name)


@settings(UNHURRIED)
@given(any_event, st.data())
def test_a_cut_event_is_no_event(event, data):
    """Every proper prefix is refused, at every place where a connection can break."""
    value = encode(event)
    cut = value[: data.draw(st.integers(0, len(value) - 1))]
    assert by_us(cut) is None
