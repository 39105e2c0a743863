"""One log of this country, as its sealer signs it further and further."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import Connection

from consumers.alarms import CHECKPOINT_AGE, is_open, raise_alarm
from consumers.daily import Daily
from consumers.note_mail import NoteTopic, NoteWriter
from consumers.recheck import Recheck
from consumers.sealer_pens import SealerPens
from consumers.stored import StoredLog
from events.codec import read_stamp
from events.errors import RecordRejected
from ledger.log.checkpoint import Checkpoint
from ledger.log.faults import Fault
from ledger.log.heads import Head, Heads
from ledger.log.merkle import CompactRange
from ledger.log.mirrored import CHUNK, Entry, LogName, MirroredLog
from ledger.log.signature import LogVerifier

#: With news it signs so often, or after so many events; without any it repeats itself so often.
EVERY_S = 1.0
EVENTS = 256
REPEAT_S = 60.0
#: While something that was decided longer ago is not back from the topic, nothing is signed.
HELD_S = 30.0

_KEEP: LiteralString = """
INSERT INTO witness.checkpoint (log, size, root, note) VALUES (%b, %b, %b, %b)
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """A log that this country signs."""

    country: str
    log: LogName
    pens: SealerPens
    #: What the log's events are signed with.
    event_keys: Sequence[LogVerifier]
    #: Where its checkpoints stand.
    topic: NoteTopic
    #: Where a commitment to it is put once a day, if others do not see the log itself.
    abroad: NoteTopic | None = None


class SealedLog:
    """Recomputes the log, compares it with the store, and signs it."""

    def __init__(
        self,
        own: Own,
        *,
        heads: Heads,
        writer: NoteWriter,
        clock: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        """`clock` gives seconds that only go forward, `now` Unix seconds."""
        self._own = own
        self._heads = heads
        self._writer = writer
        self._clock = clock
        self._now = now
        self._said: Head | None = None
        self._said_at = clock()
        self._daily = own.abroad and Daily(own.pens, heads, own.abroad, writer, now)
        self._begin()
        CHECKPOINT_AGE.labels(own.country, own.log.name, "seal").set_function(self._age)

    def _begin(self) -> None:
        """Read the log from its beginning on."""
        self._mirrored = MirroredLog(self._own.log)
        self._store = StoredLog(self._own.log)
        keys = self._own.event_keys
        self._recheck = Recheck(self._own.log, self._heads, keys, with_store=True)
        self._fault: Fault | None = None
        self._has_key = True

    def _age(self) -> float:
        """Return how long nothing was signed; a log in which nothing stands has no age."""
        is_empty = self._head is None and self._mirrored.tree.size == 0
        return 0.0 if is_empty else self._clock() - self._said_at

    @property
    def name(self) -> str:
        """The name of the log."""
        return self._own.log.name

    @property
    def waiting(self) -> str | None:
        """Why nothing is signed now; None if nothing keeps it."""
        if self._fault is not None:
            return f"{self._fault.rule}: {self._fault.words}"
        if not self._has_key:
            return "its key follows another one: announce it (ledger governance replace-key)"
        behind = (self._head.size if self._head else 0) - self._mirrored.tree.size
        return f"{behind} events that it has signed are not here again yet" if behind > 0 else None

    def look(self, database: Connection[Any]) -> None:
        """Take in what is new, sign it if it is time, and look again at some of what is old.

        After a fault nothing is signed until a person has said that it is resolved; then all is
        read again.
        """
        if self._fault is not None and not is_open(database, self._fault):
            self._begin()
        if self._fault is None:
            self._fault = self._go_on(database)
            size = self._mirrored.tree.size
            self._fault = self._fault or self._recheck.step_if_due(database, size, self._clock())
            if self._fault is not None:
                raise_alarm(database, self._own.country, self._fault)
            elif self._daily is not None and self.waiting is None:
                self._daily.say(database, self._head or Head(0, CompactRange().root))

    @property
    def _head(self) -> Head | None:
        return self._heads.get(self.name)

    def _go_on(self, database: Connection[Any]) -> Fault | None:
        while True:
            found = self._following(database)
            if isinstance(found, Fault):
                return found
            self._mirrored.take(found)
            if (fault := self._contradiction()) is not None:
                return fault
            head = self._head
            is_new = head is None or self._mirrored.tree.size > head.size
            if not found or (is_new and len(found) == EVENTS):  # else it might say too little
                self._sign_if_due(database, full=bool(found))
            if not found:
                return None

    def _following(self, database: Connection[Any]) -> Sequence[Entry] | Fault:
        """Return what follows and stands in the store, too; not beyond what was signed before."""
        size = self._mirrored.tree.size
        known = self._head.size if self._head is not None else 0
        most = min(CHUNK, known - size) if size < known else EVENTS
        found = self._mirrored.following(database, most=most)
        if isinstance(found, Fault) or not found:
            return found
        return self._store.known(database, found)

    def _contradiction(self) -> Fault | None:
        tree, head = self._mirrored.tree, self._head
        if head is not None and tree.size == head.size and tree.root != head.root:
            return Fault("root_differs", self.name, size=head.size)
        return None

    def _sign_if_due(self, database: Connection[Any], *, full: bool) -> None:
        tree, head = self._mirrored.tree, self._head
        if tree.size == 0 or tree.size < (head.size if head else 0):
            return
        waited = self._clock() - self._said_at
        if self._said is None or tree.size > self._said.size:
            due = full or waited >= EVERY_S
        else:
            due = waited >= REPEAT_S
        repeats = head is not None and tree.size == head.size
        if not due or self._is_behind(database, repeats=repeats):
            return
        signer = self._own.pens.of(database, tree.size)
        self._has_key = signer is not None
        if signer is None:
            return
        now = Head(tree.size, tree.root)
        self._heads.advance({self.name: now})  # before anybody can read it
        note = Checkpoint(self.name, now.size, now.root).signed_by(signer).render()
        self._writer.put(self._own.topic, self.name, note)
        database.execute(_KEEP, (self.name, now.size, now.root, note.decode()), prepare=True)
        self._said, self._said_at = now, self._clock()

    def _is_behind(self, database: Connection[Any], *, repeats: bool) -> bool:
        """Say whether something was decided that has not come back from the topic, for too long.

        A checkpoint says that there was no more when it was made: what comes later with an earlier
        time is taken for backdated (R10). So after a standstill nothing is signed before the log
        is almost level again; and to repeat one is to say that there is nothing new at all.
        """
        waits = self._store.next(database)
        if waits is None or repeats:
            return waits is not None
        try:
            return read_stamp(waits).recorded_at.timestamp() < self._now() - HELD_S
        except RecordRejected:  # nobody but a superuser puts it there: it never comes back
            return True
