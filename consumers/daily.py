"""A country's national log, said abroad once a day: made at a fixed hour, and said again if needed.

What opens it is on the disk before anybody can read the hash: a commitment that nobody can open
would look like one that nobody wants to open.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any, Final, LiteralString

from psycopg import Connection

from consumers.note_mail import NotePost, NoteTopic
from consumers.sealer_pens import SealerPens
from ledger.log.checkpoint import Checkpoint
from ledger.log.commitment import DAY, Commitment, committed
from ledger.log.heads import Head, Heads
from ledger.log.signature import LogSigner

#: At this hour (UTC) of every day, whatever happens: the time of day must not tell anything.
HOUR: Final = 2

_KEEP: LiteralString = """
INSERT INTO witness.commitment (log, day, commitment, note, salt, size, root)
VALUES (%b, %b, %b, %b, %b, %b, %b) ON CONFLICT DO NOTHING
"""
_THERE: LiteralString = "SELECT note FROM witness.commitment WHERE log = %b AND day = %b"


class Daily:
    """The commitments of one log."""

    def __init__(
        self,
        pens: SealerPens,
        heads: Heads,
        topic: NoteTopic,
        post: NotePost,
        now: Callable[[], float],
    ) -> None:
        """`topic` is the one that other countries read; `now` are Unix seconds."""
        self._name = pens.signers[0].name
        self._pens = pens
        self._heads = heads
        self._topic = topic
        self._post = post
        self._now = now
        self._said: date | None = None

    @property
    def due(self) -> date | None:
        """The day of which a commitment has to be out and is not; None if there is none."""
        day = (datetime.fromtimestamp(self._now(), UTC) - timedelta(hours=HOUR)).date()
        return None if day == self._said else day

    def say(self, database: Connection[Any], head: Head) -> None:
        """Say what is due, of the log as it stands.

        After a restart the same again, and also after the database was restored: of which head it
        is stands in the file, and the salt is made of the key and the day.
        """
        if (day := self.due) is None:
            return
        row = database.execute(_THERE, (self._name, day)).fetchone()
        note = row[0].encode() if row is not None else self._made(database, day, head)
        if note is not None:
            self._post.put(self._topic, self._name, note)
            self._said = day

    def _made(self, database: Connection[Any], day: date, head: Head) -> bytes | None:
        """Keep and return the commitment of a day; None while its key is not here."""
        signer = self._pens.of(database, head.size)
        if signer is None:
            return None
        at = f"{self._name}{DAY}/{day.isoformat()}"
        head = self._heads.get(at) or head
        self._heads.advance({at: head})
        point, salt = Checkpoint(self._name, *head), _salt(signer, day)
        hidden = committed(day, point, salt)
        note = Commitment(self._name, day, hidden).signed_by(signer).render()
        database.execute(_KEEP, (self._name, day, hidden, note.decode(), salt, *head))
        return note


def _salt(signer: LogSigner, day: date) -> bytes:
    """Return what nobody can guess who has not the key: a signature that is never shown."""
    text = f"{signer.name}{DAY}/salt\n{day.isoformat()}\n"
    return sha256(signer.sign_text(text).signature).digest()
