"""The last that a program has signed of every log: its own file, and no database's word.

Whoever restores a database, or steals one, cannot make a sealer or a witness say something else of
a size that it has signed, or of a smaller one: the file is on the disk before the signature is out.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from events.errors import Misconfigured, RecordRejected


class Head(NamedTuple):
    """How many leaves a tree had, and its root (32 bytes)."""

    size: int
    root: bytes


class Heads:
    """The heads of one program, by name of the log. One process at a time."""

    def __init__(self, path: Path) -> None:
        """Read the file; it is made with the first head. Misconfigured if it cannot be read."""
        self._path = path
        try:
            said = json.loads(path.read_text())
            self._heads = {name: _head(size, root) for name, (size, root) in said.items()}
        except FileNotFoundError:
            self._heads = {}
        except (OSError, ValueError, TypeError, AttributeError):
            raise Misconfigured(
                f"{path.name}: what was signed before cannot be read; bring the file back, for"
                " without it nothing can be signed"
            ) from None

    @property
    def all(self) -> Mapping[str, Head]:
        """Every head that was kept."""
        return MappingProxyType(self._heads)

    def get(self, name: str) -> Head | None:
        """Return the last head of a log; None if none was ever signed here."""
        return self._heads.get(name)

    def advance(self, heads: Mapping[str, Head]) -> None:
        """Keep heads, on the disk, before they are signed.

        RecordRejected if one is smaller than before, or another root of the same size.
        """
        for name, head in heads.items():
            before = self._heads.get(name)
            if before is None or before == head:
                continue
            if head.size <= before.size:
                raise RecordRejected(
                    f"log {name}: {before.size} leaves were signed, and now another tree of"
                    f" {head.size}: nothing is signed",
                    rule="fork" if head.size == before.size else "rollback",
                )
        if all(self._heads.get(name) == head for name, head in heads.items()):
            return
        self._heads.update(heads)
        self._write()

    def _write(self) -> None:
        said = {name: [size, _text(root)] for name, (size, root) in sorted(self._heads.items())}
        part = self._path.with_name(f".{self._path.name}.part")
        part.unlink(missing_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(said, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _head(size: object, root: str) -> Head:
    found = base64.b64decode(root, validate=True)
    if not isinstance(size, int) or size < 0 or len(found) != 32:
        raise ValueError
    return Head(size, found)


def _text(root: bytes) -> str:
    return base64.b64encode(root).decode()
