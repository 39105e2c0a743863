"""What a country says abroad of its national log: one salted hash a day (design §7).

A checkpoint would tell other countries how much is decided there, day by day. The hash tells
nothing, for its salt is random; whoever is given salt and checkpoint later knows that the log stood
there on that day and was not written anew since. One is made every day, also of a log in which
nothing has changed or nothing stands: else its absence would tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Final

from events.errors import RecordRejected
from ledger.log.checkpoint import Checkpoint
from ledger.log.lines import encoded, read_hash
from ledger.log.note import Note, checked_text
from ledger.log.signature import LogSigner

#: What is committed to begins with this: no other hash of ours does.
_BEGIN: Final = b"referral/day/v1\0"
SALT: Final = 32
#: A commitment's first line is its log's name with this behind it.
DAY: Final = "/day"


def committed(day: date, checkpoint: Checkpoint, salt: bytes) -> bytes:
    """Return the hash that commits to a checkpoint (its text) on a day."""
    if len(salt) != SALT:
        raise ValueError(f"a salt has {SALT} bytes")
    return sha256(_BEGIN + salt + f"{day.isoformat()}\n{checkpoint.body}".encode()).digest()


@dataclass(frozen=True, slots=True)
class Commitment:
    """The text of such a note: whose log, which day (UTC), and the hash."""

    log: str
    day: date
    hash: bytes

    @classmethod
    def parse(cls, text: str) -> Commitment:
        """Read a note's text; RecordRejected, rule `commitment`, `note` or `line`, if none."""
        checked_text(text)
        lines = text[:-1].split("\n")
        name, _, end = lines[0].rpartition("/")
        if len(lines) != 3 or not name or f"/{end}" != DAY:
            raise _malformed("not a log, a day and a hash")
        return cls(name, _day(lines[1]), read_hash(lines[2], "the commitment"))

    @property
    def body(self) -> str:
        """The note's text."""
        return f"{self.log}{DAY}\n{self.day.isoformat()}\n{encoded(self.hash)}\n"

    def signed_by(self, signer: LogSigner) -> Note:
        """Return the signed note; the key is the log's."""
        return Note.of(self.body, signer.sign_text(self.body))


def _day(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise _malformed("the second line is no day") from None
    if found.isoformat() != text:  # one spelling of each
        raise _malformed("the second line is no day")
    return found


def _malformed(words: str) -> RecordRejected:
    return RecordRejected(f"not a commitment: {words}", rule="commitment")
