"""The loop of a worker on one cluster: read, check, apply, over and over.

While one batch is being written, another process checks the signatures of the next.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import psycopg
import structlog
from psycopg import Connection

from consumers import measures, start
from consumers.batch import Hook, Memory, Read, apply
from consumers.checking import Checker
from consumers.examination import Ground
from consumers.settings import WorkerSettings
from consumers.source import Polled, Source
from events.errors import StartAgain
from ledger.case.case import Topic
from projections import generation, positions, quarantine
from projections.generation import schema_of

_log = structlog.get_logger()

#: Told to listeners after each batch that was committed; they look for themselves.
CHANNEL = "ledger_read"
_LOOK_SECONDS = 2.0


class Stream:
    """What one worker reads from one cluster."""

    def __init__(
        self, settings: WorkerSettings, cluster: Mapping[str, Any], topics: tuple[Topic, ...]
    ) -> None:
        self._settings = settings
        self._cluster = cluster
        self._group = settings.group_of(topics)
        self._names = {topic: settings.name_of(topic) for topic in topics}
        self._grounds: dict[tuple[Topic, int], Ground] = {}
        self._looked_at = 0.0
        self._memory = Memory()
        #: What this stream still waits for, in words; empty when it is ready.
        self.waiting: Mapping[str, str] = {"start": "PostgreSQL and Kafka"}

    def run(self, stop: threading.Event, *, at: Hook) -> None:
        """Read until told to stop, or until something is wrong."""
        settings = self._settings
        with psycopg.connect(settings.dsn, autocommit=True, application_name="worker") as database:
            # Everything written here can be read again from the topic, and a decision that rests
            # on it is committed after it in the same log: waiting for the disk gains nothing.
            database.execute("SET synchronous_commit = off")
            number = generation.ensure(database)
            schema = schema_of(number)
            measures.GENERATION.labels(settings.country).set(number)
            known = start.prepare(
                database,
                schema,
                self._cluster,
                self._names,
                partitions=settings.agreement.partitions,
            )
            quarantine.retry_readable(database, number, country=settings.country)
            source = Source(
                self._cluster,
                self._names,
                group=self._group,
                member=f"{settings.country}-{settings.number}",
                known=known,
                batch_records=settings.batch_records,
            )
            checker = Checker()
            try:
                self._loop(database, number, source, checker, stop, at)
            finally:
                checker.close()
                source.close()

    def _loop(
        self,
        database: Connection[Any],
        number: int,
        source: Source,
        checker: Checker,
        stop: threading.Event,
        at: Hook,
    ) -> None:
        batch: list[Read] = []
        while not stop.is_set():
            polled = source.poll(0 if batch else self._settings.poll_ms)
            if source.was_reassigned:
                batch = []
                source.go_on_from(positions.read(database, schema_of(number)))
                _log.info("assigned", partitions=source.assigned)
                continue
            at("polled")
            following = [self._read(one, checker) for one in polled]
            if batch:
                self._apply(database, number, source, batch, at)
            batch = following
            self._look(database, number, source)

    def _read(self, polled: Polled, checker: Checker) -> Read:
        place = (polled.topic, polled.partition)
        ground = self._grounds.get(place)
        if ground is None:
            settings = self._settings
            ground = Ground.of(settings.agreement, *place, country=settings.country)
            self._grounds[place] = ground
        return Read(ground, polled.move, polled.records, checker.begin(polled.records, ground))

    def _apply(
        self, database: Connection[Any], number: int, source: Source, batch: list[Read], at: Hook
    ) -> None:
        country, began = self._settings.country, time.monotonic()
        applied = apply(
            database, schema_of(number), batch, country=country, at=at, memory=self._memory
        )
        database.execute(f"NOTIFY {CHANNEL}")
        at("notified")
        source.applied([read.move for read in batch])
        measures.batch(country, batch, applied, time.monotonic() - began)
        strays = Counter((topic, *stray[:2], stray.origin) for topic, stray in applied.strays)
        for (topic, outcome, reason, origin), count in strays.items():
            _log.warning(outcome, topic=topic, reason=reason, origin=origin, count=count)
        for stop in applied.folded.stops:
            record = stop.record
            _log.error("case_parked", case_id=record.case_id, topic=record.topic, why=stop.reason)

    def _look(self, database: Connection[Any], number: int, source: Source) -> None:
        """Every few seconds, and while not ready: is this still the generation, what is behind."""
        if not self.waiting and time.monotonic() - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = time.monotonic()
        if generation.current(database) != number:
            raise StartAgain(f"generation {number} was replaced", rule="generation")
        behind = source.behind()
        measures.progress(self._settings.country, behind)
        measures.quarantine(self._settings.country, quarantine.waits(database, number))
        if not source.assigned:
            self.waiting = {"partitions": "its share of the partitions"}
        elif self.waiting:
            self.waiting = {
                f"{topic}/{partition}": f"{end - reached} offsets to read"
                for (topic, partition), (reached, end, _) in behind.items()
                if reached < end
            }
