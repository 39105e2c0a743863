"""Events of one log that a signed root proves, each at the one record where it stands.

A table in a file without a name, one entry per place of the log, written by one process and read by
another: 48 bytes an event on the disk, and in no process's memory for longer than the system likes.

A root proves that bytes are an event of its log at its place. It does not say which of several
records with these bytes is the event, and which are repeats, or copies under another signature. So
an entry holds where its record stands, and a place that several records claim is proven for none of
them: each is then judged by its signature.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from mmap import ACCESS_READ, mmap
from struct import Struct
from typing import Final, NamedTuple

from ledger.log.heads import Head
from ledger.log.merkle import CompactRange

#: Leaf hash, offset, partition, how many records claim the place (two stand for more).
_ENTRY: Final = Struct(">32sQII")
ENTRY_BYTES: Final = _ENTRY.size
_NOBODY, _ONE, _SEVERAL = 0, 1, 2


class Extent(NamedTuple):
    """How far a log is proven, and why not further: a rule of `faults`, or nothing."""

    size: int
    reason: str = ""


class Places:
    """The table while a topic is read: whoever claims a place of the log."""

    def __init__(self, file: int, capacity: int) -> None:
        """Give an open file the size for so many events; `capacity` is at least 1."""
        os.ftruncate(file, capacity * ENTRY_BYTES)
        self.capacity = capacity
        self._table = mmap(file, capacity * ENTRY_BYTES)

    def note(
        self, index: int, leaf: bytes, partition: int, offset: int, is_signed: Callable[[], bool]
    ) -> None:
        """Note that a record claims a place. `is_signed` is asked only where two differ.

        Anybody may write anything under an index; then the signed one is the origin's.
        """
        if index >= self.capacity:
            return
        at = index * ENTRY_BYTES
        before, _, _, claims = _ENTRY.unpack_from(self._table, at)
        if claims == _NOBODY:
            _ENTRY.pack_into(self._table, at, leaf, offset, partition, _ONE)
        elif before == leaf or is_signed():
            _ENTRY.pack_into(self._table, at, leaf, offset, partition, _SEVERAL)

    def prove(self, heads: Iterable[Head]) -> Extent:
        """Recompute the tree, and return up to which signed head it is the one that was signed."""
        tree, proven = CompactRange(), 0
        for head in sorted(heads):
            if head.size > self.capacity:
                return Extent(proven, "missing")
            while tree.size < head.size:
                leaf, _, _, claims = _ENTRY.unpack_from(self._table, tree.size * ENTRY_BYTES)
                if claims == _NOBODY:
                    return Extent(proven, "missing")
                tree.append(leaf)
            if tree.root != head.root:
                return Extent(proven, "root_differs")
            proven = head.size
        return Extent(proven)

    def close(self) -> None:
        """Let the file go."""
        self._table.close()


class Proven:
    """The table once its tree is the one that was signed."""

    def __init__(self, file: int, size: int) -> None:
        """Read an open file up to a size, at least 1, that `Places.prove` has returned."""
        self.size = size
        self._table = mmap(file, size * ENTRY_BYTES, access=ACCESS_READ)

    def holds(self, index: int, leaf: bytes, partition: int, offset: int) -> bool:
        """Say whether this record, and no other, is the event at a place of the log."""
        if index >= self.size:
            return False
        found = _ENTRY.unpack_from(self._table, index * ENTRY_BYTES)
        return bool(found == (leaf, offset, partition, _ONE))

    def close(self) -> None:
        """Let the file go."""
        self._table.close()
