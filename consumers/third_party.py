"""Our checkpoints, offered to a witness of somebody else: an ombudsman, an organisation, a network.

Two countries alone could rewrite history together; a third who cosigns sees it. He has no mirror:
he gets a consistency proof (c2sp.org/tlog-witness, add-checkpoint) and remembers what he has seen.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, LiteralString
from urllib.parse import urlsplit

import structlog
from psycopg import Connection
from psycopg.rows import tuple_row

from consumers import kept_notes, session
from consumers.note_mail import NotePost, NoteTopic
from consumers.translation import translated
from consumers.trust import Known
from events.errors import Misconfigured, RecordRejected, StartAgain
from ledger.log import add_checkpoint
from ledger.log.add_checkpoint import MOST_HASHES, PATH, Request, conflicting_size, cosignatures
from ledger.log.checkpoint import Checkpoint
from ledger.log.cosignature import cosigned_at
from ledger.log.faults import Fault
from ledger.log.mirrored import MirroredLog
from ledger.log.note import Note, Verifier
from ledger.log.tree import Tree
from ledger.log.verifiers import witness_verifier

#: It is asked so often, if there is news.
OFFER_S: Final = 10.0
_PATIENCE_S: Final = 10.0
#: Its clock may be so far from this one's: what it says is read by auditors (R10).
_CLOCKS_S: Final = 60.0
_NEWEST: LiteralString = """
SELECT size, root FROM witness.checkpoint WHERE log = %b ORDER BY size DESC LIMIT 1
"""
_LAST: LiteralString = """
SELECT coalesce(max(size), 0) FROM witness.cosignature WHERE log = %b AND witness = %b
"""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ThirdParty:
    """A witness beyond the agreement: where it is asked, and its verifier key."""

    url: str
    key: str
    verifier: Verifier = field(init=False)

    def __post_init__(self) -> None:
        """Misconfigured if the address or the key is none."""
        object.__setattr__(self, "verifier", witness_verifier(self.key))
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
            raise Misconfigured(f"the address of witness {self.verifier.name} is no URL")

    @classmethod
    def listed(cls, text: str) -> list[ThirdParty]:
        """Read `URL KEY` of each, separated by commas; Misconfigured if one is none."""
        found = [one.split() for one in text.split(",") if one.strip()]
        if any(len(one) != 2 for one in found):
            raise Misconfigured("a witness beyond the agreement is an address, a space and a key")
        return [cls(url, key) for url, key in found]

    def ask(self, body: bytes) -> tuple[int, bytes]:
        """Post a request; return status and body. OSError or HTTPException if nobody answers."""
        parts = urlsplit(self.url)
        host, port = str(parts.hostname), parts.port
        connection = (
            http.client.HTTPSConnection(host, port, timeout=_PATIENCE_S)
            if parts.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=_PATIENCE_S)
        )
        try:
            connection.request("POST", parts.path.rstrip("/") + PATH, body)
            answer = connection.getresponse()
            return answer.status, answer.read(add_checkpoint.LARGEST_REQUEST)
        finally:
            connection.close()


class Offering:
    """One log of ours, offered to one third party."""

    def __init__(
        self,
        known: Known,
        party: ThirdParty,
        post: NotePost,
        topic: NoteTopic,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`now` are Unix seconds."""
        self._now = now
        self._known = known
        self._party = party
        self._post = post
        self._topic = topic
        self._mirrored = MirroredLog(known.log)
        self._tree = Tree()

    def run(self, dsn: str, stop: threading.Event) -> None:
        """Offer what is new until told to stop; nothing of it holds anybody up."""
        while not stop.wait(OFFER_S):
            try:
                with translated(), session.connect(dsn, idle_s=30, lock_s=30) as database:
                    while not stop.is_set():
                        self.look(database)
                        stop.wait(OFFER_S)
            except (StartAgain, Misconfigured) as error:
                log.warning("no_answer", error=type(error).__name__, message=str(error))

    def look(self, database: Connection[Any]) -> bool:
        """Offer the newest checkpoint if it is new to the third party; say if it cosigned."""
        name, by = self._known.log.name, self._party.verifier.name
        checkpoint = self._newest(database)
        if checkpoint is None or kept_notes.is_cosigned(database, name, checkpoint.size, by):
            return False
        note = kept_notes.note_of(database, checkpoint, self._known.sealers)
        if note is None or not self._is_here(database, checkpoint):
            return False
        cursor = database.cursor(row_factory=tuple_row)
        ((last,),) = cursor.execute(_LAST, (name, by), prepare=True).fetchall()
        try:
            return self._offer(database, checkpoint, note, last)
        except (OSError, http.client.HTTPException, RecordRejected) as error:
            log.warning("no_answer", log=name, error=type(error).__name__)
            return False

    def _newest(self, database: Connection[Any]) -> Checkpoint | None:
        cursor = database.cursor(row_factory=tuple_row)
        row = cursor.execute(_NEWEST, (self._known.log.name,), prepare=True).fetchone()
        return Checkpoint(self._known.log.name, *row) if row is not None else None

    def _is_here(self, database: Connection[Any], checkpoint: Checkpoint) -> bool:
        """Read the log on; say whether its root is the checkpoint's. If not, others alarm."""
        while self._tree.size < checkpoint.size:
            found = self._mirrored.following(database, until=checkpoint.size)
            if isinstance(found, Fault) or not found:
                return False
            self._mirrored.take(found)
            self._tree.extend(entry.leaf for entry in found)
        if self._tree.root(checkpoint.size) == checkpoint.root:
            return True
        self._mirrored, self._tree = MirroredLog(self._known.log), Tree()  # it may be repaired
        return False

    def _offer(
        self, database: Connection[Any], checkpoint: Checkpoint, note: Note, last: int
    ) -> bool:
        status, body = self._party.ask(self._request(checkpoint, note, last))
        if status == 409:  # what it says that it has seen: the database may know less or more
            last = conflicting_size(body)
            if last > checkpoint.size:
                return False
            status, body = self._party.ask(self._request(checkpoint, note, last))
        if status != 200:
            log.warning("no_answer", log=checkpoint.origin, code=status, size=checkpoint.size)
            return False
        (line, *_) = cosignatures(note, body, [self._party.verifier])
        if abs(cosigned_at(line) - self._now()) > _CLOCKS_S:
            raise RecordRejected("its clock is another than this one", rule="cosignature")
        self._post.put(self._topic, checkpoint.origin, note.with_signatures([line]).render())
        kept_notes.keep_cosigned(database, checkpoint, note, line)
        return True

    def _request(self, checkpoint: Checkpoint, note: Note, last: int) -> bytes:
        proof = self._tree.consistency(last, checkpoint.size)
        assert len(proof) <= MOST_HASHES
        return Request(last, tuple(proof), note).render()
