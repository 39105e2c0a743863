"""The loop of a worker on one cluster: read, check, apply, over and over.

While one batch is being written, another process checks the signatures of the next. Far behind, a
third one proves the topic by its signed roots.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import structlog
from psycopg import Connection

from consumers import measures, session, start
from consumers.batch import Hook, Memory, Read, apply
from consumers.checking import Checker
from consumers.examination import Ground
from consumers.lookout import looking_out
from consumers.progress import Progress
from consumers.ranges import Ranges
from consumers.settings import WorkerSettings
from consumers.source import Polled, Source
from events.errors import StartAgain
from ledger.case.case import Topic
from ledger.watchdog import Watchdog
from projections import generation, positions, quarantine
from projections.generation import schema_of
from projections.positions import Part, Position

_log = structlog.get_logger()

#: Told to listeners after each batch that was committed; they look for themselves.
CHANNEL = "ledger_read"
_LOOK_SECONDS = 2.0
#: A start may fold on what had to wait for a new schema, which takes its time.
_START_SECONDS = 600.0


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
        self._watchdog = Watchdog()
        self._progress = Progress()
        self.ranges = Ranges(settings, cluster, topics)

    def waiting(self) -> Mapping[str, str]:
        """Return what this stream still waits for, in words; empty when it is ready."""
        return self._progress.waiting()

    def run(self, stop: threading.Event, *, at: Hook) -> None:
        """Read until told to stop, or until something is wrong."""
        settings = self._settings

        def step(name: str) -> None:
            self._watchdog.allow(settings.step_s, f"what comes after {name}")
            at(name)

        self._watchdog.allow(_START_SECONDS, "start")
        self._watchdog.start()
        try:
            with (
                session.connect(
                    settings.dsn, idle_s=settings.idle_s, lock_s=settings.lock_s
                ) as database,
                measures.PLACES.shown(settings.country, self._progress),
                looking_out(self._cluster, self._names, self._progress),
            ):
                number = generation.ensure(database)
                generation.require_of_this_release(database, number)
                measures.GENERATION.labels(settings.country).set(number)
                source = self._source(self._prepare(database, number))
                checker = Checker(self.ranges.proves)
                try:
                    self._loop(database, number, source, checker, stop, step)
                finally:
                    checker.close()
                    self.ranges.close()
                    source.close()
        finally:
            self._watchdog.stop()

    def _prepare(self, database: Connection[Any], number: int) -> Mapping[Part, Position]:
        known = start.prepare(
            database,
            schema_of(number),
            self._cluster,
            self._names,
            partitions=self._settings.agreement.partitions,
        )
        quarantine.retry_readable(
            database, number, country=self._settings.country, keys=self._settings.national_keys
        )
        return known

    def _source(self, known: Mapping[Part, Position]) -> Source:
        settings = self._settings
        return Source(
            self._cluster,
            self._names,
            group=self._group,
            member=f"{settings.country}-{settings.number}",
            known=known,
            batch_records=settings.batch_records,
            progress=self._progress,
        )

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
            try:
                polled = source.poll(0 if batch else self._settings.poll_ms)
            except Exception:
                # One partition that cannot be read does not cost what was read of the others.
                if batch and not source.was_reassigned:
                    self._apply(database, number, source, batch, at)
                raise
            if source.was_reassigned:
                batch = []
                source.go_on_from(positions.read(database, schema_of(number)))
                _log.info("assigned", partitions=source.assigned)
                continue
            at("polled")
            self.ranges.look(self._progress)
            following = [self._read(one, checker) for one in polled]
            if batch:
                self._apply(database, number, source, batch, at)
            batch = following
            self._progress.went_round()
            self._look(database, number)

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
            database,
            schema_of(number),
            batch,
            country=country,
            keys=self._settings.national_keys,
            at=at,
            memory=self._memory,
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
            _log.error(
                "case_parked", case_id=record.case_id, topic=record.topic, parked_why=stop.reason
            )

    def _look(self, database: Connection[Any], number: int) -> None:
        """Every few seconds: is this still the generation, and which cases wait."""
        if time.monotonic() - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = time.monotonic()
        if generation.current(database) != number:
            raise StartAgain(f"generation {number} was replaced", rule="generation")
        measures.quarantine(
            self._settings.country,
            quarantine.waits(database, number),
            quarantine.waiting_events(database, number),
        )
