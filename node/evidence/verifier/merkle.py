"""Merkle trees as RFC 6962 (section 2.1) defines them: proofs, and replaying a range of leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence


def leaf_hash_of(entry: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\0" + entry).digest()


def inner_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def is_included(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Say whether a leaf stands at an index of the tree of this size and root (RFC 9162, 2.1.3.2).

    `proof` is RFC 6962's audit path, from the leaf's sibling to the root's child.
    """
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = inner_hash(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = inner_hash(found, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def is_consistent(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Say whether the tree of `old` leaves begins that of `new` (RFC 9162, section 2.1.4.2)."""
    if old == new:
        return not proof and old_root == new_root
    if not 0 < old < new:
        return False
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = inner_hash(sibling, first), inner_hash(sibling, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = inner_hash(second, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


class RangeTree:
    """A tree that is put together from perfect subtrees, from left to right."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def take(self, subtree: bytes, level: int) -> None:
        """Append a perfect subtree of 2**level leaves; ValueError where none can stand."""
        if self.size % (1 << level):
            raise ValueError(f"no subtree of {1 << level} leaves can begin at {self.size}")
        rest = self.size >> level
        while rest & 1:  # its left neighbour is as large
            subtree = inner_hash(self._peaks.pop(), subtree)
            rest >>= 1
        self._peaks.append(subtree)
        self.size += 1 << level

    def take_leaves(self, leaves: list[bytes]) -> None:
        """Append leaves by their hashes. A whole bundle at its place is hashed level by level."""
        if len(leaves) != 256 or self.size % 256:
            for leaf in leaves:
                self.take(leaf, 0)
            return
        sha256, row = hashlib.sha256, leaves
        while len(row) > 1:
            pairs = zip(row[::2], row[1::2], strict=True)
            row = [sha256(b"\x01%b%b" % pair).digest() for pair in pairs]
        self.take(row[0], 8)

    def take_rest(self, subtrees: Iterable[bytes], size: int) -> None:
        """Append the largest subtrees that fill the tree up to a size; ValueError if not these."""
        for subtree in subtrees:
            room = size - self.size
            if room <= 0:
                raise ValueError("more hashes than the tree has room for")
            level = room.bit_length() - 1
            while self.size % (1 << level):
                level -= 1
            self.take(subtree, level)
        if self.size != size:
            raise ValueError(f"the hashes fill {self.size} leaves, not {size}")

    @property
    def root(self) -> bytes:
        """The tree head."""
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        *left, root = self._peaks
        for peak in reversed(left):
            root = inner_hash(peak, root)
        return root
