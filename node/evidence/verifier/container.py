"""The container: a folder, or a ZIP file in the one form that we write.

A ZIP has room for things that nobody looks at: extra fields, comments, bytes between files, other
names in its directory than in its headers. So every byte outside the files is compared with what
it has to be: files are stored, sorted by name, all from 1980, one behind the other.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import BinaryIO, NamedTuple

#: PKWARE APPNOTE 6.3, sections 4.3.7, 4.3.12 and 4.3.16; version 2.0, bit 11 (UTF-8 names).
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_VERSION, _UTF8, _DAY_1980 = 20, 0x800, 0x21
#: Made on Unix (3), an ordinary file that everybody may read.
_MADE_BY, _MODE = (3 << 8) | _VERSION, 0o100644 << 16
#: A name of a bundle is far shorter; a directory of longer ones is not read at all.
_NAME_BYTES = 1024


class Faulty(Exception):
    """A file of the bundle is not what it has to be."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.file = name


class Stored(NamedTuple):
    """A file in a container."""

    name: str
    crc: int
    size: int
    #: Where its header begins.
    offset: int

    @property
    def local(self) -> bytes:
        """Its header, as it has to stand before its bytes."""
        name = self.name.encode()
        sizes = self.crc, self.size, self.size
        fixed = _VERSION, _UTF8, 0, 0, _DAY_1980
        return _LOCAL.pack(b"PK\x03\x04", *fixed, *sizes, len(name), 0) + name

    @property
    def central(self) -> bytes:
        """Its line of the directory at the end."""
        name = self.name.encode()
        fixed = _MADE_BY, _VERSION, _UTF8, 0, 0, _DAY_1980
        sizes = self.crc, self.size, self.size
        rest = len(name), 0, 0, 0, 0, _MODE, self.offset
        return _CENTRAL.pack(b"PK\x01\x02", *fixed, *sizes, *rest) + name


def directory_end(count: int, size: int, offset: int) -> bytes:
    """Return the last bytes of a container: the directory's number of lines, size and place."""
    return _END.pack(b"PK\x05\x06", 0, 0, count, count, size, offset, 0)


def is_plain_name(name: str) -> bool:
    """Say whether a name stays inside the folder that it is unpacked to."""
    parts = name.split("/")
    return (
        name.isprintable()
        and not any(char in name for char in '\\:*?"<>| ')
        and all(part not in {"", ".", ".."} for part in parts)
    )


class Zipped:
    """A bundle as one file."""

    def __init__(self, path: Path) -> None:
        """Open it; Faulty if any byte outside its files is not as it has to be."""
        self._label = path.name
        self._file: BinaryIO = path.open("rb")
        try:
            self._stored = {one.name: one for one in self._directory()}
            self._compare()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    @property
    def names(self) -> list[str]:
        """Its files, in their order."""
        return list(self._stored)

    def read(self, name: str) -> bytes:
        """Return the bytes of a file; Faulty if they do not have the checksum they came with."""
        one = self._stored[name]
        self._file.seek(one.offset + len(one.local))
        data = self._file.read(one.size)
        if len(data) != one.size or zlib.crc32(data) != one.crc:
            raise Faulty(name, "its bytes are not those that its ZIP checksum was made of")
        return data

    def _directory(self) -> list[Stored]:
        end = self._file.seek(0, 2) - _END.size
        if end < 0:
            raise Faulty(self._label, "it is no evidence bundle")
        self._file.seek(end)
        last = self._file.read()
        magic, *_, count, size, offset, _ = _END.unpack(last)
        good = magic == b"PK\x05\x06" and offset + size == end
        if not good or last != directory_end(count, size, offset):
            raise Faulty(self._label, "its last 22 bytes are not those of an evidence bundle")
        if size > count * (_CENTRAL.size + _NAME_BYTES):
            raise Faulty(self._label, "its directory is larger than its files are many")
        self._file.seek(offset)
        found, at = self._lines(self._file.read(size), count)
        if at != size or (found and self._after(found[-1]) != offset):
            raise Faulty(self._label, "its directory and its files do not fit together")
        return found

    def _lines(self, lines: bytes, count: int) -> tuple[list[Stored], int]:
        """Return so many lines of the directory, and where the last one ends."""
        found: list[Stored] = []
        at = 0
        for _ in range(count):
            one = self._line(lines, at)
            if found and one.name <= found[-1].name:
                raise Faulty(one.name, "its line in the ZIP directory is not at its place")
            found.append(one)
            at += len(one.central)
        return found, at

    def _line(self, lines: bytes, at: int) -> Stored:
        try:
            said = _CENTRAL.unpack_from(lines, at)
            name = lines[at + _CENTRAL.size : at + _CENTRAL.size + said[10]].decode()
            one = Stored(name, said[7], said[8], said[16])
        except (struct.error, UnicodeDecodeError):
            raise Faulty(self._label, "its directory cannot be read") from None
        if not lines.startswith(one.central, at) or not is_plain_name(name):
            raise Faulty(name, "its line in the ZIP directory is not as it has to be")
        return one

    @staticmethod
    def _after(one: Stored) -> int:
        return one.offset + len(one.local) + one.size

    def _compare(self) -> None:
        place = 0
        for one in self._stored.values():
            self._file.seek(one.offset)
            local = one.local
            if one.offset != place or self._file.read(len(local)) != local:
                raise Faulty(one.name, "its header in the ZIP file is not as it has to be")
            place = self._after(one)


class Unpacked:
    """A bundle as a folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def close(self) -> None:
        """There is nothing to let go of."""

    @property
    def names(self) -> list[str]:
        """Its files, sorted."""
        found = (path for path in self._path.rglob("*") if path.is_symlink() or not path.is_dir())
        return sorted(path.relative_to(self._path).as_posix() for path in found)

    def read(self, name: str) -> bytes:
        """Return the bytes of a file; Faulty if it is none, but a link or a pipe."""
        path = self._path / name
        if path.is_symlink():
            raise Faulty(name, "it is a link")
        if not path.is_file():  # reading a pipe would wait for ever
            raise Faulty(name, "it is no file")
        return path.read_bytes()


Container = Zipped | Unpacked
