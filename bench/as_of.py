"""as-of: a case file as it was, with 1,000,000 events in the mirror, against 100,000.

Both contenders are ours: the baseline is the same question to a mirror with a tenth of the events,
so the ratio says whether a case is asked of its own events alone. What is timed is all that `ledger
case show --as-of` asks of a database it is connected to: the moment is read and checked, the case
is folded from the mirror, and the file with all its parts is answered. Places, instants and what
another country had seen take turns; no case is asked twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from random import Random
from statistics import median, quantiles
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

import psycopg

from bench.harness import BASELINE, OURS, Effort, Figure, compare, rounded, say
from bench.histories import KEYS, Entry, entries
from bench.play import COUNTRIES
from bench.servers import Servers
from events.agreement import Agreement, Country
from events.codec import read_stamp
from events.contract import partition_of
from events.stamp import leaf_hash
from ledger import mirror
from ledger.case.case import Topic
from node.past import case_as_of, file_then
from node.reading import Reader
from projections import generation, positions
from projections.positions import Position

_COUNTRY, _OTHER = COUNTRIES
_AGREEMENT = Agreement(
    name="bench",
    prefix="bench",
    partitions=12,
    countries={code: Country(code=code, zone="Asia/Almaty", log_keys=()) for code in COUNTRIES},
)
#: The baseline has a tenth.
_SMALLER = 10
_CHUNK = 10_000


def run(servers: Servers, effort: Effort) -> Iterator[Figure]:
    """Measure milliseconds of a question, p95."""
    count, asked = effort.events_or(1_000_000, quick=2_000), 20 if effort.quick else 500
    with ExitStack() as stack:
        mirrors = {
            name: stack.enter_context(_Mirror.filled(servers, events))
            for name, events in ((OURS, count), (BASELINE, count // _SMALLER))
        }
        yield compare(
            "as-of",
            {name: partial(one.ask, asked) for name, one in mirrors.items()},
            unit="ms p95",
            effort=effort,
            goal="p95 <= 50 with 1,000,000 events, ratio <= 1.2",
            extra=lambda: {
                "events": count,
                "p50": mirrors[OURS].p50,
                "baseline_p50": mirrors[BASELINE].p50,
                "slowest": rounded(max(mirrors[OURS].took)),
            },
        )


@dataclass
class _Mirror:
    """One country's mirror of so many events, whose cases wait to be asked about."""

    connection: psycopg.Connection[Any]
    took: list[float] = field(default_factory=list)
    #: Case -> as of what it is asked about; known without looking at it.
    _cases: dict[UUID, str] = field(default_factory=dict)
    _order: list[UUID] = field(default_factory=list)
    _ends: Counter[tuple[str, int]] = field(default_factory=Counter)
    _logs: Counter[tuple[str, str]] = field(default_factory=Counter)

    @classmethod
    @contextmanager
    def filled(cls, servers: Servers, count: int) -> Iterator[_Mirror]:
        """Give a mirror with so many events of cases that nobody has folded."""
        say(f"as-of: {count:,} events into a mirror")
        with (
            servers.database("as_of") as dsn,
            psycopg.connect(dsn, autocommit=True) as connection,
        ):
            found = cls(connection)
            found._fill(count)
            yield found

    def _fill(self, count: int) -> None:
        generation.ensure(self.connection)
        told = (one for one in entries() if one.topic is Topic.SHARED or one.origin == _COUNTRY)
        left = islice(told, count)
        while chunk := list(islice(left, _CHUNK)):
            self._append(chunk)
        ends = [Position(*part, uuid4(), end, 0) for part, end in self._ends.items()]
        positions.begin(self.connection, "read_1", ends)
        self.connection.execute("VACUUM (ANALYZE) mirror.record")
        self.connection.execute("CHECKPOINT")
        self._order = list(self._cases)
        Random(count).shuffle(self._order)

    def _append(self, chunk: Sequence[Entry]) -> None:
        """Mirror a chunk in one transaction, as a worker does; the last of a case is kept."""
        with self.connection.transaction():
            row = self.connection.execute("SELECT now()").fetchone()
            assert row is not None
            records = list(map(self._record, chunk))
            mirror.append(self.connection, records)
        for number, one in enumerate(records):
            place = f"{one.topic}/{one.partition}@{one.offset}"
            seen = f"seen:{_OTHER}" if one.origin == _OTHER else place
            self._cases[one.case_id] = (place, row[0].isoformat(), seen)[number % 3]

    def _record(self, entry: Entry) -> mirror.Record:
        partition, value = partition_of(entry.case_id, _AGREEMENT.partitions), entry.carried()
        part, log = (entry.topic.value, partition), (entry.topic.value, entry.origin)
        offset, index = self._ends[part], self._logs[log]
        self._ends[part] += 1
        self._logs[log] += 1
        stamp = read_stamp(value)
        return mirror.Record(
            topic=entry.topic.value,
            partition=partition,
            offset=offset,
            effect_offset=offset,
            effect_rank=0,
            case_id=entry.case_id,
            origin=entry.origin,
            version=stamp.version,
            event_id=stamp.event_id,
            leaf=leaf_hash(value),
            log_index=index,
            signature=bytes(64),
            ce_type=entry.name,
            value=value,
        )

    def ask(self, count: int) -> float:
        """Ask about so many cases, never about one twice; return the 95th percentile in ms."""
        reader = Reader(self.connection, _COUNTRY, 1, KEYS)
        took = []
        for _ in range(count):
            case_id = self._order.pop()
            asked = self._cases[case_id]
            began = perf_counter()
            file = file_then(case_as_of(reader, case_id, asked, _AGREEMENT))
            took.append(1_000 * (perf_counter() - began))
            assert file["state"] == "open"
            assert file["as_of"]["unread"] == 0
        self.took += took
        return quantiles(took, n=20, method="inclusive")[18]

    @property
    def p50(self) -> float:
        """The median of all questions."""
        return rounded(median(self.took))
