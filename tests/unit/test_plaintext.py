"""A planted text is found in every encoding and however it was packed, and nothing else is."""

import base64
import gzip
import json
import os
import struct
import zipfile
from datetime import date

import pytest
from kafka.record import MemoryRecords, MemoryRecordsBuilder

from events.errors import BadInput
from node.plaintext.everyday import is_everyday
from node.plaintext.examining import Wanted, examine
from node.plaintext.expanding import expanded
from node.plaintext.needles import PLANTED, Needle, Needles, pieces
from node.plaintext.parts import BLOCK, Unreadable
from node.plaintext.search import Search
from node.plaintext.segments import batches

NAME = "Айгуль-Planted"
PLAIN = "Zarina"  # six bytes, the shortest that is sought


def needles(*texts):
    return Needles(Needle(f"n{number}", text) for number, text in enumerate(texts))


def found(data: bytes, *texts) -> list[tuple[int, str]]:
    return [(hit.at, hit.how) for hit in needles(*texts).find(data)]


def searched(folder, *texts) -> Search:
    search = Search(needles(*texts))
    search.folder(folder)
    return search


def escaped(text: str, *, upper: bool = False) -> bytes:
    units = [f"{ord(char):04x}" for char in text]
    return "".join("\\u" + (one.upper() if upper else one) for one in units).encode()


ENCODED = {
    "utf-8": NAME.encode(),
    "json": json.dumps(NAME)[1:-1].encode(),
    "utf-16-le": NAME.encode("utf-16-le"),
    "utf-16-be": NAME.encode("utf-16-be"),
    "hex": NAME.encode().hex().encode(),
    "hex upper": NAME.encode().hex().upper().encode(),
    "base64 0": base64.b64encode(NAME.encode()),
    "base64 1": base64.b64encode(b"x" + NAME.encode() + b"yz"),
    "base64 2": base64.b64encode(b"xy" + NAME.encode() + b"z"),
}


@pytest.mark.parametrize("how", ENCODED)
@pytest.mark.parametrize("before", range(4))
def test_a_text_is_found_in_every_encoding_at_every_place(how, before):
    data = os.urandom(40_000 + before) + ENCODED[how] + os.urandom(5)
    (hit,) = found(data, NAME)
    assert hit[1] == how.split()[0]
    assert 40_000 + before <= hit[0] < 40_000 + before + 4


def test_escapes_are_found_in_both_cases():
    text = "Айгүль Қозыбаева"  # its escapes hold letters
    assert escaped(text) != escaped(text, upper=True)
    for data in (escaped(text), escaped(text, upper=True)):
        escapes = data.replace(b"\\u0020", b" ").replace(b"\\U0020", b" ")
        assert [(0, "json")] == found(escapes, text)


@pytest.mark.parametrize("before", range(8))
def test_the_shortest_text_is_found_wherever_it_stands(before):
    assert [(before, "utf-8")] == found(b"." * before + PLAIN.encode() + b"!", PLAIN)


def test_letters_are_not_taken_for_others():
    assert [] == found(b"zarina ZARINA Zarin a Zarinb", PLAIN)


def test_every_part_of_a_long_text_is_sought():
    text = " ".join(f"word{number}" for number in range(40))
    middle = text[100:150].encode()
    assert found(b"..." + middle, text)
    assert "".join(pieces(text)) == text


@pytest.mark.parametrize("text", ["Аи", "12345678", "yes", "------", ""])
def test_what_stands_everywhere_by_accident_is_not_sought(text):
    assert [] == pieces(text)


@pytest.mark.parametrize("text", ["+77011234567", "701123456", "Зоя", "Almaty st. 5"])
def test_names_and_numbers_are_sought(text):
    assert [text] == pieces(text)


@pytest.mark.parametrize("text", ["Almaty", "Asia/Bishkek", "Bishkek", "data_protection_officer"])
def test_words_of_every_file_are_left_out(text):
    assert is_everyday(text, date(2020, 1, 1))


def test_a_birthday_is_sought_and_a_day_of_the_run_is_not():
    assert not is_everyday("2011-05-03", date(2024, 1, 1))
    assert is_everyday("2024-01-01", date(2024, 1, 1))


PLANTED_FORMS = {
    "utf-8": b"MARKER-abc",
    "utf-16-le": "MARKER-abc".encode("utf-16-le"),
    "utf-16-be": "MARKER-abc".encode("utf-16-be"),
    "hex": b"MARKER-abc".hex().encode(),
    "base64": base64.b64encode(b"..MARKER-abc..."),
}


@pytest.mark.parametrize("how", PLANTED_FORMS)
def test_a_planted_text_is_known_by_its_beginning(how):
    planted = Needles([Needle("planted marker", PLANTED, any_end=True)])
    data = b"...." + PLANTED_FORMS[how]
    assert [how] == [hit.how for hit in planted.find(data)]


@pytest.mark.parametrize("text", ["MARKER-", "MARKER-ab", "MARKER- abc", "MARKER-..."])
def test_a_beginning_alone_is_no_planted_text(text):
    planted = Needles([Needle("planted marker", PLANTED, any_end=True)])
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        assert [] == list(planted.find(text.encode(encoding)))
    assert [] == list(planted.find(text.encode().hex().encode()))
    assert [] == list(planted.find(base64.b64encode(text.encode())))


def test_a_needle_never_shows_its_text():
    assert NAME not in repr(Needle("n0", NAME))


def test_a_file_is_searched_across_its_blocks(tmp_path):
    at = BLOCK - 3
    data = bytearray(BLOCK + 20_000)
    data[at : at + len(PLAIN)] = PLAIN.encode()
    (tmp_path / "large").write_bytes(data)
    search = searched(tmp_path, PLAIN)
    assert [("large", at, "utf-8", "n0")] == search.found
    assert (1, len(data)) == (search.searched_files, search.searched_bytes)


SEGMENT = f"{0:020}.log"


def batch(codec: int, value: bytes) -> bytes:
    builder = MemoryRecordsBuilder(magic=2, compression_type=codec, batch_size=1 << 20)
    for _ in range(20):
        builder.append(timestamp=0, key=b"k", value=b"the same again " * 9 + value)
    builder.close()
    assert MemoryRecords(builder.buffer()).has_next()
    return bytes(builder.buffer())


def test_a_gzip_batch_is_unpacked(tmp_path):
    first, second = batch(0, b"nothing"), batch(1, NAME.encode())
    assert NAME.encode() not in second
    (tmp_path / SEGMENT).write_bytes(first + second)
    search = searched(tmp_path, NAME)
    assert [(SEGMENT, len(first), "gzip, utf-8", "n0")] == search.found
    assert [] == search.unreadable


def test_a_batch_that_is_being_written_is_no_fault(tmp_path):
    whole = batch(1, NAME.encode())
    path = tmp_path / SEGMENT
    path.write_bytes(batch(1, b"nothing") + whole[: len(whole) - 3] + b"")
    assert [] == searched(tmp_path, NAME).unreadable
    path.write_bytes(batch(1, b"nothing") + bytes(4096))
    assert [] == searched(tmp_path, NAME).unreadable


@pytest.mark.parametrize(("codec", "name"), [(2, "snappy"), (3, "lz4"), (4, "zstd")])
def test_what_cannot_be_unpacked_is_not_clean(tmp_path, codec, name):
    data = bytearray(batch(0, b"nothing"))
    data[22] |= codec  # attributes, the lower byte
    (tmp_path / SEGMENT).write_bytes(data)
    (unread,) = searched(tmp_path, NAME).unreadable
    assert name in unread.why


@pytest.mark.parametrize("damage", ["codec", "garbage"])
def test_a_damaged_segment_is_not_clean(tmp_path, damage):
    data = bytearray(batch(1, b"nothing"))
    if damage == "codec":
        data[61:63] = b"xx"
    path = tmp_path / SEGMENT
    path.write_bytes(data + (b"\xff" * 80 if damage == "garbage" else b""))
    assert isinstance(list(batches(path, SEGMENT))[-1], Unreadable)


def pglz(text: bytes) -> bytes:
    """Text as pglz: its first 20 bytes as they are, then itself again, three times over."""
    first, out, at = text[:20], bytearray(), 0
    assert text == first * 4
    while at < 20:
        literals = first[at : at + 8]
        control = 0 if len(literals) == 8 else 0xFF << len(literals) & 0xFF
        out += bytes((control,)) + literals
        at += 8
    return bytes(out) + bytes((2 << 4 & 0 | 15, 20, 60 - 18))  # 15 + 3 + 42 bytes, 20 back


def lz4(text: bytes) -> bytes:
    """Text as an LZ4 block: 20 bytes as they are, then 55 from 20 bytes back, then the last 5."""
    assert text == text[:20] * 4
    return bytes((15 << 4 | 15, 5)) + text[:20] + b"\x14\x00" + bytes((55 - 19,)) + bytes(
        (5 << 4,)
    ) + text[-5:]  # fmt: skip


TEXT = b"0123456789abcdefghij" * 4
PACKERS = {0: pglz, 1: lz4}


@pytest.mark.parametrize("method", PACKERS)
def test_packed_values_are_unpacked_whole(method):
    packed = PACKERS[method](TEXT)
    assert (TEXT, True) == expanded(method, packed, len(TEXT))
    assert not expanded(method, packed + b"x", len(TEXT))[1]
    part, whole = expanded(method, packed[:-1], len(TEXT))
    assert not whole
    assert TEXT.startswith(part)


def test_rubbish_is_no_packed_value():
    for method in PACKERS:
        for _ in range(300):
            expanded(method, os.urandom(60), 1000)  # ends, and raises nothing


def datum(method: int, text: bytes) -> bytes:
    packed = PACKERS[method](text)
    head = (len(packed) + 8) << 2 | 2
    return struct.pack("<II", head, len(text) | method << 30) + packed


@pytest.mark.parametrize("method", PACKERS)
def test_a_packed_value_in_a_table_is_found(tmp_path, method):
    page = bytearray(8192 * 2)
    packed = datum(method, TEXT)
    page[8192 + 400 : 8192 + 400 + len(packed)] = packed
    path = tmp_path / "postgresql" / "data" / "base" / "16384" / "2619"
    path.parent.mkdir(parents=True)
    path.write_bytes(page)
    name = ("pglz", "lz4")[method]
    search = searched(tmp_path, "ghij0123456789abcdef")  # stands in no literal run
    hits = search.found
    assert {(one.offset, one.how) for one in hits} == {(8192 + 400, f"{name}, utf-8")}


def chunk(value_id: int, number: int, data: bytes) -> bytes:
    row = b"\x03\x00\x02\x08\x18\x00" + struct.pack("<II", value_id, number)
    return row + struct.pack("<I", (len(data) + 4) << 2) + data


@pytest.mark.parametrize("name", ["base/5/16390", f"pg_wal/{1:024X}"])
def test_a_value_in_chunks_is_put_together(tmp_path, name):
    """As a TOAST table holds it, and the WAL; here one chunk runs over a page of the WAL."""
    stored = datum(0, TEXT)[4:]
    rows = [chunk(7, 0, stored[:20]), os.urandom(40), chunk(7, 1, stored[20:])]
    body = bytes(8140) + b"".join(rows)
    if name.startswith("pg_wal"):
        body += bytes(-len(body) % 8168)
        body = b"".join(os.urandom(24) + body[at : at + 8168] for at in range(0, len(body), 8168))
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_bytes(body + bytes(-len(body) % 8192))
    hits = searched(tmp_path, "ghij0123456789abcdef").found
    assert {one.how for one in hits} == {"pglz, utf-8"}


def test_what_runs_over_a_page_of_the_wal_is_whole(tmp_path):
    stream = bytes(8160) + NAME.encode() + bytes(8168)
    pages = [os.urandom(24) + stream[at : at + 8168] for at in range(0, 16336, 8168)]
    path = tmp_path / "pg_wal" / f"{1:024X}"
    path.parent.mkdir()
    path.write_bytes(b"".join(pages))
    assert [(f"pg_wal/{1:024X}", 8160 + 24, "utf-8", "n0")] == searched(tmp_path, NAME).found


def test_archives_are_unpacked(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"x" * 99) + gzip.compress(NAME.encode()))
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside", NAME * 9)
    (tmp_path / "c.gz").write_bytes(gzip.compress(b"nothing")[:12] + b"rubbish")
    search = searched(tmp_path, NAME)
    assert {"a.gz", "b.zip"} == {one.path for one in search.found}
    assert ["c.gz"] == [one.path for one in search.unreadable]


def test_a_link_that_leads_out_is_said_and_one_inside_is_not(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "file").write_text("nothing")
    (folder / "inside").symlink_to(folder / "file")
    (folder / "out").symlink_to(tmp_path)
    assert ["out"] == [one.path for one in searched(folder, NAME).unreadable]


def test_a_marker_that_is_too_short_is_refused(tmp_path):
    agreement = 'name = "a"\nprefix = "p"\npartitions = 1\n' + "".join(
        f'[countries.{code}]\nzone = "Asia/Almaty"\nlog_keys = []\n' for code in ("KZ", "KG")
    )
    (tmp_path / "agreement.toml").write_text(agreement)
    wanted = Wanted(folder=tmp_path, values_for=None, markers=("abc",))
    with pytest.raises(BadInput, match="marker 1"):
        examine(wanted)
