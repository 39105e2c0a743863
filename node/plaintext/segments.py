"""Record batches of Kafka, from the files of a broker: gzip is unpacked, anything else is said."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from node.plaintext.parts import Part, Unreadable, unpacked

#: Segments, and the snapshots of the cluster's own log, which are written like them.
SEGMENT = re.compile(r"\d{20}(?:-\d{10})?\.(?:log|checkpoint)(?:\.\w+)?$")
_HEADER = struct.Struct(">qiibIhiqqqhii")
#: Offset and length stand before what the length counts.
_BEFORE = 12
_CODECS = {2: "snappy", 3: "lz4", 4: "zstd"}
#: A batch is at most a megabyte; what unpacks to more than this was made to do harm.
_LARGEST = 256 * 1024 * 1024


def batches(path: Path, shown: str) -> Iterator[Part | Unreadable]:
    """Return what is packed in a segment; what stands in it as it is, is searched with the file."""
    with path.open("rb") as file:
        at, size = 0, file.seek(0, 2)
        while at + _HEADER.size <= size:
            file.seek(at)
            head = file.read(_HEADER.size)
            if len(head) < _HEADER.size:
                return
            _, length, _, magic, _, attributes, *_ = _HEADER.unpack(head)
            if length < _HEADER.size - _BEFORE or magic != 2:
                if any(head):  # zeros are room that was reserved
                    yield Unreadable(shown, f"no record batch at {at}")
                return
            end = min(at + _BEFORE + length, size)
            yield from _batch(file, at, end, attributes & 7, shown)
            at += _BEFORE + length


def _batch(
    file: BinaryIO, at: int, end: int, codec: int, shown: str
) -> Iterator[Part | Unreadable]:
    if codec == 0:
        return
    if codec != 1:
        yield Unreadable(shown, f"a batch at {at} is packed by {_CODECS.get(codec, codec)}")
        return
    unzip = zlib.decompressobj(wbits=31)
    try:
        data = unzip.decompress(file.read(end - at - _HEADER.size), _LARGEST)
    except zlib.error:
        yield Unreadable(shown, f"a batch at {at} is no gzip")
        return
    if unzip.unconsumed_tail:
        yield Unreadable(shown, f"a batch at {at} unpacks to more than {_LARGEST} bytes")
    yield unpacked(data, at, "gzip")
