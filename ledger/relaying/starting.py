"""The start of a relay: fence, look, copy back, mark. Nothing is published before it is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from events.agreement import Agreement
from events.errors import RecordRejected
from ledger import topics
from ledger.case.case import Topic
from ledger.log.signature import LogVerifier
from ledger.relaying.metrics import RelayMetrics
from ledger.relaying.own_log import OwnLog, hint_contradicts
from ledger.relaying.publishing import At
from ledger.relaying.recovery import copy_back
from ledger.relaying.scan import scan
from ledger.relaying.source import Source
from ledger.store import Store

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A Kafka cluster, and what of this country's log it carries."""

    bootstrap: str
    planes: tuple[Topic, ...]
    #: What every client needs to be let in.
    client: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The cluster in logs and in answers about health."""
        return "+".join(self.planes)


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a start works with."""

    agreement: Agreement
    country: str
    dsn: str
    cluster: Cluster
    source: Source
    metrics: RelayMetrics
    at: At
    #: Called while something long goes on.
    progress: Callable[[], None]

    def find_topics(self) -> list[topics.Found]:
        """Return the topics, if they keep the contract."""
        names = {
            Topic.SHARED: self.agreement.shared_topic,
            Topic.NATIONAL: self.agreement.national_topic(self.country),
        }
        partitions = self.agreement.partitions
        with topics.admin(self.cluster.bootstrap, self.cluster.client) as admin:
            return [
                topics.require_topic(admin, names[plane], partitions=partitions)
                for plane in self.cluster.planes
            ]

    def logs(self, found: Sequence[topics.Found]) -> list[OwnLog]:
        """Return the logs as they stand on their topics; the producer has to be fenced before."""
        with topics.admin(self.cluster.bootstrap, self.cluster.client) as admin:
            ends = [topics.ends(admin, topic) for topic in found]
        self.at("ends_read")
        pairs = zip(self.cluster.planes, found, ends, strict=True)
        logs = [self._log(plane, topic, end) for plane, topic, end in pairs]
        stored = [
            one.place.rank + self._count(one.plane, after=one.place.notification_id) for one in logs
        ]
        for one, have in zip(logs, stored, strict=True):
            self._scan(one, have)
        self.at("scanned")
        copied = self._copy_back(logs, stored)
        self.at("copied_back")
        for one in logs:
            self.source.mark(one, one.ends, anew=copied > 0)
        self.at("marked")
        return logs

    def _log(self, plane: Topic, topic: topics.Found, ends: Mapping[int, int]) -> OwnLog:
        keys = self.agreement.countries[self.country].log_keys
        verifiers = tuple(LogVerifier.parse(key) for key in keys)
        own = OwnLog(plane, topic, self.country, verifiers, ends=dict(ends))
        hint = self.source.hint(plane)
        if hint is None:
            return own
        if wrong := hint_contradicts(topic, hint.topic_id, hint.next_offsets, ends):
            raise RecordRejected(wrong, rule="topic_kept")
        if self._count(plane, until=hint.place.notification_id) == hint.place.rank:
            own.place = hint.place
            own.next_offsets = dict(hint.next_offsets)
        else:
            log.warning("relay_hint_ignored", log=own.name)  # another store than it was taken from
        return own

    def _count(self, plane: Topic, *, after: int = 0, until: int | None = None) -> int:
        return self.source.stretch(plane, self.progress, after=after, until=until).events

    def _scan(self, own: OwnLog, stored: int) -> None:
        scan(
            self.cluster.bootstrap,
            self.cluster.client,
            own,
            stored=stored,
            progress=self.progress,
        )
        self.metrics.recovered.labels(self.country, own.topic.name).inc(len(own.found))
        if own.found:
            log.info("relay_found_published", log=own.name, events=len(own.found))

    def _copy_back(self, logs: Sequence[OwnLog], stored: Sequence[int]) -> int:
        if not any(one.absent for one in logs):
            return 0
        with Store(self.dsn, connections=2, program="ledger relay") as store:
            copied = copy_back(store, self.source, logs, stored=stored, progress=self.progress)
        self.metrics.copied_back.labels(self.country).inc(copied)
        log.warning("relay_copied_back", events=copied)
        return copied
