"""RFC 6962 trees that only grow, in the memory of their peaks: at most 64 hashes.

A tree of n leaves is a row of perfect subtrees, one per bit of n; their roots are the peaks. Adding
a leaf merges equal neighbours, the root folds the peaks from the right.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

#: Root of the tree without leaves (RFC 6962, section 2.1).
EMPTY_ROOT = sha256(b"").digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(slots=True)
class CompactRange:
    """A growing tree: how many leaves it has, and its peaks from left to right."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    def append(self, leaf: bytes) -> None:
        """Add a leaf by its leaf hash."""
        peaks, rest = self.peaks, self.size
        while rest & 1:  # a perfect subtree of the same size stands on the left
            leaf = node_hash(peaks.pop(), leaf)
            rest >>= 1
        peaks.append(leaf)
        self.size += 1

    @property
    def root(self) -> bytes:
        """The tree head."""
        if not self.peaks:
            return EMPTY_ROOT
        *left, root = self.peaks
        for peak in reversed(left):
            root = node_hash(peak, root)
        return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root of a whole tree, from its leaf hashes."""
    tree = CompactRange()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root
