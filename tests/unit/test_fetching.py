"""Whatever was written to a topic is read past; only what was damaged stops a reader."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from typing import Any

import kafka
import pytest
from kafka import TopicPartition
from kafka.record import default_records
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder
from kafka.record.util import calc_crc32c, encode_varint

from events.codec import MAX_EVENT_BYTES
from events.contract import CE_TYPE, LOG, LOG_HEADER_BYTES, MAX_BATCH_BYTES, only_header
from events.errors import Misconfigured, RecordRejected
from ledger import fetching
from ledger.fetching import Fetched, SafeConsumer

PART = TopicPartition("t.ledger", 3)
KEY, LOGGED = bytes(16), (LOG, bytes(LOG_HEADER_BYTES))
NAMED = (CE_TYPE, b"CaseOpened")


class Spelled(str):
    """A header's name in bytes that are no text."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        """Return no UTF-8."""
        return b"\xff\xfe"


def batch(*records: tuple[Any, ...], offset: int = 0) -> bytes:
    """Return a batch of (key, value, headers), compressed by its producer, from an offset on."""
    builder = MemoryRecordsBuilder(2, 1, batch_size=2**30)
    for key, value, headers in records:
        builder.append(timestamp=1_000, key=key, value=value, headers=list(headers))
    builder.close()
    return sealed(bytearray(builder.buffer()), offset)


def sealed(found: bytearray, offset: int = 0) -> bytes:
    """Give a batch its place, and the checksum that it has to have."""
    struct.pack_into(">q", found, 0, offset)
    struct.pack_into(">I", found, 17, calc_crc32c(memoryview(found)[21:]))
    return bytes(found)


def fetched(*batches: bytes, begin: int = 0) -> Fetched:
    return Fetched(begin, PART, MemoryRecords(b"".join(batches)))


def read(*batches: bytes, begin: int = 0) -> list[Any]:
    """Return what a reader gets of batches that it fetched from an offset on."""
    found = fetched(*batches, begin=begin)
    records = found.take(1_000)
    assert found.next_fetch_offset == records[-1].offset + 1
    return records


def brief(record: Any) -> tuple[Any, ...]:
    return (record.offset, record.key, record.value, record.headers)


@pytest.fixture
def packed(monkeypatch) -> Callable[[Callable[[bytes], bytes]], None]:
    """Let the producer of the next batches compress in a way of its own."""
    return lambda pack: monkeypatch.setattr(default_records, "gzip_encode", pack)


def number(value: int) -> bytes:
    found = bytearray()
    encode_varint(value, found.append)
    return bytes(found)


GOOD = (KEY, b"event", [NAMED, LOGGED])
UNREAD = (None, None, [])


def test_what_a_relay_writes_is_read_as_it_stands():
    """Also from an offset in the middle of a batch."""
    both = batch(GOOD, (KEY, None, [NAMED]), offset=7)
    expected = [(7, *GOOD), (8, KEY, None, [NAMED])]
    assert expected == [brief(record) for record in read(both)]
    assert expected[1:] == [brief(record) for record in read(both, begin=8)]


def test_a_header_whose_name_is_no_text_is_just_another_header():
    """The record is judged as any other, by its one proper `log` header."""
    headers = [(Spelled("?"), b"\xff"), NAMED, (Spelled("?"), None), LOGGED]
    first, second = read(batch((KEY, b"event", headers), GOOD))
    assert bytes(LOG_HEADER_BYTES) == only_header(first.headers, LOG)
    assert (KEY, b"event") == (first.key, first.value)
    assert (1, *GOOD) == brief(second)


def test_a_batch_that_grows_too_much_is_one_record_without_a_value():
    """At the place of its last record; what comes before and after it is read."""
    bomb = batch((KEY, bytes(MAX_BATCH_BYTES), []), GOOD, offset=1)
    assert len(bomb) < 3_000
    found = read(batch(GOOD), bomb, batch(GOOD, offset=3))
    assert [(0, *GOOD), (2, *UNREAD), (3, *GOOD)] == [brief(record) for record in found]
    assert [(2, *UNREAD)] == [brief(record) for record in read(bomb, begin=1)]


def test_no_more_is_unpacked_than_a_batch_may_have(packed):
    """A hundred megabytes would be in memory before anybody could judge them."""
    asked: list[int] = []

    class Unpacking:
        eof, unused_data = False, b""

        def decompress(self, _data: Any, most: int) -> bytes:
            asked.append(most)
            return bytes(most)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetching.zlib, "decompressobj", lambda _format: Unpacking())
        assert [(0, *UNREAD)] == [brief(record) for record in read(batch(GOOD))]
    assert [MAX_BATCH_BYTES + 1] == asked


@pytest.mark.parametrize(
    "pack",
    [
        lambda data: gzip.compress(data) + b"and more",
        lambda data: gzip.compress(data) + gzip.compress(b""),
        lambda data: gzip.compress(data)[:-9],
        lambda data: gzip.compress(data + b"\0"),
        lambda data: gzip.compress(data[:-1]),
        lambda data: b"not gzip at all",
        lambda data: b"",
    ],
    ids=["behind it", "twice", "cut", "too long", "too short", "no gzip", "nothing"],
)
def test_a_batch_that_cannot_be_unpacked_is_one_record_without_a_value(packed, pack):
    """The broker's reader and this one need not agree on every byte, so nothing depends on it."""
    packed(pack)
    bad = batch(GOOD, GOOD)
    packed(gzip.compress)
    found = read(bad, batch(GOOD, offset=2))
    assert [(1, *UNREAD), (2, *GOOD)] == [brief(record) for record in found]


@pytest.mark.parametrize("delta", [1, -1, 2**31, 2**40])
def test_a_record_that_claims_another_offset_moves_nobody(packed, delta):
    """A reader that followed it would look for its next record where there is none, for ever."""
    body = b"\0" + number(0) + number(delta) + number(-1) + number(-1) + number(0)
    packed(lambda _data: gzip.compress(number(len(body)) + body))
    assert [(5, *UNREAD)] == [brief(record) for record in read(batch(GOOD, offset=5))]


@pytest.mark.parametrize(
    "rest",
    [
        number(2**40),
        number(-1) + number(2**40),
        number(-1) + number(-1) + number(-5),
        number(-1) + number(-1) + number(2**62),
        number(-1) + number(-1) + number(1) + number(-9) + b"\xff",
        number(-1) + number(-1) + number(2) + number(1) + b"\xff" + number(-1) + number(-(2**40)),
        b"\xff" * 12,
    ],
    ids=["key", "value", "headers", "many headers", "name", "second name", "number"],
)
def test_lengths_that_cannot_be_are_read_past(packed, rest):
    body = b"\0" + number(0) + number(0) + rest
    packed(lambda _data: gzip.compress(number(len(body)) + body))
    assert [(0, *UNREAD)] == [brief(record) for record in read(batch(GOOD))]


def test_of_a_large_record_only_what_is_looked_at_is_kept():
    """A thousand are in memory at once; that they are too large is still to be seen."""
    crowd = [("other", b"x"), NAMED, (LOG, bytes(999)), LOGGED, LOGGED, *[("other", None)] * 99]
    large = (bytes(70_000), bytes(MAX_EVENT_BYTES + 9), crowd)
    (record, small) = read(batch(large, (KEY, b"v", [*crowd, ("more", b"")])))
    kept = [NAMED, (LOG, bytes(128)), LOGGED]
    assert (0, bytes(128), bytes(MAX_EVENT_BYTES + 1), kept) == brief(record)
    assert (1, KEY, b"v", kept) == brief(small)


def test_the_largest_event_is_whole():
    event = (KEY, bytes(MAX_EVENT_BYTES), [NAMED, LOGGED])
    assert [(0, *event)] == [brief(record) for record in read(batch(event))]


@pytest.mark.parametrize("damage", ["checksum", "codec"])
def test_what_was_damaged_is_for_a_person_and_says_where(damage):
    """Nobody wrote it so, and nobody may guess what it was."""
    bad = bytearray(batch(GOOD, offset=4))
    if damage == "checksum":
        bad[-1] ^= 1
    else:
        struct.pack_into(">h", bad, 21, 5)
        bad = bytearray(sealed(bad, 4))
    found = fetched(batch(GOOD, GOOD, GOOD, GOOD), bytes(bad))
    assert 4 == len(found.take(9))
    with pytest.raises(RecordRejected, match=r"t\.ledger partition 3 .* at offset 4") as rejected:
        found.take(9)
    assert "record_batch" == rejected.value.rule


def test_another_release_of_the_client_has_to_be_looked_at(monkeypatch):
    """What is overridden are its insides."""
    monkeypatch.setattr(kafka, "__version__", "3.0.13")
    with pytest.raises(Misconfigured, match=r"3\.0\.13"):
        SafeConsumer()
