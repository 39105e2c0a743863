"""Checkpoints: what a log says of itself, its name, size and root (c2sp.org/tlog-checkpoint)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from events.errors import RecordRejected
from ledger.log.lines import HASH, LARGEST, decimal, encoded, read_hash
from ledger.log.note import Note, Verifier, checked_text
from ledger.log.signature import LogSigner


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log's tree when it had a size."""

    #: Name of the log; never empty, one line.
    origin: str
    #: How many leaves.
    size: int
    #: RFC 6962 root of the tree of these leaves, 32 bytes.
    root: bytes

    def __post_init__(self) -> None:
        if not self.origin or "\n" in self.origin:
            raise _malformed("the origin is not one line")
        if not 0 <= self.size <= LARGEST or len(self.root) != HASH:
            raise _malformed("size or root cannot be those of a tree")

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read a note's text; RecordRejected, rule `checkpoint` or `line`.

        Extension lines of others are read over ("Note text", 4): what is signed is the note's text,
        so sign and verify that and never a `body` made again.
        """
        checked_text(text)
        lines = text[:-1].split("\n")
        if len(lines) < 3 or not all(lines):
            raise _malformed("it does not have three lines, or one of its lines is empty")
        origin, size, root = lines[:3]
        return cls(origin, decimal(size, "the tree size"), read_hash(root, "the root"))

    @property
    def body(self) -> str:
        """The note's text: three lines, and no extension lines ("NOT RECOMMENDED")."""
        return f"{self.origin}\n{self.size}\n{encoded(self.root)}\n"

    def signed_by(self, signer: LogSigner) -> Note:
        """Return the signed note. Whoever calls it answers for what it says: see the sealer."""
        return Note.of(self.body, signer.sign_text(self.body))


def signed_checkpoint(note: Note, log_keys: Sequence[Verifier]) -> Checkpoint:
    """Return what a note says, if one of its log's keys has signed it.

    A key belongs to the log that has its name, so keys of several logs may be given. Raises
    RecordRejected with rule `note_signature` if none of the log's keys has signed, or one of them
    did not make what stands in its name; `checkpoint` or `line` if the text is none.
    """
    checkpoint = Checkpoint.parse(note.text)
    note.verified_by([key for key in log_keys if key.name == checkpoint.origin])
    return checkpoint


def _malformed(words: str) -> RecordRejected:
    return RecordRejected(f"not a checkpoint: {words}", rule="checkpoint")
