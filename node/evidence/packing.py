"""Writing a bundle: a ZIP file that is the same, byte for byte, whenever it says the same.

Stored, not deflated: what zlib makes of the same bytes differs between its versions.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from events.errors import BadInput
from node.evidence.verifier.container import Stored, directory_end
from node.evidence.verifier.facts import MANIFEST

#: A file, or what makes it when its turn comes: in the order of the names.
Content = bytes | Callable[[], bytes]

#: Beyond these a ZIP file needs another format (APPNOTE 6.3, section 4.3.9.2).
_MOST_BYTES = 2**32 - 2**20
_MOST_FILES = 65_534
_DIGEST = 64


def write_bundle(files: Mapping[str, Content], path: Path) -> None:
    """Write a bundle with its manifest, readable by its owner only.

    BadInput if it cannot be written there, or is too large for one file.
    """
    if len(files) > _MOST_FILES:
        raise BadInput(f"{len(files)} files are too many for one bundle: export a smaller range")
    part = path.with_name(f".{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                _Writing(file, files).run()
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}", rule="to") from None


class _Writing:
    """The manifest comes first and is known last: its place is kept, for its length is known."""

    def __init__(self, file: BinaryIO, files: Mapping[str, Content]) -> None:
        self._file = file
        self._files = files
        self._stored: dict[str, Stored] = {}
        self._digests: dict[str, str] = {}

    def run(self) -> None:
        """Write everything."""
        for name in sorted([*self._files, MANIFEST]):
            content = self._files.get(name, b"")
            data = bytes(self._length) if name == MANIFEST else content
            self._put(name, data if isinstance(data, bytes) else data())
        end = self._file.tell()
        manifest, at = self._manifest(), self._stored[MANIFEST].offset
        self._file.seek(at)
        self._put(MANIFEST, manifest)
        self._file.seek(end)
        lines = b"".join(self._stored[name].central for name in sorted(self._stored))
        self._file.write(lines + directory_end(len(self._stored), len(lines), end))

    def _put(self, name: str, data: bytes) -> None:
        one = Stored(name, zlib.crc32(data), len(data), self._file.tell())
        if one.offset + len(data) > _MOST_BYTES:
            raise BadInput("more than 4 GiB do not go into one bundle: export a smaller range")
        self._file.write(one.local)
        self._file.write(data)
        self._stored[name] = one
        self._digests[name] = sha256(data).hexdigest()

    @property
    def _length(self) -> int:
        lines = sum(_DIGEST + 2 + len(name.encode()) + 1 for name in self._files)
        return lines + 2 + _DIGEST + 1

    def _manifest(self) -> bytes:
        """As `sha256sum` writes it; the last line, a comment, is the hash of those above."""
        lines = (f"{self._digests[name]}  {name}\n" for name in sorted(self._files))
        body = "".join(lines).encode()
        return body + f"# {sha256(body).hexdigest()}\n".encode()
