"""A whole log as a folder of files that outside tools read (c2sp.org/tlog-tiles).

`checkpoint`, the tree in tiles of 256 hashes under `tile/<level>/`, and the entries themselves in
bundles of 256 under `tile/entries/`. The same log and checkpoint give the same bytes. Memory: one
bundle, and 256 hashes a level.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from events.errors import BadInput, EventTooLarge, HistoryGap, RecordRejected
from events.stamp import leaf_hash
from ledger.log.checkpoint import Checkpoint
from ledger.log.merkle import CompactRange
from ledger.log.note import LARGEST_NOTE, Note
from ledger.log.policy import Policy, checked

CHECKPOINT = "checkpoint"
#: Hashes of a full tile, entries of a full bundle.
WIDTH = 256
#: Bytes of an entry: its length stands before it in two.
LARGEST_ENTRY = 2**16 - 1

_ENTRIES = "entries"
_LENGTH = 2
_LARGEST_FILE = max(WIDTH * (_LENGTH + LARGEST_ENTRY), LARGEST_NOTE)


class File(NamedTuple):
    """One file of the folder."""

    #: Under the folder, with slashes.
    path: str
    content: bytes


class Tiling:
    """Makes the files of a log, each as soon as it is full; `rest` gives those that never were."""

    def __init__(self) -> None:
        self._many = 0
        self._bundle = bytearray()
        #: Per level the hashes of the tile that is not full yet.
        self._rows: list[list[bytes]] = [[]]

    def add(self, entry: bytes) -> Iterator[File]:
        """Take the next entry; EventTooLarge if it has more than 65,535 bytes."""
        if len(entry) > LARGEST_ENTRY:
            raise EventTooLarge(f"entry {self._many} has {len(entry)} bytes")
        self._bundle += len(entry).to_bytes(_LENGTH, "big") + entry
        self._many += 1
        if self._many % WIDTH == 0:
            yield File(_path(_ENTRIES, self._many // WIDTH - 1), bytes(self._bundle))
            self._bundle.clear()
        yield from self._hashed(leaf_hash(entry))

    def rest(self) -> Iterator[File]:
        """Return the partial tiles and the partial bundle ("Partial Tiles"); none is empty."""
        if self._bundle:
            width = self._many % WIDTH
            yield File(_path(_ENTRIES, self._many // WIDTH, width), bytes(self._bundle))
        for level, row in enumerate(self._rows):
            if row:
                number = self._many // WIDTH ** (level + 1)
                yield File(_path(str(level), number, len(row)), b"".join(row))

    def checkpoint(self, origin: str) -> Checkpoint:
        """Return the head of the tree so far."""
        peaks = [peak for row in reversed(self._rows) for peak in _range(row).peaks]
        return Checkpoint(origin, self._many, CompactRange(self._many, peaks).root)

    def _hashed(self, node: bytes) -> Iterator[File]:
        """Take the hash of the next leaf; a full tile is one hash of the level above."""
        level = 0
        while True:
            row = self._rows[level]
            row.append(node)
            if len(row) < WIDTH:
                return
            number = self._many // WIDTH ** (level + 1) - 1
            yield File(_path(str(level), number), b"".join(row))
            node = _range(row).root
            row.clear()
            level += 1
            if level == len(self._rows):
                self._rows.append([])


def write_tiles(folder: Path, entries: Iterable[bytes], note: Note) -> Checkpoint:
    """Write the log of a checkpoint into an empty or new folder; return what the checkpoint says.

    Takes as many entries as it counts and no more. The checkpoint is written last, word for word:
    a folder without one is not finished. Raises HistoryGap, rule `tiles`, if there are fewer
    entries or their root is another than what the note says (its signatures are not looked at);
    BadInput if there is something in the folder.
    """
    said = Checkpoint.parse(note.text)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BadInput(f"{folder}: files of a log go into an empty folder", rule="tiles")
    tiling = Tiling()
    for file in tiled(islice(entries, said.size), tiling):
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    found = tiling.checkpoint(said.origin)
    if found != said:
        words = f"{said.origin}: {found.size} entries do not give the checkpoint of {said.size}"
        raise HistoryGap(words, rule="tiles")
    (folder / CHECKPOINT).write_bytes(note.render())
    return said


def check_tiles(folder: Path, policy: Policy) -> Checkpoint:
    """Check every byte of a folder against its checkpoint, and that against a policy.

    Raises RecordRejected and names the file: rule `tiles` if it is missing, does not belong there
    or does not fit the entries; as `ledger.log.policy.checked` if the checkpoint does not count.
    """
    note = _read(folder, CHECKPOINT)
    try:
        said = checked(Note.parse(note), policy)
    except RecordRejected as error:
        raise RecordRejected(f"{CHECKPOINT}: {error}", rule=error.rule) from None
    _check_names(folder, said.size)
    tiling = Tiling()
    for file in tiled(read_entries(folder, said.size), tiling):
        if _read(folder, file.path) != file.content:
            below = file.path.replace("tile/0/", f"tile/{_ENTRIES}/")
            words = "the tiles below it" if below == file.path else below
            raise _wrong(f"{file.path} is not what {words} hashes to")
    if tiling.checkpoint(said.origin) != said:
        raise _wrong(f"{CHECKPOINT} has another root than the entries")
    return said


def read_entries(folder: Path, size: int) -> Iterator[bytes]:
    """Return the first `size` entries of a folder, in order; `check_tiles` says if they are true.

    Raises RecordRejected, rule `tiles`, and names a bundle that is missing or cut.
    """
    for start in range(0, size, WIDTH):
        width = min(WIDTH, size - start)
        path = _path(_ENTRIES, start // WIDTH, width)
        bundle, at = _read(folder, path), 0
        for _ in range(width):
            begin = at + _LENGTH
            at = begin + int.from_bytes(bundle[at:begin], "big")
            if begin > len(bundle) or at > len(bundle):
                raise _wrong(f"{path} ends in the middle of an entry")
            yield bundle[begin:at]
        if at != len(bundle):
            raise _wrong(f"{path} has more than {width} entries")


def tiled(entries: Iterable[bytes], tiling: Tiling | None = None) -> Iterator[File]:
    """Return entry bundles and tiles of a log, each once; memory holds one of each level.

    `tiling` knows the tree afterwards. EventTooLarge.
    """
    tiling = tiling or Tiling()
    for entry in entries:
        yield from tiling.add(entry)
    yield from tiling.rest()


def _range(hashes: list[bytes]) -> CompactRange:
    tree = CompactRange()
    for one in hashes:
        tree.append(one)
    return tree


def _path(kind: str, number: int, width: int = WIDTH) -> str:
    """Return where a tile or bundle stands ("Merkle Tree"): 1234067 is x001/x234/067."""
    name = f"{number % 1000:03}"
    while number := number // 1000:
        name = f"x{number % 1000:03}/{name}"
    return f"tile/{kind}/{name}" + ("" if width == WIDTH else f".p/{width}")


def _paths(size: int) -> Iterator[str]:
    """Return where everything of a log stands."""
    yield CHECKPOINT
    kinds = [(_ENTRIES, size), *_heights(size)]
    for kind, many in kinds:
        full, width = divmod(many, WIDTH)
        yield from (_path(kind, number) for number in range(full))
        if width:
            yield _path(kind, full, width)


def _heights(size: int) -> Iterator[tuple[str, int]]:
    """Return each level and how many hashes its tiles hold."""
    level = 0
    while size:
        yield str(level), size
        size //= WIDTH
        level += 1


def _check_names(folder: Path, size: int) -> None:
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    due = set(_paths(size))
    for words, paths in (("is missing", due - found), ("does not belong there", found - due)):
        if paths:
            raise _wrong(f"{min(paths)} {words}")


def _read(folder: Path, path: str) -> bytes:
    file = folder / path
    try:
        if file.stat().st_size > _LARGEST_FILE:
            raise _wrong(f"{path} is too large")
        return file.read_bytes()
    except OSError as error:
        raise _wrong(f"{path}: {error.strerror}") from None


def _wrong(words: str) -> RecordRejected:
    return RecordRejected(words, rule="tiles")
