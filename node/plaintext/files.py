"""Every file under a folder, and what each holds: as it stands, and unpacked."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from operator import add
from pathlib import Path

from node.plaintext.pages import RELATION, WAL, Chunks, packed_values, wal_bodies
from node.plaintext.parts import BLOCK, Part, Unreadable, blocks, unpacked
from node.plaintext.segments import SEGMENT, batches

_GZIP, _ZIP = b"\x1f\x8b\x08", b"PK\x03\x04"
#: What a member of an archive may unpack to.
_LARGEST = 1024 * 1024 * 1024


def files(root: Path) -> Iterator[tuple[Path, str] | Unreadable]:
    """Return every regular file, and its path within the folder; sockets hold nothing.

    Links are not followed: one that leads out of the folder is said to be unreadable.
    """
    refused: list[OSError] = []
    inside = root.resolve()
    for folder, folders, names in os.walk(root, onerror=refused.append):
        folders.sort()
        for name in sorted([*names, *folders]):
            path = Path(folder) / name
            shown = path.relative_to(root).as_posix()
            try:
                mode = path.lstat().st_mode
            except FileNotFoundError:
                continue
            if stat.S_ISREG(mode):
                yield path, shown
            elif stat.S_ISLNK(mode) and not path.resolve().is_relative_to(inside):
                yield Unreadable(shown, "leads out of the folder: name its target with --also")
    for error in refused:
        where = Path(error.filename or root)
        yield Unreadable(where.relative_to(root).as_posix(), error.strerror or "cannot be read")


def parts(path: Path, shown: str, clean: set[bytes]) -> Iterator[Part | Unreadable]:
    """Return what is to be searched of a file; `clean` names packed bytes that need not be."""
    relation, wal = RELATION.search(shown) is not None, WAL.search(shown) is not None
    chunks = Chunks()
    for offset, data in blocks(path):
        part = Part(data, partial(add, offset))
        yield part
        if relation or wal:
            held = wal_bodies(data, offset) if wal else part
            if wal:
                yield held
            yield from packed_values(held, clean, aligned=relation)
            yield from chunks.take(held, clean)
        elif offset == 0:
            yield from _archive(path, shown, data[:4])
    yield from chunks.rest(clean)
    if SEGMENT.search(shown):
        yield from batches(path, shown)


def _archive(path: Path, shown: str, head: bytes) -> Iterator[Part | Unreadable]:
    try:
        if head.startswith(_GZIP):
            yield from _gzip(path)
        elif head == _ZIP:
            yield from _zip(path, shown)
    except (zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError):
        yield Unreadable(shown, "begins like an archive and cannot be unpacked")


def _gzip(path: Path) -> Iterator[Part]:
    unzip, tail, fed = zlib.decompressobj(wbits=31), b"", False
    for offset, data in blocks(path):
        left = data[:BLOCK]
        while left:
            made, fed = tail + unzip.decompress(left, BLOCK), True
            left = unzip.unconsumed_tail or unzip.unused_data
            if unzip.eof:  # one archive behind another
                unzip, fed = zlib.decompressobj(wbits=31), False
            yield unpacked(made, offset, "gzip")
            tail = made[-4096:]
    if fed:
        raise EOFError


def _zip(path: Path, shown: str) -> Iterator[Part | Unreadable]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.file_size > _LARGEST:
                yield Unreadable(shown, "a member is larger than 1 GiB")
            else:
                yield unpacked(archive.read(member), member.header_offset, "zip")
