"""The search itself, and what it says: where something was found, never what."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from node.plaintext.files import files, parts
from node.plaintext.needles import Needles
from node.plaintext.parts import Part, Unreadable, unpacked


class Finding(NamedTuple):
    """A place at which a needle stands."""

    path: str
    offset: int
    #: Encoding, after how it was packed.
    how: str
    needle: str


@dataclass
class Search:
    """Looks for needles, file by file."""

    needles: Needles
    advance: Callable[[int], None] = lambda _by: None
    searched_files: int = 0
    searched_bytes: int = 0
    unreadable: list[Unreadable] = field(default_factory=list)
    _found: dict[tuple[str, int, str], Finding] = field(default_factory=dict)
    #: Packed bytes in which nothing was found: unpacked once.
    _clean: set[bytes] = field(default_factory=set)

    @property
    def found(self) -> list[Finding]:
        """Everything found, by path and offset."""
        return sorted(self._found.values())

    def folder(self, root: Path, above: str = "") -> None:
        """Search every file under a folder; `above` stands before its paths."""
        for one in files(root):
            if isinstance(one, Unreadable):
                self.unreadable.append(one._replace(path=above + one.path))
            else:
                self.file(one[0], above + one[1])

    def file(self, path: Path, shown: str) -> None:
        """Search one file. One that is gone meanwhile was given another name by its server."""
        size = 0
        try:
            size = path.stat().st_size
            self._parts(parts(path, shown, self._clean), shown)
        except FileNotFoundError:
            return
        except OSError as error:
            self.unreadable.append(Unreadable(shown, error.strerror or "cannot be read"))
            return
        self._searched(size)

    def answer(self, shown: str, data: bytes) -> None:
        """Search what a program said."""
        self._parts([unpacked(data, 0, "")], shown)
        self._searched(len(data))

    def _searched(self, size: int) -> None:
        self.searched_files += 1
        self.searched_bytes += size
        self.advance(1)

    def _parts(self, found: Iterable[Part | Unreadable], shown: str) -> None:
        for part in found:
            if isinstance(part, Unreadable):
                self.unreadable.append(part)
                continue
            hits = list(self.needles.find(part.data))
            for hit in hits:
                how = f"{part.packed}, {hit.how}" if part.packed else hit.how
                place = part.place(hit.at)
                finding = Finding(shown, place, how, hit.needle)
                self._found.setdefault((shown, place, how), finding)
            if part.digest is not None and not hits:
                self._clean.add(part.digest)
