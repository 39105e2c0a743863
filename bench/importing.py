"""import: a file of cases into the store, against COPY of the bytes that come out.

Ours reads CSV, decides each row by the rules, encodes, checks, and records; COPY knows all that
already. `write` is the part that both do: the recorder alone, with the same rows.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, groupby, islice
from pathlib import Path
from typing import Any

import psycopg
from eventsourcing.persistence import StoredEvent

from bench.harness import BASELINE, OURS, Effort, Figure, Watch, compare
from bench.play import SUPERVISOR
from bench.ready import ledger_of, make_ready
from bench.servers import Servers
from ledger.bulk import CHUNK
from ledger.recorder import Append
from ledger.store import Store
from node.importing import mapping
from node.importing.rows import Source
from node.importing.run import Import

_EXAMPLE = Path(__file__).parents[1] / "examples" / "intake.csv"
_ROWS = (
    "SELECT originator_id, originator_version, topic, state FROM ledger.ledger_events"
    " ORDER BY notification_id"
)
_COPY = "COPY plain (originator_id, originator_version, topic, state) FROM STDIN (FORMAT BINARY)"


def run(servers: Servers, effort: Effort) -> Iterator[Figure]:
    """Measure events per second."""
    source = Source(servers.folder / "intake.csv")
    _write_rows(source.path, effort.events_or(3_000, quick=30))
    rows: list[StoredEvent] = []

    def in_fresh(work: Callable[[str], float]) -> Callable[[], float]:
        def once() -> float:
            with servers.database("import") as dsn:
                make_ready(dsn)
                return work(dsn)

        return once

    ours = in_fresh(lambda dsn: _import(source, dsn))
    rows += _imported(servers, source)
    contenders = {
        OURS: ours,
        BASELINE: in_fresh(lambda dsn: _copy(rows, dsn)),
        "write": in_fresh(lambda dsn: _append(rows, dsn)),
    }
    yield compare("import", contenders, unit="events/s", effort=effort, goal="reported")


def _write_rows(path: Path, count: int) -> None:
    """Write a file with the rows of our own example, over and over."""
    with _EXAMPLE.open(newline="", encoding="utf-8") as example:
        header, *rows = csv.reader(example)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *islice(cycle(rows), count)])


def _import(source: Source, dsn: str) -> float:
    mapped = mapping.of_words(source.columns())
    rejects = source.path.with_suffix(".rejects")
    with ledger_of(dsn) as ledger:
        work = Import(source, mapped, SUPERVISOR, rejects, lambda _rows: None)
        watch = Watch()
        summary = work.into(ledger)
        assert not summary.rejected, "our own example is refused"
        return watch.rate(summary.events.total())


def _imported(servers: Servers, source: Source) -> Sequence[StoredEvent]:
    """Return the rows that an import leaves in the store."""
    with servers.database("import") as dsn:
        make_ready(dsn)
        _import(source, dsn)
        with psycopg.connect(dsn) as connection:
            return [StoredEvent(*row) for row in connection.execute(_ROWS)]


def _copy(rows: Sequence[StoredEvent], dsn: str) -> float:
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE plain (LIKE ledger.ledger_events INCLUDING ALL)")
        connection.commit()
        watch = Watch()
        with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.set_types(["uuid", "int8", "text", "bytea"])
            for row in rows:
                copy.write_row(_fields(row))
        connection.commit()
        return watch.rate(len(rows))


def _append(rows: Sequence[StoredEvent], dsn: str) -> float:
    """Record ready rows, case by case, as many in a transaction as an import has."""
    by_case = (list(one) for _, one in groupby(rows, lambda row: row.originator_id))
    commands = [Append(one) for one in by_case]
    with Store(dsn) as store:
        watch = Watch()
        for begin in range(0, len(commands), CHUNK):
            store.append_all(commands[begin : begin + CHUNK])
        return watch.rate(len(rows))


def _fields(row: StoredEvent) -> tuple[Any, ...]:
    return row.originator_id, row.originator_version, row.topic, row.state
