"""live-projection: from a full topic or log into read models, against eventsourcing's runner.

Ours is a real worker: it checks every signature and every rule of admission, appends to the
mirror, folds, and writes all read models and its position. The baseline upserts one row per event.
Both run in a process of their own and are timed from their first committed step to the last.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import LiteralString

import psycopg

from bench.harness import BASELINE, OURS, Effort, Figure, compare
from bench.pair import Pair
from bench.progress import rate_until
from bench.servers import Servers
from bench.stock import long_case, settings_of, stock_cases

_COUNTRY = "KG"
#: How many shared records a worker has taken in.
READ: LiteralString = (
    "SELECT coalesce(sum(next_offset), 0)::bigint FROM read_1.position WHERE topic = 'shared'"
)
#: All events were saved at once and none was refused, so ids have no gaps.
_SHOWN: LiteralString = (
    "SELECT max(notification_id) FROM shown_tracking WHERE application_name = 'cases'"
)
#: Events of one case of the baseline.
_LENGTH = 20


def run(servers: Servers, effort: Effort) -> Iterator[Figure]:
    """Measure events per second."""
    count = effort.events_or(20_000, quick=600)
    pair = Pair(servers)
    pair.fill(count)
    contenders = {
        OURS: lambda: _worker(pair, count),
        BASELINE: lambda: _runner(servers, max(count // 8, 100)),
    }
    yield compare("live-projection", contenders, unit="events/s", effort=effort, goal="ratio >= 12")


def _worker(pair: Pair, count: int) -> float:
    with (
        pair.database(_COUNTRY) as dsn,
        pair.running(_COUNTRY, "worker"),
        counting(dsn, READ) as reached,
    ):
        return rate_until(count, reached)


def _runner(servers: Servers, count: int) -> float:
    with servers.database("runner") as dsn:
        with stock_cases(dsn, connections=4) as cases:
            told = [long_case() for _ in range(count // _LENGTH)]
            cases.save(*told)
        with _process("bench.stock_projection", dsn), counting(dsn, _SHOWN) as reached:
            return rate_until(len(told) * _LENGTH, reached)


@contextmanager
def _process(module: str, dsn: str) -> Iterator[None]:
    environment = {**os.environ, **settings_of(dsn, connections=4)}
    with subprocess.Popen([sys.executable, "-m", module], env=environment) as process:
        try:
            yield
        finally:
            process.terminate()


@contextmanager
def counting(dsn: str, statement: LiteralString) -> Iterator[Callable[[], int]]:
    """Give a function that asks a database for a count; 0 while the table is not there."""
    with psycopg.connect(dsn, autocommit=True) as connection:

        def count() -> int:
            try:
                row = connection.execute(statement).fetchone()
            except psycopg.errors.UndefinedTable:
                return 0
            return int(row[0] or 0) if row else 0

        yield count
