"""One log as a witness sees it: recomputed from this country's mirror, compared, cosigned.

A cosignature says: these are the events that this country has itself received. So nothing is
cosigned for the word of a proof, and nothing at all after a fault, until a person has said that it
is resolved and the log was read from its beginning again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString

from psycopg import Connection
from psycopg.rows import tuple_row

from consumers import kept_notes
from consumers.alarms import CHECKPOINT_AGE, raise_alarm
from consumers.event_times import EventTimes
from consumers.kept_notes import Alarm
from consumers.note_mail import NotePost, NoteTopic
from consumers.recheck import Recheck
from consumers.trust import Known, Signed
from ledger.log.checkpoint import Checkpoint
from ledger.log.cosignature import Cosigner
from ledger.log.faults import Fault
from ledger.log.heads import Head, Heads
from ledger.log.mirrored import MirroredLog, culprit
from ledger.log.note import SignatureLine

#: An event that a checkpoint counts was on its topic before: a mirror that goes on has it within
#: seconds. A quarter of an hour of a mirror that does, and is not just behind, is no delay.
MISSING_S: Final = 900.0
#: Where nothing at all comes in, a mirror may have stopped; its worker's alert was first then.
SILENT_S: Final = 3_600.0
#: A log that repeats itself is cosigned again, with the time of now, and not more often.
AGAIN_S: Final = 30.0
#: A log that has gone further for longer than this is not cosigned at its old size: what comes next
#: was decided before the time that would be said, and would look backdated (R10).
OUTDATED_S: Final = 60.0
_MOST: Final = 500

_FOLLOWING: LiteralString = """
SELECT size, root FROM witness.checkpoint WHERE log = %b AND size > %b ORDER BY size LIMIT %b
"""
#: What a person may find at leisure; everything else stops the signing.
_NOT_STOPPING = frozenset({"backdated", "committed_twice"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A log that this country looks at, and cosigns if it has a key for that."""

    country: str
    known: Known
    cosigner: Cosigner | None
    #: Where cosigned notes go.
    topic: NoteTopic


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the logs of one witness share."""

    heads: Heads
    post: NotePost
    #: Seconds that only go forward, and Unix seconds.
    clock: Callable[[], float]
    now: Callable[[], float]


@dataclass(slots=True)
class _Hole:
    """An event is not here that somebody has signed for."""

    #: How far the log had come then, and when.
    size: int
    since: float
    #: When other events were first seen coming in after that.
    alive_since: float | None = None


class WitnessedLog:
    """Recomputes a log up to each known checkpoint, and cosigns the largest that is true."""

    def __init__(self, watched: Watched, desk: Desk) -> None:
        self._watched = watched
        self._log = watched.known.log
        self._desk = desk
        self._said: Head | None = None
        self._said_at = float("-inf")
        self._known_since: float | None = None
        self._is_repeated = False
        self._stopped_by: str | None = None
        self._begin()
        if watched.cosigner is not None:
            age = CHECKPOINT_AGE.labels(watched.country, self.name, "witness")
            age.set_function(self._age)

    @property
    def name(self) -> str:
        """The name of the log."""
        return self._log.name

    @property
    def tree_size(self) -> int:
        """How many of its events were taken in."""
        return self._mirrored.tree.size

    @property
    def waiting(self) -> str | None:
        """Why nothing more is compared now; None if nothing keeps it."""
        if self._stopped_by is not None:
            return f"stopped by an alarm: {self._stopped_by}"
        if self._hole is not None:
            return f"event {self.tree_size} was signed and is not here yet"
        return None

    @property
    def is_stopped(self) -> bool:
        """Whether there is a fault that nobody has resolved."""
        return self._stopped_by is not None

    @property
    def cosigner(self) -> Cosigner | None:
        """With what it is cosigned here."""
        return self._watched.cosigner

    @property
    def cosigned(self) -> Head | None:
        """What was cosigned last, in this process or before."""
        return self._desk.heads.get(self.name)

    def hear(self, database: Connection[Any], signed: Signed) -> None:
        """Keep a checkpoint, and remember what it asks for."""
        found = kept_notes.keep_checkpoint(database, signed)
        if isinstance(found, Fault):
            raise_alarm(database, self._watched.country, found)
            return
        if self._known_since is None:
            self._known_since = self._desk.clock()
        head = Head(signed.checkpoint.size, signed.checkpoint.root)
        if found and self._good is not None and head.size <= self._good.size:
            self._late.append(head)
        # Only the log's own repetition asks for a new time: witnesses would answer each other.
        if not signed.cosignatures and not found and head == self._said:
            self._is_repeated = True

    def look(
        self,
        database: Connection[Any],
        alarms: Collection[Alarm],
        *,
        is_alive: bool,
        may_cosign: bool = True,
    ) -> None:
        """Compare what can be compared, cosign if it is time, and look again at what is old.

        `is_alive` says that the mirror has taken in something since the last look.
        """
        stopped = [one.rule for one in alarms if one.log == self.name and _stops(one)]
        if stopped:
            self._stopped_by = min(stopped)
            return
        if self._stopped_by is not None:
            self._begin()  # resolved: everything is read and compared once more
        fault = self._look_back(database) or self._go_on(database, is_alive=is_alive)
        fault = fault or self._recheck_some(database)
        if fault is not None:
            self._stopped_by = fault.rule
            raise_alarm(database, self._watched.country, fault)
            return
        for late in self._times.look(database, self.tree_size):
            raise_alarm(database, self._watched.country, late)
        if may_cosign:
            self._cosign_if_due(database)

    def _begin(self) -> None:
        self._stopped_by = None
        self._mirrored = MirroredLog(self._log)
        #: The last head at which the root was the one that was signed.
        self._good: Head | None = None
        self._late: list[Head] = []
        self._hole: _Hole | None = None
        self._times = EventTimes(self._log, self.cosigned.size if self.cosigned else 0)
        self._recheck = Recheck(self._log, self._desk.heads, self._watched.known.events)

    def _go_on(self, database: Connection[Any], *, is_alive: bool) -> Fault | None:
        while heads := self._following(database):
            for head in heads:
                fault = self._mirrored.read_on(database, until=head.size)
                if fault is not None:
                    return fault
                if self.tree_size < head.size:
                    return self._waited(head, is_alive=is_alive)
                if self._mirrored.tree.root != head.root:
                    return self._named(database, self._good, head)
                self._good, self._hole = head, None
        return None

    def _following(self, database: Connection[Any]) -> Sequence[Head]:
        """Return the next heads that were signed: by the log, or by this witness itself."""
        size, mine = self._good.size if self._good else -1, self.cosigned
        cursor = database.cursor(row_factory=tuple_row)
        rows = cursor.execute(_FOLLOWING, (self.name, size, _MOST), prepare=True).fetchall()
        heads = [Head(*row) for row in rows]
        if mine is not None and mine.size > size:
            heads = sorted([*heads, mine])[:_MOST]
        return heads

    def _waited(self, head: Head, *, is_alive: bool) -> Fault | None:
        """Wait for an event that was signed; say that it is missing when that is no delay."""
        now = self._desk.clock()
        if self._hole is None or self._hole.size != self.tree_size:
            self._hole = _Hole(self.tree_size, now)
        elif is_alive and self._hole.alive_since is None:
            self._hole.alive_since = now
        alive_since = self._hole.alive_since
        is_late = alive_since is not None and now - alive_since >= MISSING_S
        if not is_late and now - self._hole.since < SILENT_S:
            return None
        mine = self.cosigned
        rule = "head_lost" if mine is not None and mine.size > self.tree_size else "missing"
        return Fault(rule, self.name, size=head.size, log_index=self.tree_size)

    def _look_back(self, database: Connection[Any]) -> Fault | None:
        """Compare heads that were heard of late: of sizes that the log had passed already."""
        if not self._late:
            return None
        late, self._late = sorted(self._late), []
        past, good = MirroredLog(self._log), None
        for head in late:
            fault = past.read_on(database, until=head.size)
            if fault is not None or past.tree.root != head.root:
                return fault or self._named(database, good, head)
            good = head
        return None

    def _recheck_some(self, database: Connection[Any]) -> Fault | None:
        if self._good is None:
            return None
        return self._recheck.step_if_due(database, self._good.size, self._desk.clock())

    def _named(self, database: Connection[Any], good: Head | None, head: Head) -> Fault:
        """Say what is wrong where a root is: an event that nobody signed, or the log itself."""
        begin, keys = good.size if good is not None else 0, self._watched.known.events
        guilty = culprit(database, self._log, begin, head.size, keys)
        return guilty or Fault("root_differs", self.name, size=head.size)

    def _cosign_if_due(self, database: Connection[Any]) -> None:
        cosigner, good, mine = self.cosigner, self._good, self.cosigned
        if cosigner is None or good is None or (mine is not None and good.size < mine.size):
            return
        if self._said == good or self._is_known(database, cosigner, good):
            waited = self._desk.clock() - self._said_at
            if not self._is_repeated or waited < AGAIN_S:
                return
        if self.is_outdated(database, good.size):
            return  # this country's mirror is behind, and has to come further first
        self._cosign(database, cosigner, good)

    def is_outdated(self, database: Connection[Any], size: int) -> bool:
        """Say whether a new time under a size would say that the log had not gone on by then."""
        now = self._desk.now()
        return kept_notes.is_outdated(database, self._log, size, now=now, since_s=OUTDATED_S)

    def cosign_again(self, text: str) -> SignatureLine:
        """Return the cosignature of a checkpoint that was cosigned last, with the time of now."""
        assert self.cosigner is not None
        assert Checkpoint.parse(text) == Checkpoint(self.name, *(self.cosigned or ()))
        return self.cosigner.cosign(text, int(self._desk.now()))

    def _is_known(self, database: Connection[Any], cosigner: Cosigner, head: Head) -> bool:
        """Say whether this was cosigned before this process began, and others can know it."""
        known = kept_notes.is_cosigned(database, self.name, head.size, cosigner.name)
        if known:
            self._said = head
        return known

    def _cosign(self, database: Connection[Any], cosigner: Cosigner, head: Head) -> None:
        checkpoint = Checkpoint(self.name, *head)
        sealers = self._watched.known.sealers_at(database, head.size)
        note = kept_notes.note_of(database, checkpoint, sealers)
        if note is None:  # the database was restored or changed, or a key signed after its turn
            return
        line = cosigner.cosign(note.text, int(self._desk.now()))
        self._desk.heads.advance({self.name: head})  # before anybody can read it
        cosigned = note.with_signatures([line]).render()
        self._desk.post.put(self._watched.topic, self.name, cosigned)
        kept_notes.keep_cosigned(database, checkpoint, note, line)
        self._said, self._said_at, self._is_repeated = head, self._desk.clock(), False

    def _age(self) -> float:
        if self._known_since is None:
            return 0.0
        return self._desk.clock() - max(self._said_at, self._known_since)


def _stops(alarm: Alarm) -> bool:
    return alarm.rule not in _NOT_STOPPING
