"""Values that PostgreSQL has compressed or cut, found in its files without asking it.

A compressed value begins with its length and its size; it is taken for one wherever such
bytes stand, for what is none does no harm: it unpacks to rubbish, which is searched in vain.
A value too long for its row stands in chunks in a TOAST table, and in the WAL as they were written.
"""

from __future__ import annotations

import re
import struct
from collections import OrderedDict
from collections.abc import Iterator

from node.plaintext.expanding import METHODS, expanded
from node.plaintext.parts import Part, digest_of, unpacked

#: Files of tables and indexes, and of the write-ahead log.
RELATION = re.compile(r"(?:^|/)(?:base/\d+|global)/\d+(?:_\w+)?(?:\.\d+)?$")
WAL = re.compile(r"(?:^|/)pg_wal/[0-9A-F]{24}(?:\.\w+)?$")
PAGE = 8192
_WAL_HEADER = 24
_WAL_BODY = PAGE - _WAL_HEADER
_TWO = struct.Struct("<II")
#: LZ4 makes 255 bytes of one, pglz less; and a value that pglz does not make a quarter smaller is
#: left as it is.
_MOST_PER_BYTE = 260
_LEAST = (4 / 3, 1.0)
#: Bytes of chunks that are kept until their value is whole.
_KEPT = 64 * 1024 * 1024


def _one_of(holds: int, mask: int) -> bytes:
    return b"[" + re.escape(bytes(byte for byte in range(256) if byte & mask == holds)) + b"]"


# Length with the mark of a compressed value, below a page; the size, below 16 MiB, with the method;
# and the first byte of what is packed: nothing can be repeated yet, so it is followed by a literal.
# It is sought by its third byte: the first could be any, and nothing else is as quick to pass over.
_PACKED = re.compile(
    rb"\x00(?<="
    + _one_of(2, 3)
    + rb"[\x00-\x7f]\x00)(?=\x00[\x00-\xff]{3}(?:\x00"
    + _one_of(0, 1)
    + rb"|\x40[\x10-\xff]))",
    re.DOTALL,
)
# A row of three columns, the last of variable length, none of them null: in a page and in the WAL
# the bytes before its values are the same.
_CHUNK = re.compile(rb"\x03" + _one_of(0, 7) + _one_of(2, 7) + rb"[\x00-\xff]\x18\x00", re.DOTALL)


def wal_bodies(data: bytes, offset: int) -> Part:
    """Return pages of the WAL without their headers, so that what runs over a page is whole."""
    bodies = b"".join(data[at + _WAL_HEADER : at + PAGE] for at in range(0, len(data), PAGE))
    return Part(bodies, lambda at: offset + at // _WAL_BODY * PAGE + _WAL_HEADER + at % _WAL_BODY)


def packed_values(part: Part, clean: set[bytes], *, aligned: bool) -> Iterator[Part]:
    """Return the compressed values that stand whole in a part; not those known to be clean."""
    data = part.data
    for found in _PACKED.finditer(data):
        at = found.start() - 2
        if aligned and at & 3:
            continue
        head, said = _TWO.unpack_from(data, at)
        end = at + (head >> 2)
        if end <= len(data) and _can_be(said, end - at - 8):
            yield from _value(data[at + 4 : end], part.place(at), clean, whole=True)


def _can_be(said: int, length: int) -> bool:
    """Say whether so many bytes can be what the size and method say."""
    method, size = said >> 30, said & 0x3FFFFFFF
    if method not in METHODS or length < 1:
        return False
    return length * _LEAST[method] <= size <= length * _MOST_PER_BYTE


def _value(packed: bytes, offset: int, clean: set[bytes], *, whole: bool) -> Iterator[Part]:
    """Return a value from its size and method and what is packed, unless it is known to be clean.

    What is none is clean, too: the same rubbish stands in every copy of a table.
    """
    digest = digest_of(packed)
    if digest in clean:
        return
    said = int.from_bytes(packed[:4], "little")
    data, complete = expanded(said >> 30, packed[4:], said & 0x3FFFFFFF)
    if complete or (data and not whole):
        yield unpacked(data, offset, METHODS[said >> 30], digest)
    else:
        clean.add(digest)


class Chunks:
    """Collects the chunks of values that are cut, and gives the values back."""

    def __init__(self) -> None:
        self._values: OrderedDict[int, dict[int, tuple[int, bytes]]] = OrderedDict()
        self._kept = 0

    def take(self, part: Part, clean: set[bytes]) -> Iterator[Part]:
        """Take the chunks that stand in a part; return values that have waited long enough."""
        data = part.data
        for found in _CHUNK.finditer(data):
            at = found.end()
            chunk = _variable(data, at + 8)
            if chunk is None:
                continue
            value_id, number = _TWO.unpack_from(data, at)
            numbered = self._values.setdefault(value_id, {})
            before = numbered.get(number)
            self._kept += len(chunk) - (0 if before is None else len(before[1]))
            numbered[number] = (part.place(at), chunk)
        while self._kept > _KEPT:
            yield from self._joined(self._values.popitem(last=False)[1], clean)

    def rest(self, clean: set[bytes]) -> Iterator[Part]:
        """Return the values that are left."""
        while self._values:
            yield from self._joined(self._values.popitem(last=False)[1], clean)

    def _joined(self, numbered: dict[int, tuple[int, bytes]], clean: set[bytes]) -> Iterator[Part]:
        self._kept -= sum(len(chunk) for _, chunk in numbered.values())
        row: list[tuple[int, bytes]] = []
        while len(row) in numbered:
            row.append(numbered[len(row)])
        if not row:
            return  # its beginning is gone; each chunk is searched as it stands
        joined = b"".join(chunk for _, chunk in row)
        if len(row) > 1:
            yield unpacked(joined, row[0][0], "toast")
        if _can_be(int.from_bytes(joined[:4], "little"), len(joined) - 4):
            yield from _value(joined, row[0][0], clean, whole=False)


def _variable(data: bytes, at: int) -> bytes | None:
    """Return the value of variable length that stands at a place, or None if none can."""
    if at + 4 > len(data):
        return None
    if data[at] & 1:
        begin, end = at + 1, at + (data[at] >> 1)
    elif data[at] & 3 == 0:
        begin, end = at + 4, at + (int.from_bytes(data[at : at + 4], "little") >> 2)
    else:
        return None
    return data[begin:end] if begin < end <= min(at + PAGE, len(data)) else None
