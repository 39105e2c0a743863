"""A country's national log, said abroad once a day: made at a fixed hour, and said again if needed.

The row with the salt is on the disk before anybody can read the hash: a commitment that nobody can
open would look like one that nobody wants to open.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, LiteralString

from psycopg import Connection
from psycopg.rows import tuple_row

from consumers.note_mail import NotePost, NoteTopic
from ledger.log.checkpoint import Checkpoint
from ledger.log.commitment import SALT, Commitment, committed
from ledger.log.heads import Head
from ledger.log.signature import LogSigner

#: At this hour (UTC) of every day, whatever happens: the time of day must not tell anything.
HOUR: Final = 2

_OF_DAY: LiteralString = "SELECT note FROM witness.commitment WHERE log = %b AND day = %b"
_KEEP: LiteralString = """
INSERT INTO witness.commitment (log, day, commitment, note, salt, size, root)
VALUES (%b, %b, %b, %b, %b, %b, %b)
"""


class Daily:
    """The commitments of one log."""

    def __init__(
        self, name: str, signer: LogSigner, topic: NoteTopic, post: NotePost,
        now: Callable[[], float],
    ) -> None:  # fmt: skip
        """`topic` is the one that other countries read; `now` are Unix seconds."""
        self._name = name
        self._signer = signer
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
        """Say what is due, of the log as it stands; after a restart say the same again."""
        if (day := self.due) is None:
            return
        cursor = database.cursor(row_factory=tuple_row)
        row = cursor.execute(_OF_DAY, (self._name, day)).fetchone()
        note = self._made(database, day, head) if row is None else row[0]
        self._post.put(self._topic, self._name, note.encode())
        self._said = day

    def _made(self, database: Connection[Any], day: date, head: Head) -> str:
        salt = secrets.token_bytes(SALT)
        hidden = committed(day, Checkpoint(self._name, *head), salt)
        note = Commitment(self._name, day, hidden).signed_by(self._signer).render().decode()
        database.execute(_KEEP, (self._name, day, hidden, note, salt, *head))
        return note
