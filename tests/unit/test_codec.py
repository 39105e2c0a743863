"""What an event may not be, and what its bytes may not be: one case per rule of the wire format."""

from __future__ import annotations

import io
import traceback
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from fastavro import schemaless_reader

from events.care import CaseAssigned
from events.case import RecordCorrected
from events.codec import HEADER_BYTES, MAX_EVENT_BYTES, decode, encode, read_stamp, schema_of
from events.codes import DataScope, Purpose
from events.compiled import UNREADABLE, reader, writer
from events.consent import ConsentGranted
from events.errors import EventTooLarge, Misconfigured, NotEncodable, RecordRejected, UnknownSchema
from events.registry import NEWEST
from events.stamp import Actor, SealedEntry

STAMP = {
    "event_id": UUID("0196a3b0-7c00-7000-8000-000000000001"),
    "case_id": UUID("5f0c2ad1-94be-4d5e-9a57-3e1f0e6c7b2a"),
    "origin": "KZ",
    "version": 3,
    "seen": bytes(range(32)),
    "occurred_at": datetime(2026, 3, 1, tzinfo=UTC),
    "recorded_at": datetime(2026, 3, 1, 9, 30, 1, 123456, tzinfo=UTC),
    "actor": Actor(id="cw-7f31", role="caseworker", organisation="focal-point-KZ"),
    "caused_by": UUID("0196a3b0-7c00-7000-8000-000000000000"),
}
GRANT = ConsentGranted(
    **STAMP,
    consent_id=UUID("0196a3b0-7c00-7000-8000-00000000000c"),
    recipient="KG",
    scopes=(DataScope.IDENTITY, DataScope.HEALTH),
    expires_on=date(2026, 9, 1),
)
VALUE = encode(GRANT)
#: The field before the last: how the two scopes and the end of their list stand in the bytes.
SCOPES = b"\x04\x02\x08\x00"
IDS = str(GRANT.case_id).encode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": True},
        {"version": 1.0},
        {"version": 2**31},
        {"version": "3"},
        {"origin": None},
        {"origin": "\ud800"},
        {"seen": bytes(31)},
        {"event_id": str(GRANT.event_id)},
        {"recorded_at": datetime(2026, 3, 1, tzinfo=UTC).replace(tzinfo=None)},
        {"recorded_at": date(2026, 3, 1)},
        {"actor": None},
        {"actor": Actor(id=7, role="caseworker", organisation="x")},
        {"scopes": (Purpose.SERVICE,)},
        {"scopes": [DataScope.IDENTITY]},
        {"scopes": None},
        {"expires_on": datetime(2026, 9, 1, tzinfo=UTC)},
        {"expires_on": None},
        {"sealed": (SealedEntry(scope=DataScope.HEALTH, box="text"),)},
    ],
    ids=str,
)
def test_a_value_that_does_not_fit_is_never_recorded(wrong):
    """fastavro alone would write several of these without a word."""
    with pytest.raises(NotEncodable):
        encode(replace(GRANT, **wrong))


def test_a_refusal_does_not_repeat_what_was_refused():
    """The value may be a name that somebody typed into the wrong field."""
    typed = "Aigerim".upper() + "\ud800"
    with pytest.raises(NotEncodable) as refusal:
        encode(replace(GRANT, recipient=typed))
    assert "AIGERIM" not in "".join(traceback.format_exception(refusal.value))


def test_an_event_of_no_released_schema_is_not_recorded():
    """A class alone is not a contract."""
    with pytest.raises(UnknownSchema, match="ConsentGranted v7"):
        encode(replace(GRANT, schema_version=7))


def test_the_largest_event_is_65535_bytes():
    """One more byte and no tlog-tiles entry could hold it; decider and reader agree."""

    def sealed(size: int) -> ConsentGranted:
        return replace(GRANT, sealed=(SealedEntry(scope=DataScope.HEALTH, box=bytes(size)),))

    # The list's count, the scope and the three bytes of the box's length.
    largest = MAX_EVENT_BYTES - len(VALUE) - 5
    assert len(encode(sealed(largest))) == MAX_EVENT_BYTES
    assert decode(encode(sealed(largest))) == sealed(largest)
    with pytest.raises(EventTooLarge):
        encode(sealed(largest + 1))
    with pytest.raises(EventTooLarge):
        decode(VALUE + bytes(MAX_EVENT_BYTES))


def test_what_is_no_single_object_record_is_refused_by_name():
    """An alarm has to say what arrived: another framing, another schema, or a broken body."""
    with pytest.raises(RecordRejected, match="single-object") as framing:
        decode(b"\x00" + VALUE[1:])
    with pytest.raises(UnknownSchema, match="fingerprint 0000000000000000"):
        decode(VALUE[:2] + bytes(8) + VALUE[HEADER_BYTES:])
    with pytest.raises(RecordRejected, match="ConsentGranted v1") as body:
        decode(VALUE[:-1])
    with pytest.raises(RecordRejected) as trailing:
        decode(VALUE + b"\x00")
    rules = [refused.value.rule for refused in (framing, body, trailing)]
    assert rules == ["framing", "record", "trailing_bytes"]


@pytest.mark.parametrize(
    ("canonical", "other"),
    [
        (b"\x04KZ\x06", b"\x84\x00KZ\x06"),  # a length in two bytes
        (b"\x04KZ\x06", b"\x04KZ\x86\x00"),  # a number in two bytes
        (b"\x04KZ\x06", b"\x04KZ\x80\x80\x80\x80\x10"),  # 2**31, which Java reads as negative
        (b"\x04KZ\x06", b"\x04KZ\x86\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"),  # 11 bytes
        (SCOPES, b"\x02\x02\x02\x08\x00"),  # two blocks
        (SCOPES, b"\x03\x04\x02\x08\x00"),  # a block with its size
        (SCOPES, b"\x04\x02\x08\x07"),  # another block begins where the list should end
        (SCOPES, b"\x04\x02\x09\x00"),  # position -5 of the list of scopes
        (b"\x02\x48", b"\x05\x48"),  # union branch -3 would count from the end
        (IDS, IDS.upper()),
        (IDS, b"0x" + IDS[2:]),
        (IDS, IDS.replace(b"-", b"_")),
        (IDS, IDS.replace(b"5f0c2ad1-94", b"5f0c2ad-194")),
    ],
)  # fmt: skip
def test_another_form_of_the_same_event_is_refused(canonical, other):
    """One event is one byte string, or one fact would have two leaf hashes."""
    assert VALUE.count(canonical) == 1
    with pytest.raises(RecordRejected):
        decode(VALUE.replace(canonical, other))


def test_fastavro_alone_would_take_other_forms():
    """If this fails, fastavro became stricter, and rule 5 of the wire format costs us less."""
    schema = schema_of(VALUE)
    for other in (b"\x02\x02\x02\x08\x00", b"\x03\x04\x02\x08\x00", b"\x04\x02\x05\x00"):
        body = VALUE.replace(SCOPES, other)[HEADER_BYTES:]
        assert len(schemaless_reader(io.BytesIO(body), schema.plain)["scopes"]) == 2


def test_a_stamp_is_refused_where_there_is_none():
    """A parked case needs an origin and a version that can be believed."""
    with pytest.raises(RecordRejected, match="no stamp"):
        read_stamp(VALUE[:100])
    with pytest.raises(RecordRejected, match="single-object"):
        read_stamp(bytes(65_536))


def test_moments_of_every_length_are_read():
    """1969, 1970, 1978 and 9999 have other lengths on the wire than today."""
    for year in (1, 1969, 1970, 1978, 3111, 3112, 9999):
        event = replace(GRANT, occurred_at=datetime(year, 12, 31, 23, 59, 59, 999999, tzinfo=UTC))
        assert decode(encode(event)) == event


def test_a_moment_in_more_bytes_than_it_needs_is_refused():
    """Also at eight bytes, where today's moments take the short way through the reader."""
    value = encode(replace(GRANT, occurred_at=datetime(1970, 1, 1, tzinfo=UTC)))
    seen = value.index(GRANT.seen) + 32
    assert value[seen] == 0
    for longer in (b"\x80\x00", b"\x80" * 7 + b"\x00", b"\x80" * 8 + b"\x00"):
        with pytest.raises(RecordRejected):
            decode(value[:seen] + longer + value[seen + 1 :])


def test_a_list_longer_than_its_bytes_is_refused_before_it_is_read():
    """Sixty-five bytes could claim a million million leaf hashes; nobody counts them."""
    kind = {"type": "array", "items": {"type": "fixed", "name": "LeafHash", "size": 32}}
    read = reader(Corrected2, [{"name": "ground", "type": kind}], version=None)
    with pytest.raises(UNREADABLE):
        read(bytes(HEADER_BYTES) + b"\x80\x80\x80\x80\x80\x80\x40" + bytes(64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected2(RecordCorrected):
    """RecordCorrected as a second version would have it."""

    ground: str | None = None
    urgent: bool = False


CORRECTED = RecordCorrected(**STAMP, corrects_version=2)
OLD_FIELDS = NEWEST["RecordCorrected"].document["fields"]


def test_bytes_of_an_older_version_get_the_defaults_of_newer_fields():
    """History written with version 1 is read by every later release."""
    found = reader(Corrected2, OLD_FIELDS, version=1)(encode(CORRECTED))

    assert type(found) is Corrected2
    assert (found.ground, found.urgent, found.schema_version) == (None, False, 1)
    assert found.corrects_version == 2


def test_a_newer_field_without_a_default_is_refused_when_the_reader_is_made():
    """At start, with the name of the field; not years later at the first old record."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Hasty(CaseAssigned):
        floor: int

    with pytest.raises(Misconfigured, match="floor needs a default"):
        reader(Hasty, NEWEST["CaseAssigned"].document["fields"], version=1)


def test_a_boolean_is_0_or_1():
    """fastavro takes any other byte as true."""
    fields = [*OLD_FIELDS, {"name": "urgent", "type": "boolean"}]
    read = reader(Corrected2, fields, version=2)
    value = encode(CORRECTED)

    assert [read(value + byte).urgent for byte in (b"\0", b"\1")] == [False, True]
    with pytest.raises(UNREADABLE):
        read(value + b"\2")


def test_a_union_is_null_and_one_other_type():
    """Of two records, a writer would have to guess which one was meant."""
    fields = [{"name": "either", "type": ["null", "string", "int"]}]
    with pytest.raises(Misconfigured, match="union"):
        writer(fields)
    with pytest.raises(Misconfigured, match="union"):
        reader(Corrected2, fields, version=1)
