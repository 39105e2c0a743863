"""The recorder of a country's decisions: eventsourcing's, with another way to append.

One statement instead of a pipeline (which hangs on large saves), an advisory lock instead of a
table lock (which VACUUM waits for and makes wait), and one flush for all who append at once.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString
from uuid import UUID

from eventsourcing.persistence import (
    IntegrityError,
    InterfaceError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    StoredEvent,
)
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import tuple_row

from ledger.grouping import GroupCommit

#: Rows of one group; bounds how long one statement holds the lock.
GROUP_ROWS = 1_000
#: Bytes of an event beside which it counts as one more row.
_BYTES_PER_ROW = 16_384
#: A lost connection or a lock timeout is tried again so often ...
ATTEMPTS = 5
#: ... after so many seconds.
PAUSE_S = 0.2

_APPEND: LiteralString = (
    "SELECT recorded, known, taken"
    " FROM ledger.append(%b::int[], %b::uuid[], %b::bigint[], %b::text[], %b::bytea[]"
)
_ONE: LiteralString = "SELECT ledger.append_one(%b, %b::bigint, %b, %b)"
_ONE_KEYED: LiteralString = "SELECT ledger.append_one(%b, %b::bigint, %b, %b, %b, %b, %b)"
#: The same for a program that may add national events only: 013_notices.sql.
_ONE_NATIONAL: LiteralString = "SELECT ledger.append_national(%b, %b::bigint, %b, %b, %b, %b, %b)"
_PLAIN: LiteralString = _APPEND + ")"
_KEYED: LiteralString = _APPEND + ", %b::int[], %b::text[], %b::bytea[], %b::uuid[], %b::text[])"
_THERE: LiteralString = """
SELECT e.notification_id
FROM unnest(%b::uuid[], %b::bigint[], %b::text[], %b::bytea[])
    AS own (case_id, number, topic, state)
JOIN ledger.ledger_events AS e
    ON e.originator_id = own.case_id AND e.originator_version = own.number
    AND e.topic = own.topic AND e.state = own.state
ORDER BY e.notification_id
"""
_COMMAND: LiteralString = (
    "SELECT request_hash, case_id, event_ids FROM ledger.command WHERE key = %b"
)


@dataclass(frozen=True, slots=True)
class Keyed:
    """The caller's idempotency key, and what was asked under it."""

    key: str
    request_hash: bytes
    case_id: UUID
    event_ids: tuple[UUID, ...]


@dataclass(slots=True, eq=False)
class Append:
    """Events that are recorded together or not at all, and what became of them."""

    rows: Sequence[StoredEvent]
    keyed: Keyed | None = None
    claims: frozenset[Hashable] = field(init=False)
    weight: int = field(init=False)
    failure: BaseException | None = None
    #: Notification ids, once recorded.
    ids: Sequence[int] = ()
    #: The command that the key already belonged to.
    known: Keyed | None = None
    #: Whether another decision has one of the numbers.
    taken: bool = False

    def __post_init__(self) -> None:
        numbers = {(row.originator_id, row.originator_version) for row in self.rows}
        self.taken = len(numbers) < len(self.rows)
        self.claims = frozenset({*numbers, self.keyed.key} if self.keyed else numbers)
        self.weight = sum(1 + len(row.state) // _BYTES_PER_ROW for row in self.rows)


class LedgerRecorder(PostgresApplicationRecorder):
    """Appends in groups; everything else is the library's."""

    def __init__(
        self, datastore: PostgresDatastore, *, events_table_name: str = "ledger_events"
    ) -> None:
        super().__init__(datastore, events_table_name=events_table_name)
        if (datastore.schema, events_table_name) != ("ledger", "ledger_events"):
            raise ProgrammingError("the ledger has one table of events, ledger.ledger_events")
        if datastore.enable_db_functions:
            # They take no lock: readers that follow the table would miss events.
            raise ProgrammingError("POSTGRES_ENABLE_DB_FUNCTIONS has to stay off")
        # Tables come from migrations. The library's statements would also make its function
        # that appends without a lock.
        self.sql_create_statements.clear()
        self._groups = GroupCommit(self._write, most=GROUP_ROWS)
        #: Whether its role may add national events only, one by one and each under a key.
        self.only_national = False

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """Record events together; return their notification ids.

        IntegrityError if one of the numbers is taken; OperationalError or InterfaceError if
        PostgreSQL could not be reached, after some attempts.
        """
        if kwargs.get("tracking") is not None:
            raise NotSupportedError("this recorder tracks nothing")
        if not stored_events:
            return []
        append = Append(stored_events)
        self.append(append)
        if append.taken:
            raise IntegrityError("another decision has this number")
        return append.ids

    def append(self, append: Append) -> None:
        """Record one command, together with whoever records at this moment."""
        if not append.taken:
            self._groups.run(append)

    def append_all(self, appends: Sequence[Append]) -> None:
        """Record many commands in one transaction, each of them all or nothing.

        No two of them may have a claim in common.
        """
        self._write(appends)

    def _write(self, group: Sequence[Append]) -> None:
        """Write a group; after a lost connection find out first what had been committed."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self.datastore.get_connection() as connection:
                    self._write_once(connection, group, again=attempt > 1)
                return
            except (InterfaceError, OperationalError):
                if attempt == ATTEMPTS:
                    raise
                time.sleep(PAUSE_S)

    def _write_once(
        self, connection: Connection[Any], group: Sequence[Append], *, again: bool
    ) -> None:
        if len(group) == 1 and len(group[0].rows) == 1:
            self._write_one(connection, group[0], again=again)
        else:
            self._write_group(connection, group, again=again)

    def _write_one(self, connection: Connection[Any], append: Append, *, again: bool) -> None:
        (row,), keyed = append.rows, append.keyed
        event = (row.originator_id, row.originator_version, row.topic, row.state)
        key = (keyed.key, keyed.request_hash, list(keyed.event_ids)) if keyed else ()
        cursor = connection.cursor(row_factory=tuple_row)
        try:
            cursor.execute(self._one(keyed=bool(keyed)), (*event, *key), prepare=True)
            recorded = cursor.fetchone()
            assert recorded is not None
            append.ids = recorded
        except UniqueViolation as violation:
            if violation.diag.table_name == "command":
                self._look_up(connection, append)
            else:
                self._settle_taken(connection, append, again=again)

    def _one(self, *, keyed: bool) -> LiteralString:
        if self.only_national:
            return _ONE_NATIONAL
        return _ONE_KEYED if keyed else _ONE

    def _write_group(
        self, connection: Connection[Any], group: Sequence[Append], *, again: bool
    ) -> None:
        owners, rows = _numbered(group)
        keyed = [(place, append.keyed) for place, append in enumerate(group) if append.keyed]
        arguments = (owners, *_columns(rows))
        cursor = connection.cursor(row_factory=tuple_row)
        if keyed:
            cursor.execute(_KEYED, (*arguments, *_key_columns(keyed)), prepare=True)
        else:
            cursor.execute(_PLAIN, arguments, prepare=True)
        answer = cursor.fetchone()
        assert answer is not None
        recorded, known, taken = answer
        known, taken = set(known or ()), set(taken or ())
        ids = iter(recorded or ())
        for place, append in enumerate(group):
            if place in known:
                self._look_up(connection, append)
            elif place in taken:
                self._settle_taken(connection, append, again=again)
            else:
                append.ids = [next(ids) for _ in append.rows]

    def _settle_taken(self, connection: Connection[Any], append: Append, *, again: bool) -> None:
        """A number is there already: somebody else's, or ours if an answer was lost before."""
        append.ids = self._own_ids(connection, append) if again else ()
        append.taken = not append.ids

    def _look_up(self, connection: Connection[Any], append: Append) -> None:
        """Find what was recorded under a key; if it is this very command, it was recorded."""
        assert append.keyed is not None
        cursor = connection.cursor(row_factory=tuple_row)
        found = cursor.execute(_COMMAND, (append.keyed.key,), prepare=True).fetchone()
        assert found is not None
        request_hash, case_id, event_ids = found
        known = Keyed(append.keyed.key, bytes(request_hash), case_id, tuple(event_ids))
        if known == append.keyed:
            append.ids = self._own_ids(connection, append)
        else:
            append.known = known

    def _own_ids(self, connection: Connection[Any], append: Append) -> Sequence[int]:
        """Return the ids of these very bytes, if the lost connection had committed them."""
        cursor = connection.cursor(row_factory=tuple_row)
        found = cursor.execute(_THERE, _columns(append.rows)).fetchall()
        return [row[0] for row in found] if len(found) == len(append.rows) else ()


def _numbered(group: Sequence[Append]) -> tuple[list[int], list[StoredEvent]]:
    owners = [place for place, append in enumerate(group) for _ in append.rows]
    return owners, [row for append in group for row in append.rows]


def _columns(rows: Sequence[StoredEvent]) -> tuple[list[Any], list[int], list[str], list[bytes]]:
    return (
        [row.originator_id for row in rows],
        [row.originator_version for row in rows],
        [row.topic for row in rows],
        [row.state for row in rows],
    )


def _key_columns(keyed: Sequence[tuple[int, Keyed]]) -> tuple[list[Any], ...]:
    commands = [command for _, command in keyed]
    return (
        [place for place, _ in keyed],
        [command.key for command in commands],
        [command.request_hash for command in commands],
        [command.case_id for command in commands],
        ["{" + ",".join(map(str, command.event_ids)) + "}" for command in commands],
    )
