"""Filling a new generation from the mirror: one process per share of the partitions.

A partition is read case by case, so that one case at a time is in memory and every row is copied
in once. `python -m projections.filling` reads a job from its standard input (a DSN is a secret and
does not stand in arguments) and says how far it is on its standard output.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import psycopg
from psycopg import Connection

from ledger import mirror
from ledger.keys.national import NationalKeys
from ledger.mirror import Placed
from projections.folding import Counts, fold_case, park
from projections.models import TABLES
from projections.store import Sheet, copy_in

#: Events between two writes; keeps a process small, and its COPYs long enough.
_FLUSH = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What one process fills."""

    dsn: str
    country: str
    #: Text of the national key file, if there is one.
    keys: str | None = field(repr=False)
    schema: str
    #: The moment all processes read: exported by the rebuild, which keeps it open.
    snapshot: str
    partitions: Sequence[int]


class Progress(NamedTuple):
    """How far a process is."""

    events: int
    cases: int


def fill(job: Job, tell: Callable[[Progress], None]) -> None:
    """Fold what the mirror holds of some partitions, and copy it into a new generation."""
    keys = NationalKeys.parse(job.keys) if job.keys else None
    gc.disable()  # nothing here is cyclic, and the collector would walk every plane over and over
    with _connected(job) as source, psycopg.connect(job.dsn) as target:
        source.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        source.execute(f"SET TRANSACTION SNAPSHOT '{job.snapshot}'")
        source.execute("SET LOCAL work_mem = '64MB'")
        # All of it will be fetched: a plan that is quick at the start would walk the cases' index.
        source.execute("SET LOCAL cursor_tuple_fraction = 1")
        # The flip of the generation is what has to last; before it all of this can be thrown away.
        target.execute("SET synchronous_commit = off")
        for partition in job.partitions:
            records = (one.record for one in mirror.heard_by_case(source, partition))
            _fill_partition(job, keys, records, target, tell)
            target.commit()


def _connected(job: Job) -> Connection[Any]:
    return psycopg.connect(job.dsn, autocommit=True, application_name="rebuild")


def _fill_partition(
    job: Job,
    keys: NationalKeys | None,
    records: Iterable[Placed],
    target: Connection[Any],
    tell: Callable[[Progress], None],
) -> None:
    sheet, events, cases = Sheet(), Counts(), 0
    for case_id, of_case in groupby(records, itemgetter(5)):
        _, stops = fold_case(case_id, of_case, sheet, events, country=job.country, keys=keys)
        park(target, job.schema, stops)
        cases += 1
        if events.total() >= _FLUSH:
            _flush(job, target, sheet)
            tell(Progress(events.total(), cases))
            sheet, events, cases = Sheet(), Counts(), 0
    _flush(job, target, sheet)
    tell(Progress(events.total(), cases))


def _flush(job: Job, target: Connection[Any], sheet: Sheet) -> None:
    for table in TABLES:
        if rows := sheet.rows(table):
            copy_in(target, job.schema, table, rows)


def write_job(job: Job) -> str:
    """Return a job as one line of text."""
    return json.dumps(asdict(job)) + "\n"


def main() -> None:
    """Fill what standard input says."""
    job = Job(**json.loads(sys.stdin.readline()))
    fill(job, lambda progress: print(json.dumps(progress), flush=True))  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
