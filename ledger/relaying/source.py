"""The store as the relay sees it: rows in the order of commit, and the relay's own notes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from ledger.case.case import Topic
from ledger.relaying.own_log import OwnLog, Place

#: Another relay whose session has been silent for so long is taken for dead.
SILENT_S = 30

_ROWS: LiteralString = """
SELECT notification_id, originator_id, topic, state FROM ledger.ledger_events
WHERE notification_id > %b AND starts_with(topic, %b)
ORDER BY notification_id LIMIT %b
"""
_OF_CASE: LiteralString = """
SELECT notification_id, originator_id, topic, state FROM ledger.ledger_events
WHERE originator_id = %b AND topic = %b ORDER BY notification_id
"""
_COUNT: LiteralString = """
SELECT count(*), min(notification_id) FROM ledger.ledger_events
WHERE starts_with(topic, %s) AND notification_id > %s AND notification_id <= %s
"""
_LAST: LiteralString = "SELECT coalesce(max(notification_id), 0) FROM ledger.ledger_events"
_STATE: LiteralString = "SELECT state FROM ledger.ledger_events WHERE notification_id = %s"
_MOVE: LiteralString = """
INSERT INTO ledger.relay_hint (topic, notification_id, rank, next_offsets, topic_id)
SELECT * FROM unnest(%b::text[], %b::bigint[], %b::bigint[], %b::jsonb[], %b::uuid[])
ON CONFLICT (topic) DO UPDATE SET notification_id = excluded.notification_id,
    rank = excluded.rank, next_offsets = excluded.next_offsets, topic_id = excluded.topic_id,
    moved_at = now()
"""
# In one life of the database one mark is enough, or every start of a relay would stop deciding
# until the mirror has caught up; unless the store lacked something.
_MARK: LiteralString = """
INSERT INTO ledger.start_mark (topic, partition, topic_id, high_watermark)
VALUES (%s, %s, %s, %s)
ON CONFLICT (topic, partition) DO UPDATE SET topic_id = excluded.topic_id,
    high_watermark = excluded.high_watermark, incarnation = excluded.incarnation,
    read_at = excluded.read_at
WHERE %s OR start_mark.incarnation <> excluded.incarnation
"""
_HOLDERS: LiteralString = """
SELECT a.pid FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended(%s, 0)
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND greatest(a.query_start, a.state_change) < now() - make_interval(secs => %s)
"""
#: Rows that are counted at a time.
_PART = 200_000


class Row(NamedTuple):
    """One event of the store."""

    id: int
    case_id: UUID
    #: `<shared|national>/<type>`.
    topic: str
    state: bytes


class Stretch(NamedTuple):
    """Events of one topic between two rows of the store."""

    events: int
    #: The row of the oldest, if there is one.
    first: int | None


class Hint(NamedTuple):
    """Where the last relay left off."""

    place: Place
    next_offsets: Mapping[int, int]
    topic_id: UUID


class Source:
    """One connection, for everything: when it is lost, so is the lock, and the relay ends."""

    def __init__(self, dsn: str) -> None:
        self._connection: Connection[Any] = psycopg.connect(
            dsn, autocommit=True, application_name="ledger relay", row_factory=tuple_row
        )
        # A hint that is lost in a crash of PostgreSQL costs a longer look at the topic, no more.
        self._connection.execute("SET synchronous_commit = off")

    def close(self) -> None:
        """Let go of the lock."""
        self._connection.close()

    def lock(self, name: str) -> bool:
        """Take the lock of a log, also from a relay that has been silent for long.

        A soft guard, so that two relays do not fence each other in turn; what keeps a stopped
        relay from writing is the producer's epoch.
        """
        got = self._connection.execute(
            "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (name,)
        ).fetchone()
        if got == (True,):
            return True
        for (pid,) in self._connection.execute(_HOLDERS, (name, SILENT_S)).fetchall():
            self._connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
        return False

    def ping(self) -> None:
        """Show that this relay is alive; OperationalError if the lock is lost."""
        self._connection.execute("SELECT")

    def hint(self, plane: Topic) -> Hint | None:
        """Return where the last relay left off on a topic."""
        row = self._connection.execute(
            "SELECT notification_id, rank, next_offsets, topic_id FROM ledger.relay_hint"
            " WHERE topic = %s",
            (plane,),
        ).fetchone()
        if row is None:
            return None
        offsets = {int(partition): offset for partition, offset in row[2].items()}
        return Hint(Place(row[0], row[1]), offsets, row[3])

    def stretch(
        self,
        plane: Topic,
        progress: Callable[[], None],
        *,
        after: int = 0,
        until: int | None = None,
    ) -> Stretch:
        """Count the events of a topic behind a row of the store, up to another one or to the last.

        Part by part, with `progress` after each: however long the log is, nobody has to take
        the relay for stuck.
        """
        ((last,),) = self._connection.execute(_LAST).fetchall()
        end = last if until is None else min(until, last)
        events, first = 0, None
        for start in range(after, end, _PART):
            part = (f"{plane}/", start, min(start + _PART, end))
            ((more, lowest),) = self._connection.execute(_COUNT, part).fetchall()
            events, first = events + more, first or lowest
            progress()
        return Stretch(events, first)

    def state(self, notification_id: int) -> bytes:
        """Return the event of a row that is there."""
        ((state,),) = self._connection.execute(_STATE, (notification_id,)).fetchall()
        return bytes(state)

    def rows(self, planes: Sequence[Topic], after: int, limit: int) -> list[Row]:
        """Return the next rows in order of commit."""
        prefix = f"{planes[0]}/" if len(planes) == 1 else ""
        found = self._connection.execute(
            _ROWS, (after, prefix, limit), prepare=True, binary=True
        ).fetchall()
        return [Row(*row) for row in found]

    def events_of(self, case_id: UUID, topic: str) -> list[Row]:
        """Return the events of one type in a case."""
        found = self._connection.execute(
            _OF_CASE, (case_id, topic), prepare=True, binary=True
        ).fetchall()
        return [Row(*row) for row in found]

    def listen(self) -> None:
        """Be told when something is recorded."""
        self._connection.execute("LISTEN ledger_events")

    def wait(self, seconds: float, stopped: Callable[[], bool]) -> None:
        """Return when something was recorded, or after a while."""
        step = min(seconds, 0.25)
        while seconds > 0 and not stopped():
            if any(self._connection.notifies(timeout=step, stop_after=1)):
                return
            seconds -= step

    def move_hints(self, logs: Iterable[OwnLog]) -> None:
        """Keep how far logs stand on their topics."""
        rows = [
            (log.plane.value, *log.place, Jsonb(log.next_offsets), log.topic.topic_id)
            for log in logs
        ]
        if rows:
            self._connection.execute(_MOVE, [list(column) for column in zip(*rows, strict=True)])

    def mark(self, log: OwnLog, ends: Mapping[int, int], *, anew: bool) -> None:
        """Keep how far a topic reached at the start, once for each life of the database."""
        with self._connection.transaction():
            for partition, end in ends.items():
                mark = (log.plane, partition, log.topic.topic_id, end, anew)
                self._connection.execute(_MARK, mark)

    def last_numbers(self, cases: Sequence[UUID]) -> dict[UUID, int]:
        """Return the last decision number of each case that has one."""
        found = self._connection.execute(
            "SELECT originator_id, max(originator_version) FROM ledger.ledger_events"
            " WHERE originator_id = ANY (%s) GROUP BY originator_id",
            (list(cases),),
        ).fetchall()
        return dict(found)
