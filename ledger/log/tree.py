"""RFC 6962 trees that can prove: that a leaf is in them, and that they only grew.

A proof binds a leaf to a root, or a root to a later one. What it does not bind is the size: some
proofs are the same for trees of other sizes. The size is what a log has signed beside the root.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

from events.errors import BadInput
from ledger.log.lines import HASH
from ledger.log.merkle import EMPTY_ROOT, node_hash


class Tree:
    """A growing tree, all of whose perfect subtrees are kept: 64 bytes a leaf.

    Proofs are O(log n) look-ups and hashes, of any size that the tree has had.
    """

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        #: Per height the roots of all perfect subtrees of that height, one behind the other.
        self._levels = [bytearray()]
        self.extend(leaves)

    @property
    def size(self) -> int:
        """How many leaves."""
        return len(self._levels[0]) // HASH

    def append(self, leaf: bytes) -> None:
        """Add a leaf by its leaf hash, 32 bytes."""
        assert len(leaf) == HASH
        levels, level, hashed = self._levels, 0, sha256
        row = levels[0]
        index = len(row) // HASH
        row += leaf
        while index & 1:  # the second of a pair: the subtree above is complete
            at = (index - 1) * HASH
            node = hashed(b"\x01" + row[at : at + 2 * HASH]).digest()
            level += 1
            index >>= 1
            if level == len(levels):
                levels.append(bytearray())
            row = levels[level]
            row += node

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add many leaves by their leaf hashes; the same as one by one, and faster."""
        self._levels[0] += b"".join(leaves)
        assert len(self._levels[0]) % HASH == 0
        for level, row in enumerate(self._levels):  # grows while it is walked
            if len(row) < 2 * HASH:
                break
            if level + 1 == len(self._levels):
                self._levels.append(bytearray())
            above = self._levels[level + 1]
            pairs = range(2 * len(above), len(row) - 2 * HASH + 1, 2 * HASH)
            above += b"".join(sha256(b"\x01" + row[at : at + 2 * HASH]).digest() for at in pairs)

    def root(self, size: int | None = None) -> bytes:
        """Return the head of the tree as it was with so many leaves (all, if not said)."""
        return self.subtree(0, self._known(size))

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """Return the audit path of a leaf in the tree of a size (RFC 6962, section 2.1.1).

        From the leaf's sibling up to the root's child; BadInput if there is no such leaf.
        """
        end = self._known(size)
        if not 0 <= index < end:
            raise BadInput(f"leaf {index} is not in a tree of {end}", rule="tree")
        start, path = 0, []
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                path.append(self.subtree(middle, end))
                end = middle
            else:
                path.append(self.subtree(start, middle))
                start = middle
        return path[::-1]

    def consistency(self, old: int, new: int | None = None) -> list[bytes]:
        """Return the proof that one size's tree begins another's (RFC 6962, section 2.1.2).

        Empty for equal sizes and for `old` 0, which begins every tree; BadInput if `old` is larger
        than `new`, or `new` than the tree.
        """
        end = self._known(new)
        if not 0 <= old <= end:
            raise BadInput(f"a tree of {end} leaves never had {old}", rule="tree")
        if old in {0, end}:
            return []
        start, whole, path = 0, True, []
        while old != end - start:
            middle = start + _split(end - start)
            if old <= middle - start:
                path.append(self.subtree(middle, end))
                end = middle
            else:
                path.append(self.subtree(start, middle))
                old -= middle - start
                start, whole = middle, False
        if not whole:  # else it is the old root, which whoever asks knows
            path.append(self.subtree(start, end))
        return path[::-1]

    def _known(self, size: int | None) -> int:
        if size is None:
            return self.size
        if not 0 <= size <= self.size:
            raise BadInput(f"a tree of {self.size} leaves never had {size}", rule="tree")
        return size

    def subtree(self, start: int, end: int) -> bytes:
        """Return MTH(D[start:end]) (RFC 6962, section 2.1) of a range that a split has made.

        Or of any perfect subtree: `end - start` leaves, a power of two that divides `start`.
        """
        many = end - start
        if many == 0:
            return EMPTY_ROOT
        if many & (many - 1) == 0:  # a perfect subtree: kept
            at = start // many * HASH
            return bytes(self._levels[many.bit_length() - 1][at : at + HASH])
        middle = start + _split(many)
        return node_hash(self.subtree(start, middle), self.subtree(middle, end))


def verify_inclusion(
    index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> bool:
    """Say whether an audit path leads from a leaf hash to a root (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size or any(len(one) != HASH for one in (leaf, root, *proof)):
        return False
    at, last, found = index, size - 1, leaf
    for one in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(one, found)
            while at and not at & 1:  # levels where this subtree has no right neighbour
                at >>= 1
                last >>= 1
        else:
            found = node_hash(found, one)
        at >>= 1
        last >>= 1
    return last == 0 and found == root


def verify_consistency(
    old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> bool:
    """Say whether the tree of a root begins that of a later one (RFC 9162, section 2.1.4.2)."""
    if not 0 <= old <= new or any(len(one) != HASH for one in (old_root, new_root, *proof)):
        return False
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at >>= 1
        last >>= 1
    was = now = path[0]
    for one in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            was, now = node_hash(one, was), node_hash(one, now)
            while at and not at & 1:
                at >>= 1
                last >>= 1
        else:
            now = node_hash(now, one)
        at >>= 1
        last >>= 1
    return last == 0 and was == old_root and now == new_root


def _split(many: int) -> int:
    """Return the largest power of two below (RFC 6962, section 2.1)."""
    return 1 << ((many - 1).bit_length() - 1)
