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


class Daily:
    """The commitments of one log."""

    def __init__(
        self,
        signer: LogSigner,
        heads: Heads,
        topic: NoteTopic,
        post: NotePost,
        now: Callable[[], float],
    ) -> None:
        """`topic` is the one that other countries read; `now` are Unix seconds."""
        self._name = signer.name
        self._signer = signer
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

        After a restart, or after the database was restored, the same again: of which head it is
        stands in the file, and the salt is made of the key and the day.
        """
        if (day := self.due) is None:
            return
        at = f"{self._name}{DAY}/{day.isoformat()}"
        head = self._heads.get(at) or head
        self._heads.advance({at: head})
        point, salt = Checkpoint(self._name, *head), self._salt(day)
        hidden = committed(day, point, salt)
        note = Commitment(self._name, day, hidden).signed_by(self._signer).render()
        row = (self._name, day, hidden, note.decode(), salt, *head)
        database.execute(_KEEP, row)
        self._post.put(self._topic, self._name, note)
        self._said = day

    def _salt(self, day: date) -> bytes:
        """Return what nobody can guess who has not the key: a signature that is never shown."""
        text = f"{self._name}{DAY}/salt\n{day.isoformat()}\n"
        return sha256(self._signer.sign_text(text).signature).digest()
