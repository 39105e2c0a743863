"""append, append-16, append-raw: decisions into the store, one event per call.

The same stored events by the same number of threads, over connections that stay open, into a
fresh database with stock settings: every commit is flushed to the disk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.persistence import ApplicationRecorder, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

from bench.crowd import Worker, seconds_together
from bench.harness import BASELINE, OURS, Contender, Effort, Figure, compare
from bench.histories import KEYS, Entry, entries
from bench.play import COUNTRIES
from bench.servers import Servers
from events.contract import NATIONAL_EVENT
from ledger.case.case import Topic
from ledger.keys.national import NationalKeys
from ledger.recorder import LedgerRecorder

#: What one writer does with one event.
Insert = Callable[[StoredEvent], Any]
#: Gives each writer its way to insert, in a database that was made for this run.
Writers = Callable[[str, int, ExitStack], Sequence[Insert]]

_WARM_UP = 4


def one_each(servers: Servers, effort: Effort) -> Iterator[Figure]:
    """append: 4 writers, one event per commit, against eventsourcing's recorder.

    `grouped` is our recorder as nodes use it: the same, but callers may share a commit.
    `db_functions` is eventsourcing's fastest setting, which takes no lock: readers that follow
    the log then miss events, so it is not the baseline.
    """
    load = _load(servers, writers=4, count=effort.events_or(2_000, quick=120))
    contenders = {
        OURS: load.of(_ledger_each),
        BASELINE: load.of(_stock),
        "grouped": load.of(shared_recorder),
        "db_functions": load.of(_db_functions),
    }
    yield compare("append", contenders, unit="events/s", effort=effort, goal="ratio >= 2.5")


def sixteen(servers: Servers, effort: Effort) -> Iterator[Figure]:
    """append-16: 16 writers, commits may be grouped, against eventsourcing's recorder."""
    load = _load(servers, writers=16, count=effort.events_or(4_000, quick=120))
    contenders = {OURS: load.of(shared_recorder), BASELINE: load.of(_stock)}
    yield compare("append-16", contenders, unit="events/s", effort=effort, goal="ratio >= 5")


def raw(servers: Servers, effort: Effort) -> Iterator[Figure]:
    """append-raw: 16 writers, against psycopg's bare INSERT that commits by itself."""
    load = _load(servers, writers=16, count=effort.events_or(8_000, quick=120))
    contenders = {OURS: load.of(shared_recorder), BASELINE: load.of(_raw)}
    yield compare("append-raw", contenders, unit="events/s", effort=effort, goal="ratio >= 0.7")


def stored_events(count: int, keys: NationalKeys = KEYS) -> list[StoredEvent]:
    """Return so many rows of a country's store, of many cases at once."""
    own = (entry for entry in entries() if entry.origin == COUNTRIES[0])
    return rows_of(islice(own, count), keys)


def rows_of(told: Iterable[Entry], keys: NationalKeys = KEYS) -> list[StoredEvent]:
    """Return events as a node stores them, numbered within their cases."""
    numbers: Counter[UUID] = Counter()
    rows = []
    for entry in told:
        numbers[entry.case_id] += 1
        name = entry.name if entry.topic is Topic.SHARED else NATIONAL_EVENT
        topic, value = f"{entry.topic}/{name}", entry.carried(keys)
        rows.append(StoredEvent(entry.case_id, numbers[entry.case_id], topic, value))
    return rows


def _load(servers: Servers, *, writers: int, count: int) -> Load:
    return Load(servers, stored_events(count + writers * _WARM_UP), writers=writers)


class Load:
    """The same rows for every contender; some of them warm it up."""

    def __init__(self, servers: Servers, rows: Sequence[StoredEvent], *, writers: int) -> None:
        self._servers = servers
        self._writers = writers
        self._rows = rows

    def of(self, make: Writers) -> Contender:
        """Return the contender that lets these writers insert the rows."""

        def once() -> float:
            with self._servers.database("append") as dsn, ExitStack() as stack:
                return self._insert(make(dsn, self._writers, stack))

        return once

    def _insert(self, inserts: Sequence[Insert]) -> float:
        """Return events per second, all writers together."""
        writers = len(inserts)
        workers = [
            Worker(_all(insert, share[:_WARM_UP]), _all(insert, share[_WARM_UP:]))
            for insert, share in (
                (insert, self._rows[place::writers]) for place, insert in enumerate(inserts)
            )
        ]
        return (len(self._rows) - writers * _WARM_UP) / seconds_together(workers)


def _all(insert: Insert, rows: Sequence[StoredEvent]) -> Callable[[], None]:
    def insert_each() -> None:
        for row in rows:
            insert(row)

    return insert_each


def datastore(dsn: str, size: int, **settings: Any) -> PostgresDatastore:
    """Return a pool of so many connections that stay open, eventsourcing's other settings stock."""
    place = conninfo_to_dict(dsn)
    return PostgresDatastore(
        dbname=str(place["dbname"]),
        host=str(place["host"]),
        port=str(place["port"]),
        user=str(place["user"]),
        password=str(place["password"]),
        pool_size=size,
        max_overflow=0,
        **settings,
    )


def _each(recorder: ApplicationRecorder) -> Insert:
    return lambda row: recorder.insert_events([row])


def shared_recorder(dsn: str, writers: int, stack: ExitStack) -> Sequence[Insert]:
    """One recorder for all, as in a node."""
    store = stack.enter_context(datastore(dsn, writers, schema="ledger"))
    return [_each(LedgerRecorder(store))] * writers


def _ledger_each(dsn: str, writers: int, stack: ExitStack) -> Sequence[Insert]:
    """One recorder per writer: none of them can share a commit."""
    store = stack.enter_context(datastore(dsn, writers, schema="ledger"))
    return [_each(LedgerRecorder(store)) for _ in range(writers)]


def _stock(
    dsn: str, writers: int, stack: ExitStack, *, db_functions: bool = False
) -> Sequence[Insert]:
    store = datastore(dsn, writers, enable_db_functions=db_functions)
    recorder = PostgresApplicationRecorder(stack.enter_context(store))
    recorder.create_table()
    return [_each(recorder)] * writers


def _db_functions(dsn: str, writers: int, stack: ExitStack) -> Sequence[Insert]:
    return _stock(dsn, writers, stack, db_functions=True)


def _raw(dsn: str, writers: int, stack: ExitStack) -> Sequence[Insert]:
    opened = (psycopg.connect(dsn, autocommit=True) for _ in range(writers))
    return [_bare(stack.enter_context(connection)) for connection in opened]


def _bare(connection: psycopg.Connection[Any]) -> Insert:
    insert = (
        "INSERT INTO ledger.ledger_events (originator_id, originator_version, topic, state)"
        " VALUES (%b, %b, %b, %b)"
    )
    return lambda row: connection.execute(
        insert,
        (row.originator_id, row.originator_version, row.topic, row.state),
        prepare=True,
    )
