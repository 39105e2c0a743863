"""A new generation of read models, filled beside the one in use, compared, and put in its place.

Fill in parallel from one moment of the mirror; index; catch up while traffic goes on; then lock the
live positions, apply the rest, compare, and flip. Workers of the old generation find their
positions retired, leave, and come back in the new one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg
from psycopg import Connection

from events.errors import NotAllowedNow, RecordRejected, ServiceUnavailable
from ledger import mirror
from ledger.keys.national import NationalKeys
from projections import case_state, generation, hashing, positions
from projections.fillers import run_all
from projections.filling import Job, Progress
from projections.folding import fold_in
from projections.generation import schema_of
from projections.models import TABLES
from projections.positions import Move, Part, Position

#: Fewer events than this are applied under the lock.
_NEAR = 500
#: Offsets that are read at once while catching up.
_CHUNK = 2_000
_TRY_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('ledger.rebuild', 0))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtextextended('ledger.rebuild', 0))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """A generation that was built anew, and how it compares with the one before."""

    number: int
    before: int
    events: int
    #: Read models whose rows differ from the old generation's, with how many do.
    differences: Mapping[str, int]

    @property
    def equal(self) -> bool:
        """Whether the new generation says just what the old one said."""
        return not self.differences


class Ready(NamedTuple):
    """A generation that is about to be used: nothing moves until it is."""

    rebuilt: Rebuilt
    #: Where it stands, as the one before does.
    positions: Mapping[Part, Position]
    #: Hash of the read model case_state (projections/hashing.py).
    state: bytes


def _tell_nobody(_ready: Ready) -> None:
    pass


class _Fresh(NamedTuple):
    """A generation that was filled and caught up, and is not in use."""

    connection: Connection[Any]
    country: str
    keys: NationalKeys | None
    number: int
    before: int
    events: int


def rebuild(
    dsn: str,
    *,
    country: str,
    keys: NationalKeys | None = None,
    processes: int | None = None,
    expect_difference: str | None = None,
    tell: Callable[[Progress], None] = lambda _progress: None,
    announce: Callable[[Ready], object] = _tell_nobody,
) -> Rebuilt:
    """Build all read models again from the mirror, and use them.

    `announce` records what is about to be used; if it raises, those before stay in use.
    RecordRejected if they say something else than those in use, unless `expect_difference` gives
    the reason. NotAllowedNow while another rebuild runs.
    """
    with _beside(dsn, country, keys, processes, tell) as fresh:
        return _flip(fresh, expect_difference, announce)


def verify(
    dsn: str,
    *,
    country: str,
    keys: NationalKeys | None = None,
    processes: int | None = None,
    tell: Callable[[Progress], None] = lambda _progress: None,
) -> Rebuilt:
    """Build all read models again from the mirror and compare them; those in use stay in use.

    NotAllowedNow while another rebuild runs.
    """
    with _beside(dsn, country, keys, processes, tell) as fresh:
        with fresh.connection.transaction():
            found = _compared(fresh)
        _drop(fresh.connection, fresh.number)
        return found


@contextmanager
def _beside(
    dsn: str,
    country: str,
    keys: NationalKeys | None,
    processes: int | None,
    tell: Callable[[Progress], None],
) -> Iterator[_Fresh]:
    """Fill a generation beside the one in use; drop it if anything goes wrong."""
    with _alone(dsn) as connection:
        before = generation.current(connection)
        if before is None:
            raise ServiceUnavailable("no worker has run yet: there are no read models")
        number = max(generation.existing(connection)) + 1
        try:
            events = _fill(connection, dsn, number, before, country, keys, processes, tell)
            with connection.transaction():
                generation.index(connection, number)
            events += _catch_up(connection, number, before, country, keys)
            yield _Fresh(connection, country, keys, number, before, events)
        except BaseException:
            _drop(connection, number)
            raise


def _drop(connection: Connection[Any], number: int) -> None:
    connection.execute(f"DROP SCHEMA IF EXISTS {schema_of(number)} CASCADE")


@contextmanager
def _alone(dsn: str) -> Iterator[Connection[Any]]:
    """Give a connection; it holds the lock until the block ends, or it breaks.

    A server may see a closed connection later than its client begins the next rebuild.
    """
    with psycopg.connect(dsn, autocommit=True, application_name="rebuild") as connection:
        row = connection.execute(_TRY_LOCK).fetchone()
        if row is None or not row[0]:
            raise NotAllowedNow("another rebuild is running", rule="one_rebuild")
        try:
            yield connection
        finally:
            with suppress(psycopg.OperationalError):  # it broke, and the lock is gone with it
                connection.execute(_UNLOCK)


def _fill(
    connection: Connection[Any],
    dsn: str,
    number: int,
    before: int,
    country: str,
    keys: NationalKeys | None,
    processes: int | None,
    tell: Callable[[Progress], None],
) -> int:
    """Fill from one moment, by processes that all read that moment; return how many events."""
    with connection.transaction():
        generation.create(connection, number)
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reached = positions.read(connection, schema_of(before))
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        jobs = [
            Job(
                dsn=dsn,
                country=country,
                keys=None if keys is None else keys.render(),
                schema=schema_of(number),
                snapshot=row[0],
                partitions=share,
            )
            for share in _shares(reached, processes or os.cpu_count() or 1)
        ]
        events = run_all(jobs, tell)
    positions.begin(connection, schema_of(number), reached.values())
    return events


def _shares(reached: Mapping[Part, Position], processes: int) -> list[list[int]]:
    partitions = sorted({partition for _, partition in reached})
    shares = (partitions[first::processes] for first in range(processes))
    return [share for share in shares if share]


def _catch_up(
    connection: Connection[Any],
    number: int,
    before: int,
    country: str,
    keys: NationalKeys | None,
) -> int:
    """Apply what was mirrored meanwhile, until little is left; return how many events."""
    events = 0
    while True:
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            live = positions.read(connection, schema_of(before))
            found = _apply(connection, number, live, country, keys)
        events += found
        if found <= _NEAR:
            return events


def _apply(
    connection: Connection[Any],
    number: int,
    live: Mapping[Part, Position],
    country: str,
    keys: NationalKeys | None,
) -> int:
    """Bring the new generation to the live positions; return how many events that were."""
    schema = schema_of(number)
    ours = positions.read(connection, schema)
    events = 0
    for part, position in live.items():
        begin = ours[part].next_offset if part in ours else 0
        for first in range(begin, position.next_offset, _CHUNK):
            end = min(first + _CHUNK, position.next_offset)
            records = mirror.placed_between(connection, *part, first, end)
            fold_in(connection, schema, records, country=country, keys=keys)
            events += len(records)
    positions.begin(connection, schema, live.values())
    moves = [
        Move(*part, ours[part].next_offset, position.next_offset, position.leader_epoch)
        for part, position in live.items()
        if part in ours
    ]
    positions.swap(connection, schema, moves)
    return events


def _flip(fresh: _Fresh, reason: str | None, announce: Callable[[Ready], object]) -> Rebuilt:
    connection = fresh.connection
    with connection.transaction():
        found = _compared(fresh)
        if not found.equal and reason is None:
            said = ", ".join(f"{name}: {rows} rows" for name, rows in found.differences.items())
            raise RecordRejected(
                f"the rebuilt read models differ from those in use ({said}); if the fold was"
                " changed on purpose, say why with --expect-difference",
                rule="state_hash",
            )
        announce(_ready(fresh, found))
        positions.retire(connection, schema_of(fresh.before))
        connection.execute(
            "UPDATE projections.current_generation SET number = %s, changed_at = clock_timestamp()",
            (fresh.number,),
        )
        connection.execute(
            "INSERT INTO projections.rebuilt (number, before, equal, reason)"
            " VALUES (%s, %s, %s, %s)",
            (fresh.number, fresh.before, found.equal, reason),
        )
    return found


def _ready(fresh: _Fresh, rebuilt: Rebuilt) -> Ready:
    schema = schema_of(fresh.number)
    state = hashing.state_hash(fresh.connection, schema, case_state.TABLE)
    return Ready(rebuilt, positions.read(fresh.connection, schema), bytes.fromhex(state))


def _compared(fresh: _Fresh) -> Rebuilt:
    """Lock the positions in use, apply the rest, and compare at equal positions."""
    old, new = schema_of(fresh.before), schema_of(fresh.number)
    live = positions.lock(fresh.connection, old)
    events = fresh.events + _apply(fresh.connection, fresh.number, live, fresh.country, fresh.keys)
    differences = _compare(fresh.connection, old, new)
    return Rebuilt(number=fresh.number, before=fresh.before, events=events, differences=differences)


def _compare(connection: Connection[Any], old: str, new: str) -> dict[str, int]:
    """Return which read models differ, and in how many rows."""
    other = set(generation.of_another_release(connection, int(old.removeprefix("read_"))))
    return {
        table.name: hashing.count(connection, new, table)
        if table.name in other
        else hashing.difference(connection, old, new, table)
        for table in TABLES
        if table.name in other or not hashing.are_equal(connection, old, new, table)
    }
