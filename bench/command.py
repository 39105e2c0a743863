"""command: one whole decision on a case of twenty events, by four threads at a time.

Ours: look (mirror, own events, key, standing), fold, decide, encode, check, record, as nodes run
it: folded histories are kept, and every look checks that they still are a prefix of what is
stored. The baseline: eventsourcing's get, change and save of an equal aggregate, with the library's
aggregate cache, fast-forwarded at every get. `cold` is ours when nothing is kept, `uncached` the
library as it comes, without the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from uuid import UUID, uuid4

from eventsourcing.persistence import StoredEvent

from bench.append import rows_of
from bench.crowd import Worker, seconds_together
from bench.harness import BASELINE, OURS, Contender, Effort, Figure, compare
from bench.histories import whole_cases
from bench.play import SUPERVISOR
from bench.ready import ledger_of, make_ready
from bench.servers import Servers
from bench.stock import long_case, stock_cases
from bench.stories import long_national
from events.codes import NeutralStatus
from ledger.case.identity import change_status
from ledger.store import Store

_WRITERS = 4

#: Changes the status of a case.
Change = Callable[[UUID, NeutralStatus], object]


def run(servers: Servers, effort: Effort) -> Iterator[Figure]:
    """Measure decisions per second."""
    count = effort.events_or(400, quick=8)
    load = _Load(servers, count)
    contenders = {
        OURS: load.ours(histories=count),
        BASELINE: load.stock(AGGREGATE_CACHE_MAXSIZE=str(count)),
        "cold": load.ours(histories=0),
        "uncached": load.stock(),
    }
    yield compare("command", contenders, unit="decisions/s", effort=effort, goal="ratio >= 2")


class _Load:
    """So many cases, each decided on once to warm up and once to be measured."""

    def __init__(self, servers: Servers, count: int) -> None:
        self._servers = servers
        told = whole_cases(count, long_national)
        self._rows = rows_of(told)
        self._cases = list(dict.fromkeys(entry.case_id for entry in told))

    def ours(self, *, histories: int) -> Contender:
        """Return our contender, with so many histories kept in memory."""

        def once() -> float:
            with self._servers.database("command") as dsn, ExitStack() as stack:
                _fill(dsn, self._rows)
                opened = ledger_of(dsn, connections=_WRITERS, histories=histories)
                ledger = stack.enter_context(opened)

                def change(case_id: UUID, status: NeutralStatus) -> object:
                    door = ledger.on(case_id, by=SUPERVISOR, key=str(uuid4()))
                    return door.decide(change_status, status=status)

                return _decide(change, self._cases)

        return once

    def stock(self, **settings: str) -> Contender:
        """Return the library's contender, with these settings beside the usual ones."""

        def once() -> float:
            with (
                self._servers.database("command") as dsn,
                stock_cases(dsn, connections=_WRITERS, **settings) as cases,
            ):
                fresh = [long_case() for _ in self._cases]
                cases.save(*fresh)
                return _decide(cases.change_status, [case.id for case in fresh])

        return once


def _decide(change: Change, cases: Sequence[UUID]) -> float:
    """Return decisions per second; no case is decided on by two writers."""
    shares = [cases[place::_WRITERS] for place in range(_WRITERS)]

    def each(share: Sequence[UUID], status: NeutralStatus) -> Callable[[], None]:
        def decide() -> None:
            for case_id in share:
                change(case_id, status)

        return decide

    workers = [
        Worker(each(share, NeutralStatus.READY), each(share, NeutralStatus.NOT_READY))
        for share in shares
    ]
    return len(cases) / seconds_together(workers)


def _fill(dsn: str, rows: Sequence[StoredEvent]) -> None:
    with Store(dsn) as store:
        store.recorder.insert_events(rows)
    make_ready(dsn)
