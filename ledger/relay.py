"""From the store to the topics: each own event exactly once, in order, whatever crashes.

One relay per country, crash-only: an error ends the process, and the next start finds out from
the topics what stands there. The order of its steps is the protocol (docs/adr/0016).
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from traceback import extract_tb
from types import MappingProxyType
from typing import Any

import psycopg
import structlog

from events.agreement import Agreement
from events.errors import LedgerError, ServiceUnavailable
from ledger import topics
from ledger.case.case import Topic
from ledger.relaying.clients import TRANSACTION_S
from ledger.relaying.endings import Endings, Reason
from ledger.relaying.exits import ExitCode, exit_code, is_fenced
from ledger.relaying.health import RelayHealth
from ledger.relaying.metrics import RelayMetrics
from ledger.relaying.outbox import Outbox
from ledger.relaying.own_log import OwnLog
from ledger.relaying.pens import Pens
from ledger.relaying.publishing import At, Batch, Publisher, batch_of
from ledger.relaying.signing import SigningProcess
from ledger.relaying.source import Source
from ledger.relaying.starting import Cluster, Start
from ledger.watchdog import Watchdog

#: Without a notice the store is looked at so often.
_POLL_S = 1.0
#: A step may take so long: longer than a transaction, or the coordinator would fence us first.
_STEP_S = TRANSACTION_S + 10
#: Another relay may hold the lock so long before this one gives up.
_LOCK_S = 10
#: The hint moves so often while batch follows batch, and whenever there is nothing to do.
_HINT_S = 0.25
#: While nothing is recorded here, other countries write on; a later start need not read that.
_REFRESH_S = 600

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class RelaySettings:
    """What a relay needs to know; `node/` reads it from files and the environment."""

    agreement: Agreement
    country: str
    #: Database of the country, as a login of role `ledger_relay`.
    dsn: str
    kafka: str
    #: The country's own cluster, if its national topic stands there.
    national_kafka: str | None = None
    #: What every Kafka client needs to be let in.
    client: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    log_key: Path
    other_log_key: Path | None = None
    #: Most events of one transaction.
    batch: int = 500

    @property
    def log_keys(self) -> list[Path]:
        """The files of the log keys."""
        return [self.log_key, *filter(None, [self.other_log_key])]

    @property
    def clusters(self) -> list[Cluster]:
        """The clusters to write to."""
        planes = (Topic.SHARED, Topic.NATIONAL)
        if self.national_kafka in {None, self.kafka}:
            return [Cluster(bootstrap=self.kafka, planes=planes, client=self.client)]
        homes = zip((self.kafka, str(self.national_kafka)), planes, strict=True)
        return [Cluster(bootstrap=at, planes=(one,), client=self.client) for at, one in homes]


def run(
    settings: RelaySettings,
    stop: threading.Event,
    *,
    health: RelayHealth | None = None,
    metrics: RelayMetrics | None = None,
    at: At = lambda _step: None,
) -> ExitCode:
    """Relay until asked to stop, or until something fails.

    Unless DONE is returned the caller has to end the process at once, by `os._exit`: closing
    what is still open would go on writing. The watchdog does the same when a step takes too long.
    """
    health = health or RelayHealth()
    metrics = metrics or RelayMetrics(settings.country)
    ended: queue.SimpleQueue[ExitCode] = queue.SimpleQueue()
    clusters = settings.clusters
    for cluster in clusters:
        relay = Relay(settings, cluster, health, metrics, at)
        threading.Thread(
            target=lambda relay=relay: ended.put(relay.run(stop)), name=f"relay {cluster.name}"
        ).start()
    codes = (ended.get() for _ in clusters)
    return next((code for code in codes if code is not ExitCode.DONE), ExitCode.DONE)


class Relay:
    """Carries this country's events to the topics of one cluster."""

    def __init__(
        self,
        settings: RelaySettings,
        cluster: Cluster,
        health: RelayHealth,
        metrics: RelayMetrics,
        at: At,
    ) -> None:
        self._settings = settings
        self._cluster = cluster
        self._health = health
        self._metrics = metrics
        self._at = at
        self._watchdog = Watchdog()
        self._endings = Endings(settings.dsn, cluster.name)
        self._logs: dict[Topic, OwnLog] = {}
        self._hint_is_old = False
        self._refreshed = self._hinted = time.monotonic()

    def run(self, stop: threading.Event) -> ExitCode:
        """Relay until asked to stop; return how to end the process."""
        self._watchdog.start()
        self._allow("start")
        try:
            self._signing = SigningProcess(self._settings.log_keys)
            self._source = Source(self._settings.dsn)
            self._outbox = Outbox(self._source, self._cluster.planes, self._metrics, self._progress)
            self._start(stop)
            self._go_round(stop)
            self._publisher.close()
            self._signing.close()
            self._source.close()
            self._endings.end()
        except Exception as error:  # noqa: BLE001 - crash-only: every error ends the process
            return self._ended_by(error)
        finally:
            self._watchdog.stop()
        return ExitCode.DONE

    def _ended_by(self, error: Exception) -> ExitCode:
        code = exit_code(error)
        reason = Reason.BROKEN if code is ExitCode.BROKEN else Reason.AWAY
        if is_fenced(error):
            reason = Reason.FENCED
            if self._lock_is_lost():
                code = ExitCode.DONE  # another relay has taken over in good order
        self._endings.end(reason)
        # Without what the error says or its frames hold, unless it is ours: both may quote events.
        said = str(error) if isinstance(error, LedgerError) else type(error).__name__
        where = [f"{frame.name}:{frame.lineno}" for frame in extract_tb(error.__traceback__)[-4:]]
        log.error("relay_ends", relay=self._cluster.name, code=int(code), error=said, where=where)
        return code

    def _lock_is_lost(self) -> bool:
        try:
            self._source.ping()
        except psycopg.Error:
            return True
        return False

    def _start(self, stop: threading.Event) -> None:
        self._begins("a look at its store")
        self._outbox.look()
        self._begins("the lock of its log")
        self._lock(stop)
        self._metrics.ended_before(self._endings.begin())
        self._at("locked")
        start = Start(
            agreement=self._settings.agreement,
            country=self._settings.country,
            dsn=self._settings.dsn,
            cluster=self._cluster,
            source=self._source,
            metrics=self._metrics,
            at=self._at,
            progress=self._progress,
        )
        self._begins("Kafka and its topics")
        found = start.find_topics()
        self._pens = Pens(start.agreement, start.country, self._signing.verifiers(), self._source)
        self._begins("the end of earlier transactions")
        # First of all: from here on no earlier relay of this country can write.
        name = f"{self._settings.agreement.prefix}.relay.{self._settings.country}"
        self._publisher = Publisher(self._cluster.bootstrap, name, self._cluster.client, self._at)
        self._publisher.fence()
        self._at("fenced")
        self._begins("a look at what stands on its topics")
        self._logs = {one.plane: one for one in start.logs(found)}
        self._prepared = {plane: one.place for plane, one in self._logs.items()}
        self._source.listen()

    def _begins(self, doing: str) -> None:
        """Say what the start waits for next, and give it a time of its own."""
        self._health.starts(self._cluster.name, doing)
        self._allow(doing)

    def _lock(self, stop: threading.Event) -> None:
        end = time.monotonic() + _LOCK_S
        for plane in self._cluster.planes:
            while not self._source.lock(f"ledger.relay.{plane}"):
                if time.monotonic() > end or stop.is_set():
                    raise ServiceUnavailable("another relay of this country is at work")
                time.sleep(0.2)

    def _go_round(self, stop: threading.Event) -> None:
        batch = self._prepare()
        while not stop.is_set():
            self._allow("publish")
            if batch.rows:
                batch = self._publish(batch)
            else:
                self._rest()
                self._source.wait(_POLL_S, stop.is_set)
                batch = self._prepare()

    def _prepare(self) -> Batch:
        """Read what comes after everything prepared so far, and have it signed."""
        after = min(place.notification_id for place in self._prepared.values())
        rows = self._source.rows(self._cluster.planes, after, self._settings.batch)
        rows, pen = self._pens.next_of(rows, after)
        self._at("read")
        batch = batch_of(rows, self._logs, self._prepared)
        if batch.records:
            self._signing.begin([one.statement for one in batch.records], pen)
        self._prepared = dict(batch.after)
        return batch

    def _publish(self, batch: Batch) -> Batch:
        """Put a batch on the topics, and return the next one, prepared in the meantime."""
        self._measure(batch)
        upcoming: list[Batch] = []
        if batch.records:
            signatures = self._signing.finish()
            with self._metrics.transaction():
                self._publisher.publish(
                    batch.records, signatures, lambda: upcoming.append(self._prepare())
                )
        self._committed(batch)
        following = upcoming[0] if upcoming else self._prepare()
        if not following.rows:
            self._measure(following)
        return following

    def _committed(self, batch: Batch) -> None:
        for plane, place in batch.after.items():
            own = self._logs[plane]
            own.moved(place)
            self._metrics.index.labels(self._settings.country, own.topic.name).set(place.rank)
        self._hint_is_old = True
        if time.monotonic() - self._hinted > _HINT_S:
            self._move_hints()
        self._health.went_round(self._cluster.name)
        types = Counter((one.log.topic.name, one.ce_type) for one in batch.records)
        for (topic, ce_type), events in types.items():
            self._metrics.published.labels(self._settings.country, topic, ce_type).inc(events)

    def _move_hints(self) -> None:
        self._source.move_hints(self._logs.values())
        self._hinted = time.monotonic()
        self._hint_is_old = False
        self._at("hint_moved")

    def _measure(self, batch: Batch) -> None:
        self._outbox.measure(batch.rows, more=len(batch.rows) >= self._settings.batch)

    def _rest(self) -> None:
        """Nothing of ours is under way: whatever we write next stands beyond the present ends."""
        self._health.went_round(self._cluster.name)
        if time.monotonic() - self._refreshed > _REFRESH_S:
            self._refreshed = time.monotonic()
            with topics.admin(self._cluster.bootstrap, self._cluster.client) as admin:
                for own in self._logs.values():
                    own.ends = dict(topics.ends(admin, own.topic))
                    own.moved(own.place)
            self._hint_is_old = True
        if self._hint_is_old:
            self._move_hints()

    def _allow(self, doing: str) -> None:
        self._watchdog.allow(_STEP_S, doing)

    def _progress(self) -> None:
        self._allow("a long look")
        self._source.ping()
