"""One look at a case: mirror, own decisions, key and standing, all of the same moment.

It is one statement, so it sees one snapshot whatever commits beside it, and costs one round trip.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier

from events.contract import partition_of
from ledger.case.recording import Recorded
from ledger.history import Histories, History, Mirrored, PrefixChanged, Stored
from ledger.recorder import Keyed
from ledger.store import Store

# Kinds of the rows that one statement brings.
_LIFE, _MIRRORED, _OWN, _HELD, _PARKED, _COMMAND, _DISPUTED = range(7)

_ONE_LOOK: LiteralString = """
SELECT 0, number::bigint, 0::bigint, ledger.incarnation(), NULL::bytea
FROM projections.current_generation
UNION ALL
SELECT 1, effect_offset, effect_rank, concat_ws(' ', origin, version), value
FROM mirror.record
WHERE topic = 'shared' AND case_id = %(case_id)b
    AND (effect_offset, effect_rank) >= (%(offset)b::bigint, %(rank)b::bigint)
UNION ALL
SELECT 2, originator_version, 0, topic, state
FROM ledger.ledger_events
WHERE originator_id = %(case_id)b AND originator_version >= %(number)b::bigint
UNION ALL
SELECT 3, count(*), 0, NULL, NULL
FROM mirror.record
WHERE case_id = %(case_id)b AND effect_offset IS NULL
UNION ALL
SELECT 4, count(*), 0, NULL, NULL
FROM {parked}
WHERE case_id = %(case_id)b
UNION ALL
SELECT 5, 0, 0, case_id || ' ' || array_to_string(event_ids, ' '), request_hash
FROM ledger.command
WHERE key = %(key)b::text
UNION ALL
SELECT 6, partition, 0, NULL, NULL
FROM witness.alarm
WHERE (rule = 'order_differs' OR (rule = 'root_differs' AND log LIKE '%%.order/%%'))
    AND partition IS NOT NULL AND resolved_at IS NULL
ORDER BY 1, 2, 3
"""

_COMMANDS: LiteralString = (
    "SELECT key, request_hash, case_id, event_ids FROM ledger.command WHERE key = ANY (%b::text[])"
)
_EVENTS: LiteralString = """
SELECT originator_version, topic, state FROM ledger.ledger_events WHERE originator_id = %b
ORDER BY originator_version
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What was seen."""

    history: History
    #: Which life of the database answered: see 003_relay.sql.
    incarnation: str
    #: Which generation of read models is in use.
    generation: int
    #: An event of the case waits for an earlier one.
    held: bool
    #: An event of the case cannot be read here.
    parked: bool
    #: What was recorded under the caller's key.
    known: Keyed | None
    #: Partitions of the shared topic in whose order countries differ, until somebody resolves it.
    disputed: frozenset[int]

    def dispute(self, partitions: int) -> int | None:
        """Return the partition of the case if its order is disputed, else None."""
        if not self.disputed:
            return None
        partition = partition_of(self.history.settled.case_id, partitions)
        return partition if partition in self.disputed else None


class CaseReader:
    """Reads cases, from where it stopped the last time."""

    def __init__(self, store: Store, histories: Histories) -> None:
        self._store = store
        self._histories = histories
        self._generation = 0

    def read(self, case_id: UUID, key: str | None = None) -> Snapshot:
        """Return what is known of a case at this moment. ServiceUnavailable, HistoryGap."""
        history = self._histories.of(case_id)
        with self._store.reading() as connection:
            try:
                found = self._look(connection, history, key)
            except PrefixChanged:
                history = History.nothing(case_id, history.country)
                found = self._look(connection, history, key)
        self._histories.keep(found.history)
        return found

    def known(self, keys: Sequence[str]) -> Mapping[str, Keyed]:
        """Return what was recorded under these keys."""
        with self._store.reading() as connection:
            cursor = connection.cursor(row_factory=tuple_row)
            cursor.execute(_COMMANDS, (list(keys),))
            return {key: Keyed(key, digest, case, tuple(ids)) for key, digest, case, ids in cursor}

    def events(self, known: Keyed) -> list[tuple[Recorded, bytes]]:
        """Return the events that a command recorded, and their bytes, in order."""
        with self._store.reading() as connection:
            cursor = connection.cursor(row_factory=tuple_row)
            rows = cursor.execute(_EVENTS, (known.case_id,)).fetchall()
        read = [(self._store.mapper.read(*row), row[2]) for row in rows]
        return [entry for entry in read if entry[0].event.event_id in known.event_ids]

    def _look(self, connection: Connection[Any], history: History, key: str | None) -> Snapshot:
        generation = self._generation or generation_in_use(connection)
        while True:
            try:
                rows = _rows(connection, generation, history, key)
                (_, current, _, incarnation, _) = rows[_LIFE][0]
            except psycopg.errors.UndefinedTable:  # dropped, some time after a swap
                current = generation_in_use(connection)
                if current == generation:
                    raise
            if current == generation:
                break
            generation = current  # read models were swapped: look again, into the new ones
        self._generation = generation
        keys = self._store.mapper.keys
        history = history.read_on(_mirrored(rows[_MIRRORED]), _stored(rows[_OWN]), keys=keys)
        return Snapshot(
            history=history,
            incarnation=incarnation,
            generation=generation,
            held=rows[_HELD][0][1] > 0,
            parked=history.unread or rows[_PARKED][0][1] > 0,
            known=_known(key, rows[_COMMAND]),
            disputed=frozenset(row[1] for row in rows[_DISPUTED]),
        )


def _rows(
    connection: Connection[Any], generation: int, history: History, key: str | None
) -> dict[int, list[Any]]:
    arguments = {
        "case_id": history.settled.case_id,
        "offset": history.place[0],
        "rank": history.place[1],
        "number": history.number,
        "key": key,
    }
    cursor = connection.cursor(row_factory=tuple_row)
    cursor.execute(_statement(generation), arguments, prepare=True, binary=True)
    rows: defaultdict[int, list[Any]] = defaultdict(list)
    for row in cursor:
        rows[row[0]].append(row)
    return rows


@cache
def _statement(generation: int) -> bytes:
    return SQL(_ONE_LOOK).format(parked=Identifier(f"read_{generation}", "parked")).as_bytes()


def generation_in_use(connection: Connection[Any]) -> int:
    """Return the number of the generation of read models that is in use."""
    cursor = connection.cursor(row_factory=tuple_row)
    row = cursor.execute("SELECT number FROM projections.current_generation").fetchone()
    if row is None:
        raise psycopg.errors.UndefinedTable("no generation of read models is in use")
    number: int = row[0]
    return number


def _mirrored(rows: Sequence[Any]) -> list[Mirrored]:
    found = []
    for _, offset, rank, stamped, value in rows:
        origin, version = stamped.split(" ")
        found.append(Mirrored((offset, rank), origin, int(version), value))
    return found


def _stored(rows: Sequence[Any]) -> list[Stored]:
    return [Stored(number, topic, value) for _, number, _, topic, value in rows]


def _known(key: str | None, rows: Sequence[Any]) -> Keyed | None:
    if key is None or not rows:
        return None
    (_, _, _, ids, request_hash) = rows[0]
    case_id, *event_ids = (UUID(one) for one in ids.split(" ") if one)
    return Keyed(key, request_hash, case_id, tuple(event_ids))
