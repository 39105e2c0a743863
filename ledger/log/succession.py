"""One key in the place of another: said by both, in the log itself, before the new one signs.

A country's log keys are pinned in the agreement, the new one beside the old one, in every country.
From where on the new one counts, and the old one no more, says an event of the country's own:
`SigningKeyReplaced` holds a note about the two keys that both have signed. So nobody takes over a
log with a key of his own alone, nor with a stolen one that is not pinned as the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, LiteralString, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from events.codec import decode
from events.contract import register_id
from events.errors import Misconfigured, RecordRejected
from events.governance import SigningKeyReplaced
from ledger.log.note import Note
from ledger.log.signature import LogSigner, LogVerifier
from ledger.log.vkey import ED25519, VerifierKey

#: First line of the note; no checkpoint, order note or commitment begins like this.
TITLE: Final = "referral/key/v1"
_LINES: Final = 3

_REPLACED: LiteralString = """
SELECT log_index, value FROM mirror.record
WHERE topic = 'shared' AND origin = %b AND case_id = %b AND log_index >= 0 AND value IS NOT NULL
ORDER BY log_index
"""


class Succession(NamedTuple):
    """Which verifier key is replaced by which."""

    retired: str
    current: str

    @classmethod
    def parse(cls, text: str) -> Succession:
        """Read a note that both keys have signed; RecordRejected, rule `succession`, if not."""
        note = Note.parse(text.encode())
        lines = note.text.splitlines()
        if len(lines) != _LINES or lines[0] != TITLE:
            raise _rejected("its text is not a title and two keys")
        keys = [VerifierKey.parse(line) for line in lines[1:]]
        if {key.kind for key in keys} != {ED25519} or keys[0].public == keys[1].public:
            raise _rejected("it is not about two Ed25519 keys of a log")
        if keys[0].name != keys[1].name:
            raise _rejected("the keys have different names")
        signed = note.verified_by(LogVerifier(key.name, key.public) for key in keys)
        if {line.key_id for line in signed} != {key.key_id for key in keys}:
            raise _rejected("not both keys have signed it")
        return cls(*lines[1:])


def said_by_both(retired: LogSigner, current: LogSigner) -> str:
    """Return the note that one key replaces another of the same name."""
    text = f"{TITLE}\n{retired.verifier.render()}\n{current.verifier.render()}\n"
    note = Note.of(text, retired.sign_text(text), current.sign_text(text)).render().decode()
    Succession.parse(note)
    return note


@dataclass(slots=True)
class Turns:
    """Which of a country's pinned keys signs which part of its shared log."""

    #: Verifier keys as the agreement pins them, those of one name oldest first.
    pinned: Sequence[str]
    #: Place in the log of the event that retired a key, and that announced one.
    _retired: dict[str, int] = field(default_factory=dict)
    _announced: dict[str, int] = field(default_factory=dict)
    #: Places of what was said and cannot be.
    refused: list[int] = field(default_factory=list)

    def learn(self, index: int, event: SigningKeyReplaced) -> None:
        """Take in what was said at a place of the log, in order; what cannot be has no effect.

        Only the key whose turn it is can be replaced, and only by one that is pinned and new: a
        key that was retired once says nothing any more.
        """
        said = self._said(event)
        if said is None or not self.is_turn(said.retired, index) or not self.is_new(said.current):
            self.refused.append(index)
        else:
            self._retired[said.retired] = self._announced[said.current] = index

    def _said(self, event: SigningKeyReplaced) -> Succession | None:
        try:
            said = Succession.parse(event.note)
        except (RecordRejected, Misconfigured):
            return None
        return said if said.current in self.pinned else None

    def is_turn(self, key: str, index: int) -> bool:
        """Say whether a key signs the event at a place; the announcement itself, the old one."""
        if key not in self.pinned or index > self._retired.get(key, index):
            return False
        return key == self._first(key) or self._announced.get(key, index) < index

    def may_seal(self, key: str, size: int) -> bool:
        """Say whether a key signs checkpoints of a size: where both have the last word, both."""
        return self.is_turn(key, size) or self.is_turn(key, size - 1)

    def is_new(self, key: str) -> bool:
        """Say whether a key has not had its turn yet."""
        return key != self._first(key) and key not in self._announced

    def newest(self, keys: Iterable[str]) -> str | None:
        """Return the one of these keys whose turn it is at the end."""
        end = 1 + max(self._announced.values(), default=0)
        return next((key for key in keys if self.is_turn(key, end)), None)

    def _first(self, key: str) -> str:
        name = key.partition("+")[0]
        return next(one for one in self.pinned if one.startswith(f"{name}+"))


def turns(connection: Connection[Any], pinned: Sequence[str], *, prefix: str, origin: str) -> Turns:
    """Return whose turn it is when, by what the mirror has of a country's shared log."""
    found = Turns(pinned)
    cursor = connection.cursor(row_factory=tuple_row)
    for index, value in cursor.execute(_REPLACED, (origin, register_id(prefix)), prepare=True):
        try:
            event = decode(value)
        except RecordRejected:
            continue
        if isinstance(event, SigningKeyReplaced):
            found.learn(index, event)
    return found


def have_successors(pinned: Sequence[str]) -> bool:
    """Say whether any key has a successor: where none has, nobody has to ask whose turn it is."""
    names = [key.partition("+")[0] for key in pinned]
    return len(set(names)) < len(names)


def _rejected(words: str) -> RecordRejected:
    return RecordRejected(f"no succession of keys: {words}", rule="succession")
