"""A part of a file as it is searched: as it stands there, or unpacked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

#: Read at a time, a multiple of PostgreSQL's pages; and how far two readings overlap: no page, and
#: nothing that is sought, is cut in both.
BLOCK = 16 * 1024 * 1024
OVERLAP = 16 * 1024


class Part(NamedTuple):
    """Bytes to be searched."""

    data: bytes
    #: From a place in the bytes to the place in the file.
    place: Callable[[int], int]
    #: How they were packed; empty if they stand in the file as they are.
    packed: str = ""
    #: Names the packed bytes: the same ones stand in many files of PostgreSQL.
    digest: bytes | None = None


class Unreadable(NamedTuple):
    """Something that could not be searched: nobody can say that it is clean."""

    path: str
    why: str


def unpacked(data: bytes, offset: int, packed: str, digest: bytes | None = None) -> Part:
    """Return a part that was unpacked from what stands at a place in a file."""
    return Part(data, lambda _at: offset, packed, digest)


def digest_of(data: bytes) -> bytes:
    """Return what names packed bytes."""
    return blake2b(data, digest_size=16).digest()


def blocks(path: Path) -> Iterator[tuple[int, bytes]]:
    """Return a file in blocks that overlap, each with its place.

    Read, not mapped: a server that cuts a mapped file short would end this program.
    """
    offset = 0
    with path.open("rb", buffering=0) as file:
        while True:
            file.seek(offset)
            data = _full(file.read, BLOCK + OVERLAP)
            if not data:
                return
            yield offset, data
            if len(data) <= BLOCK:
                return
            offset += BLOCK


def _full(read: Callable[[int], bytes | None], size: int) -> bytes:
    found = bytearray()
    while len(found) < size and (more := read(size - len(found))):
        found += more
    return bytes(found)
