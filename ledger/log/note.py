"""Signed notes: a text, a blank line, and one line per signature (c2sp.org/signed-note).

Nothing in a note is to be believed before `Note.verified_by` has returned.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from events.errors import Misconfigured, RecordRejected
from ledger.log.lines import decoded, encoded
from ledger.log.vkey import is_key_name

#: A verifier "MUST accept at least up to 16 signatures" and should have a limit ("Format"); these
#: are x/mod's own, and room for a hundred post-quantum ones.
MOST_SIGNATURES = 100
LARGEST_NOTE = 2**20

_DASH = "\N{EM DASH} "
_ID = 4


class Verifier(Protocol):
    """The public half of a key that signs notes, whatever its type."""

    @property
    def name(self) -> str:
        """The key's name."""

    @property
    def key_id(self) -> bytes:
        """Its four bytes in front of each of its signatures."""

    @property
    def public(self) -> bytes:
        """The public key."""

    def has_signed(self, text: str, signature: bytes) -> bool:
        """Say whether this key made a signature (without key id) of a note's text."""

    def render(self) -> str:
        """Return the key as text, `name+key id+base64`."""


class SignatureLine(NamedTuple):
    """One signature of a note."""

    name: str
    key_id: bytes
    #: What the key has signed with; for a cosignature eight bytes of time and then that.
    signature: bytes

    @classmethod
    def parse(cls, line: str) -> SignatureLine:
        """Read a line without its newline; RecordRejected, rule `note`, if it is none."""
        name, space, text = line.removeprefix(_DASH).partition(" ")
        if not (line.startswith(_DASH) and space and is_key_name(name)):
            raise _malformed("a signature line is not a dash, a name and a signature")
        raw = decoded(text, f"the signature of {name}")
        if len(raw) <= _ID:
            raise _malformed(f"the signature of {name} is too short")
        return cls(name, raw[:_ID], raw[_ID:])

    def render(self) -> str:
        """Return the line with its newline."""
        return f"{_DASH}{self.name} {encoded(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends in a newline, and the lines under it, known or not."""

    text: str
    signatures: tuple[SignatureLine, ...]

    @classmethod
    def parse(cls, data: bytes) -> Note:
        """Read a note; RecordRejected, rule `note` or `line`, says what is wrong with its form.

        `Note.parse(data).render() == data` for whatever is accepted.
        """
        if len(data) > LARGEST_NOTE:
            raise _malformed(f"{len(data)} bytes are more than {LARGEST_NOTE}")
        try:
            whole = data.decode()
        except UnicodeDecodeError:
            raise _malformed("not UTF-8") from None
        # The text may hold empty lines: the last one separates it from the signatures.
        text, blank, lines = whole.rpartition("\n\n")
        if not blank or not lines.endswith("\n"):
            raise _malformed("no blank line with signatures under it")
        rows = lines[:-1].split("\n")
        if len(rows) > MOST_SIGNATURES:
            raise _malformed(f"{len(rows)} signatures are more than {MOST_SIGNATURES}")
        checked_text(text + "\n")
        return cls(text + "\n", tuple(SignatureLine.parse(row) for row in rows))

    @classmethod
    def of(cls, text: str, *signatures: SignatureLine) -> Note:
        """Make a note that `parse` reads back; RecordRejected, rule `note`, if it could not."""
        checked_text(text)
        if not signatures:
            raise _malformed("nobody has signed")
        return cls.parse(cls(text, signatures).render())

    def render(self) -> bytes:
        """Return the note's bytes."""
        return (self.text + "\n" + "".join(line.render() for line in self.signatures)).encode()

    def with_signatures(self, lines: Iterable[SignatureLine]) -> Note:
        """Return the note with these lines at the end, each instead of an older one of its key."""
        new = {(line.name, line.key_id): line for line in lines}
        kept = (one for one in self.signatures if (one.name, one.key_id) not in new)
        return Note.of(self.text, *kept, *new.values())

    def verified_by(self, verifiers: Iterable[Verifier]) -> tuple[SignatureLine, ...]:
        """Return the line that each of these keys made, in the note's order; others are ignored.

        Of several lines of one key the first: anybody can copy a line without the key.

        Raises RecordRejected, rule `note_signature`, if a line has the name and key id of one of
        them and was not made by it, or if none of them has signed (c2sp.org/signed-note,
        "Signatures": such a note is to be rejected as a whole).
        """
        known = _by_id(verifiers)
        found: dict[tuple[str, bytes], SignatureLine] = {}
        for line in self.signatures:
            verifier = known.get((line.name, line.key_id))
            if verifier is None:
                continue
            if not verifier.has_signed(self.text, line.signature):
                words = f"a signature in the name of {line.name} is not of that key"
                raise RecordRejected(words, rule="note_signature")
            found.setdefault((line.name, line.key_id), line)
        if not found:
            raise RecordRejected("no known key has signed this note", rule="note_signature")
        return tuple(found.values())


def checked_text(text: str) -> None:
    """Refuse a text that no note may have ("Format"): RecordRejected, rule `note`."""
    if not text.endswith("\n"):
        raise _malformed("the text does not end in a newline")
    if any(one < " " and one != "\n" for one in text):
        raise _malformed("a control character")


def _by_id(verifiers: Iterable[Verifier]) -> dict[tuple[str, bytes], Verifier]:
    known: dict[tuple[str, bytes], Verifier] = {}
    for one in verifiers:
        same = known.setdefault((one.name, one.key_id), one)
        if same.public != one.public:  # four bytes are soon found twice by whoever looks for it
            raise Misconfigured(f"two keys of {one.name} have the key id {one.key_id.hex()}")
    return known


def _malformed(words: str) -> RecordRejected:
    return RecordRejected(f"not a signed note: {words}", rule="note")
