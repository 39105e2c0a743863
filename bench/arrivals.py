"""When events arrive: in a read model, or at a bare consumer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

import psycopg
from kafka import KafkaConsumer, TopicPartition

#: Nothing arrives any more.
_SILENCE_S = 20.0

_ENDS: LiteralString = (
    "SELECT partition, next_offset - 1 FROM read_1.position WHERE topic = 'shared'"
)
# By the mirror, which is in order: a read model that grows must not cost its reader more and more.
_NEW: LiteralString = """
SELECT news.partition, news."offset", trail.event_id, trail.case_id, trail.event_type,
    trail.effective
FROM unnest(%b::int4[], %b::int8[]) AS reached (partition, "offset")
CROSS JOIN LATERAL (
    SELECT record.partition, record."offset", record.case_id FROM mirror.record AS record
    WHERE record.topic = 'shared' AND record.partition = reached.partition
        AND record."offset" > reached."offset"
    ORDER BY record."offset" LIMIT 1000
) AS news
CROSS JOIN LATERAL (
    SELECT * FROM read_1.audit_trail AS one
    WHERE one.topic = 'shared' AND one.case_id = news.case_id AND one.partition = news.partition
        AND one."offset" = news."offset"
    LIMIT 1
) AS trail
"""


class Row(NamedTuple):
    """One event in a country's audit trail."""

    event_id: UUID
    case_id: UUID
    event_type: str
    effective: bool


class ReadModel:
    """The rows that a worker adds from now on."""

    def __init__(self, dsn: str) -> None:
        self._connection = psycopg.connect(dsn, autocommit=True)
        self._connection.execute("LISTEN ledger_read")
        self._reached: dict[int, int] = dict(self._connection.execute(_ENDS).fetchall())

    def wait_for(
        self,
        count: int,
        of: Callable[[Row], UUID | None] = lambda row: row.event_id,
        tell: Callable[[UUID], object] = lambda _id: None,
    ) -> Mapping[UUID, float]:
        """Return so many ids with the moment (CLOCK_MONOTONIC) at which each could be read.

        `of` says by which id an event counts, None if it does not; `tell` is told each at once.
        """
        seen: dict[UUID, float] = {}

        def look() -> None:
            columns = [list(self._reached), list(self._reached.values())]
            rows = self._connection.execute(_NEW, columns, prepare=True).fetchall()
            now = time.monotonic()
            for partition, offset, *row in rows:
                self._reached[partition] = max(self._reached[partition], offset)
                name = of(Row(*row))
                if name is not None and name not in seen:
                    seen[name] = now
                    tell(name)

        def wait() -> None:
            # To the end: the generator holds the connection's lock.
            if list(self._connection.notifies(timeout=1.0, stop_after=1)):
                look()

        _until(lambda: len(seen) >= count, lambda: len(seen), wait)
        self._connection.close()
        return seen


class BareConsumer:
    """The records that arrive on a topic from now on."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._consumer: Any = KafkaConsumer(
            bootstrap_servers=bootstrap,
            enable_auto_commit=False,
            fetch_max_wait_ms=100,
            metrics_enabled=False,
        )
        parts = [TopicPartition(topic, one) for one in self._consumer.partitions_for_topic(topic)]
        self._consumer.assign(parts)
        self._consumer.seek_to_end(*parts)
        for part in parts:
            self._consumer.position(part)  # asked now, or it would be asked at the first poll

    def wait_for(self, numbers: Mapping[bytes, int]) -> Mapping[int, float]:
        """Return the number of each of these values with the moment at which it was received."""
        seen: dict[int, float] = {}

        def wait() -> None:
            found = self._consumer.poll(timeout_ms=200)
            now = time.monotonic()
            for records in found.values():
                seen.update((numbers[record.value], now) for record in records)

        _until(lambda: len(seen) >= len(numbers), lambda: len(seen), wait)
        self._consumer.close()
        return seen


def _until(done: Callable[[], bool], count: Callable[[], int], wait: Callable[[], None]) -> None:
    last, changed = 0, time.monotonic()
    while not done():
        wait()
        if count() != last:
            last, changed = count(), time.monotonic()
        elif time.monotonic() - changed > _SILENCE_S:
            raise RuntimeError(f"only {last} arrived")
