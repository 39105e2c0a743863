"""RFC 6962 trees that only grow, in the memory of their peaks: at most 64 hashes.

A tree of n leaves is a row of perfect subtrees, one per bit of n; their roots are the peaks. Adding
a leaf merges equal neighbours, the root folds the peaks from the right.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from events.errors import RecordRejected

#: Root of the tree without leaves (RFC 6962, section 2.1).
EMPTY_ROOT = sha256(b"").digest()

_SIZE, _HASH = 8, 32


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
            leaf = sha256(b"\x01" + peaks.pop() + leaf).digest()
            rest >>= 1
        peaks.append(leaf)
        self.size += 1

    def copy(self) -> CompactRange:
        """Return a tree of the same leaves that grows on its own."""
        return CompactRange(self.size, list(self.peaks))

    @property
    def root(self) -> bytes:
        """The tree head."""
        if not self.peaks:
            return EMPTY_ROOT
        *left, root = self.peaks
        for peak in reversed(left):
            root = node_hash(peak, root)
        return root

    @property
    def state(self) -> bytes:
        """Everything of it, for a file: its size in eight bytes, big endian, then its peaks."""
        return self.size.to_bytes(_SIZE, "big") + b"".join(self.peaks)

    @classmethod
    def of_state(cls, state: bytes) -> CompactRange:
        """Read what `state` wrote; RecordRejected, rule `tree`, if peaks are missing or too many.

        That the peaks are the right ones shows when the root is compared with a signed one.
        """
        size, peaks = int.from_bytes(state[:_SIZE], "big"), state[_SIZE:]
        if len(state) < _SIZE or len(peaks) != size.bit_count() * _HASH:
            raise RecordRejected(
                f"{len(state)} bytes are not the state of a compact range", rule="tree"
            )
        cuts = range(0, len(peaks), _HASH)
        return cls(size, [peaks[cut : cut + _HASH] for cut in cuts])


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root of a whole tree, from its leaf hashes."""
    tree = CompactRange()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root
