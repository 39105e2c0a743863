"""What is answered to a log that asks for a cosignature (c2sp.org/tlog-witness, add-checkpoint).

The proof that it sends is checked as the specification says, and does not suffice: what is cosigned
here is what this country has itself received (c2sp.org/tlog-mirror), by whatever way it is asked.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final

import psycopg
import structlog
from psycopg import Connection

from consumers import kept_notes
from consumers.trust import Signed, Trust
from consumers.witnessed_log import WitnessedLog
from events.errors import RecordRejected, StartAgain
from ledger.log import add_checkpoint
from ledger.log.add_checkpoint import Answer, Request
from ledger.log.checkpoint import Checkpoint
from ledger.log.heads import Head
from ledger.log.note import Note, SignatureLine

log = structlog.get_logger()

_TEXT = "text/plain; charset=utf-8"
#: What the log has signed is another size or another tree than the one that is known.
_CONTRADICTED: Final = frozenset({409, 422})
#: To be asked again a little later.
NOT_NOW: Final = Answer(503, _TEXT, b"not now: ask again\n")


class _Refused(Exception):
    """What was found after the proof was."""

    def __init__(self, said: Answer) -> None:
        self.said = said


class Offered:
    """A checkpoint that somebody posts."""

    def __init__(
        self,
        database: Connection[Any],
        trust: Trust,
        logs: Mapping[str, WitnessedLog],
        moving: threading.RLock,
    ) -> None:
        """`moving` is held while what was cosigned is looked at and moved on."""
        self._database = database
        self._trust = trust
        self._logs = {name: one for name, one in logs.items() if one.cosigner is not None}
        self._moving = moving

    def answer(self, body: bytes) -> Answer:
        """Return what is to be answered; what is cosigned is kept and on the topic by then."""
        with ExitStack() as held:

            def last(origin: str) -> Checkpoint | None:
                held.enter_context(self._moving)
                head = self._logs[origin].cosigned
                return Checkpoint(origin, *head) if head is not None else None

            keys = {name: self._trust.logs[name].sealers for name in self._logs}
            try:
                said = add_checkpoint.answer(
                    body, keys, last, lambda _text: self._cosign(Request.parse(body).note)
                )
                if said.status in _CONTRADICTED:
                    self._hear(Request.parse(body).note)
                return said
            except _Refused as refused:
                return refused.said
            except RecordRejected as error:  # a false line in the name of another witness
                return Answer(403, _TEXT, f"{error}\n".encode())
            except (psycopg.Error, StartAgain) as error:
                log.warning("no_answer", error=type(error).__name__)
                return NOT_NOW

    def _cosign(self, note: Note) -> Sequence[SignatureLine]:
        """Return the cosignature of a note, if this country has received what it says."""
        signed = self._hear(note)
        one = self._logs[signed.checkpoint.origin]
        one.look(self._database, kept_notes.open_alarms(self._database), is_alive=False)
        if one.is_stopped:
            words = b"it is not what was received here\n"
            raise _Refused(Answer(422, _TEXT, words))
        if one.cosigned != Head(signed.checkpoint.size, signed.checkpoint.root):
            raise _Refused(NOT_NOW)  # its events are not all here yet
        size = signed.checkpoint.size
        if one.is_outdated(self._database, size):
            raise _Refused(NOT_NOW)
        return [one.cosign_again(note.text)]

    def _hear(self, note: Note) -> Signed:
        """Keep what a log has signed: two that cannot both be true are a fault, wherever shown."""
        signed = self._trust.judged(note.render())
        assert isinstance(signed, Signed)
        with self._database.transaction():
            self._logs[signed.checkpoint.origin].hear(self._database, signed)
        return signed
