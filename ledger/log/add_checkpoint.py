"""Asking a witness for its cosignature: what is said and answered (c2sp.org/tlog-witness).

Pure: `POST /add-checkpoint` without the HTTP. The log's side makes a `Request` and reads
`cosignatures` or, after 409, the `conflicting_size`; the witness's side is `answer`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from events.errors import RecordRejected
from ledger.log.checkpoint import Checkpoint
from ledger.log.lines import decimal, encoded, read_hash
from ledger.log.merkle import EMPTY_ROOT
from ledger.log.note import LARGEST_NOTE, MOST_SIGNATURES, Note, SignatureLine, Verifier
from ledger.log.tree import verify_consistency

#: What a log posts to, under a witness's submission prefix.
PATH = "/add-checkpoint"
#: "The client MUST NOT send more than 63 consistency proof lines."
MOST_HASHES = 63
#: Bytes that are worth reading of a request.
LARGEST_REQUEST = LARGEST_NOTE

_TEXT = "text/plain; charset=utf-8"
_SIZE = "text/x.tlog.size"


@dataclass(frozen=True, slots=True)
class Request:
    """What a log posts: that its checkpoint continues the one that the witness saw last."""

    #: Size of the checkpoint that the witness is believed to have cosigned last; 0 for none.
    old: int
    #: RFC 6962 consistency proof from there, 32 bytes each.
    proof: tuple[bytes, ...]
    note: Note

    @classmethod
    def parse(cls, body: bytes) -> Request:
        """Read a body; RecordRejected, rule `add_checkpoint`, `line` or `note`, if it is none."""
        if len(body) > LARGEST_REQUEST:
            raise _malformed(f"{len(body)} bytes are more than {LARGEST_REQUEST}")
        head, blank, note = body.partition(b"\n\n")
        try:
            first, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise _malformed("a byte that is not ASCII above its checkpoint") from None
        if not (first.startswith("old ") and blank):
            raise _malformed("it is not an old size, hashes, a blank line and a checkpoint")
        if len(lines) > MOST_HASHES:
            raise _malformed(f"{len(lines)} hashes are more than {MOST_HASHES}")
        old = decimal(first.removeprefix("old "), "the old size")
        proof = tuple(read_hash(line, "a hash of the proof") for line in lines)
        return cls(old, proof, Note.parse(note))

    def render(self) -> bytes:
        """Return the body."""
        lines = [f"old {self.old}", *map(encoded, self.proof), "", ""]
        return "\n".join(lines).encode() + self.note.render()


class Answer(NamedTuple):
    """What the witness answers."""

    #: 200, or why not: 400, 403, 404, 409, 422.
    status: int
    content_type: str
    body: bytes
    #: With 200: the note as the log and this witness have signed it. To be on the disk before the
    #: answer is out, and what `last` returns from then on.
    cosigned: Note | None = None


def answer(
    body: bytes,
    logs: Mapping[str, Sequence[Verifier]],
    last: Callable[[str], Checkpoint | None],
    cosign: Callable[[str], Sequence[SignatureLine]],
) -> Answer:
    """Judge a request ("add-checkpoint"); cosigns only what may be cosigned.

    `logs` are the trusted keys by origin. `last` returns what was cosigned last of an origin; it is
    asked once, of a known origin with a good signature: take the lock there, and keep it until
    `Answer.cosigned` is kept, or two requests could roll a log back. `cosign` returns this
    witness's signatures of a note's text.
    """
    try:
        request = Request.parse(body)
        checkpoint = Checkpoint.parse(request.note.text)
    except RecordRejected as error:
        return _refused(400, str(error))
    if checkpoint.origin not in logs:
        return _refused(404, "this log is not known here")
    try:
        signed = request.note.verified_by(logs[checkpoint.origin])
    except RecordRejected as error:
        return _refused(403, str(error))
    if request.old > checkpoint.size:
        return _refused(400, "the old size is larger than the checkpoint's")
    before = last(checkpoint.origin) or Checkpoint(checkpoint.origin, 0, EMPTY_ROOT)
    forks = checkpoint.size == before.size and checkpoint.root != before.root
    if request.old != before.size or forks:  # the specification has 409 for both
        return Answer(409, _SIZE, f"{before.size}\n".encode())
    if not _continues(before, checkpoint, request.proof):
        return _refused(422, "it does not continue the checkpoint that was cosigned last")
    lines = tuple(cosign(request.note.text))
    text = "".join(line.render() for line in lines)
    return Answer(200, _TEXT, text.encode(), Note.of(request.note.text, *signed, *lines))


def cosignatures(
    note: Note, body: bytes, witness_keys: Iterable[Verifier]
) -> tuple[SignatureLine, ...]:
    """Return the lines of an answer 200 that these keys made; others are ignored.

    Raises RecordRejected: rule `note` or `line` if the body is not lines of signatures,
    `note_signature` if none is by a known key or one is false.
    """
    try:
        *lines, rest = body.decode().split("\n")
    except UnicodeDecodeError:
        raise _malformed("the answer is not UTF-8") from None
    if rest or not 0 < len(lines) <= MOST_SIGNATURES:
        raise _malformed("the answer is not one or more lines")
    found = Note(note.text, tuple(SignatureLine.parse(line) for line in lines))
    return found.verified_by(witness_keys)


def conflicting_size(body: bytes) -> int:
    """Return the size in an answer 409: that of the checkpoint which the witness cosigned last.

    RecordRejected, rule `line`, if it is no size.
    """
    return decimal(body.decode("ascii", "replace").removesuffix("\n"), "the witness's size")


def _continues(before: Checkpoint, now: Checkpoint, proof: Sequence[bytes]) -> bool:
    # Of size 0 nothing but the empty tree continues: what was before it has its root.
    return verify_consistency(before.size, now.size, proof, before.root, now.root)


def _refused(status: int, words: str) -> Answer:
    return Answer(status, _TEXT, f"{words}\n".encode())


def _malformed(words: str) -> RecordRejected:
    return RecordRejected(f"add-checkpoint: {words}", rule="add_checkpoint")
