"""Proofs for a file or a QR code: a leaf's place, its audit path, and a cosigned checkpoint.

A `.tlog-proof` (c2sp.org/tlog-proof@v1) is checked offline, with nothing but the leaf and a policy.
"""

from __future__ import annotations

from dataclasses import dataclass

from events.errors import RecordRejected
from ledger.log.checkpoint import Checkpoint
from ledger.log.lines import decimal, decoded, encoded, read_hash
from ledger.log.note import Note
from ledger.log.policy import Policy, checked
from ledger.log.tree import verify_inclusion

#: The first line, and what files are called.
FIRST_LINE = "c2sp.org/tlog-proof@v1"
SUFFIX = ".tlog-proof"

#: Heights that a tree can have with sizes of 63 bits.
MOST_HASHES = 63


@dataclass(frozen=True, slots=True)
class Proof:
    """That an entry stands at an index of a log."""

    #: Place of the entry, from 0.
    index: int
    #: From the leaf's sibling up to the root's child, 32 bytes each (RFC 6962, section 2.1.1).
    hashes: tuple[bytes, ...]
    #: The log's checkpoint with its cosignatures, word for word.
    checkpoint: Note
    #: Whatever the application put there, or None. Not authenticated.
    extra: bytes | None = None

    @classmethod
    def parse(cls, data: bytes) -> Proof:
        """Read a proof; RecordRejected, rule `proof`, `line`, `note` or `checkpoint`.

        `Proof.parse(data).render() == data` for whatever is accepted.
        """
        head, blank, note = data.partition(b"\n\n")
        try:
            first, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise _malformed("a byte that is not ASCII above its checkpoint") from None
        if first != FIRST_LINE or not blank:
            raise _malformed(f"it is not {FIRST_LINE} and lines up to a blank one")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = decoded(lines.pop(0).removeprefix("extra "), "the extra data")
        if not lines or not lines[0].startswith("index "):
            raise _malformed("no index line in its place")
        index = decimal(lines.pop(0).removeprefix("index "), "the index")
        if len(lines) > MOST_HASHES:
            raise _malformed(f"{len(lines)} hashes are more than {MOST_HASHES}")
        hashes = tuple(read_hash(line, "a hash of the proof") for line in lines)
        checkpoint = Note.parse(note)
        Checkpoint.parse(checkpoint.text)
        return cls(index, hashes, checkpoint, extra)

    def render(self) -> bytes:
        """Return the proof as the text of a file."""
        lines = [
            FIRST_LINE,
            *([] if self.extra is None else [f"extra {encoded(self.extra)}"]),
            f"index {self.index}",
            *map(encoded, self.hashes),
        ]
        return "\n".join([*lines, "", ""]).encode() + self.checkpoint.render()

    def verify(self, leaf: bytes, policy: Policy) -> Checkpoint:
        """Return the checkpoint under which an entry, by its leaf hash, is proven.

        The order is that of "Verifying a tlog proof". Raises RecordRejected: as
        `ledger.log.policy.checked` if the checkpoint does not count, rule `inclusion` if the path
        does not lead from this leaf to its root.
        """
        checkpoint = checked(self.checkpoint, policy)
        size, root = checkpoint.size, checkpoint.root
        if not verify_inclusion(self.index, size, leaf, self.hashes, root):
            words = f"this is not entry {self.index} of {checkpoint.origin} at size {size}"
            raise RecordRejected(words, rule="inclusion")
        return checkpoint


def _malformed(words: str) -> RecordRejected:
    return RecordRejected(f"not a proof: {words}", rule="proof")
