"""A worker that catches up: what a cosigned root proves needs no signature checked.

Far behind, it has another process prove the whole topic (consumers/proving.py) and goes on
meanwhile, by signatures; what is proven by then is admitted without. A record counts as proven only
at the very place, with the very bytes, that were hashed: everything else is checked as ever. So a
worker admits the same with and without it, and without it whenever anything fails (ADR 0034).
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import IO, Any

import structlog

from consumers.cosigned import Trust
from consumers.examination import Claim, Ground
from consumers.measures import PROVEN
from consumers.progress import Progress, Standing
from consumers.proving import Asked, Job
from consumers.settings import WorkerSettings
from events.errors import ServiceUnavailable
from ledger.case.case import Topic
from ledger.log.child import Child
from ledger.log.proven import Extent, Proven
from projections.positions import Part

_log = structlog.get_logger()
_MODULE = "consumers.proving"


class Ranges:
    """What is proven of the topics of one cluster."""

    def __init__(
        self, settings: WorkerSettings, cluster: Mapping[str, Any], topics: Sequence[Topic]
    ) -> None:
        self._settings = settings
        self._cluster = cluster
        self._undecided = set(topics)
        self._child: Child | None = None
        #: Files of what is being proven, and what is proven, by name of the log.
        self._files: dict[str, IO[bytes]] = {}
        self._proven: dict[str, Proven] = {}
        self._counts: Counter[str] = Counter()

    @property
    def is_proving(self) -> bool:
        """Whether a process is at work on it."""
        return self._child is not None

    def _consider(self, standings: Mapping[Part, Standing]) -> None:
        """Begin, once it is known that it is worth the reading; end when all was read."""
        if not standings or any(standing.ends is None for standing in standings.values()):
            return
        if not self._undecided:
            if all(standing.lag_events == 0 for standing in standings.values()):
                self.close()
            return
        known = {Topic(topic) for topic, _ in standings} & self._undecided
        self._undecided.clear()
        far = [topic for topic in sorted(known) if self._is_far(topic, standings)]
        jobs = [self._job(topic) for topic in far]
        if any(asked for job in jobs for asked in job.logs):
            files = [asked.file for job in jobs for asked in job.logs]
            self._child = Child(_MODULE, files=files)
            self._child.ask(jobs)

    def proves(self, claim: Claim, ground: Ground) -> bool:
        """Say whether a record is proven to be the event of its log that it claims to be."""
        table = self._proven.get(ground.logs[claim.origin][0])
        if table is None:
            return False
        found = table.holds(claim.log_index, claim.leaf, ground.partition, claim.offset)
        self._counts[ground.topic.value] += found
        return found

    def look(self, progress: Progress) -> None:
        """Begin if it is worth it, take in what was proven since, and count what it has spared."""
        if self._undecided or self._child is not None or self._proven:
            self._consider(progress.standings())
        for topic, count in self._counts.items():
            PROVEN.labels(self._settings.country, topic).inc(count)
        self._counts.clear()
        while self._child is not None and self._child.has_answered:
            try:
                self._take(*self._child.answer())
            except ServiceUnavailable:  # it has said all that it had to say, or it failed
                for log in list(self._files):
                    self._give_up(log, 0, "no_answer")
                self._end()

    def close(self) -> None:
        """Let everything go."""
        self._end()
        for table in self._proven.values():
            table.close()
        self._proven.clear()

    def _take(self, log: str, extent: Extent) -> None:
        size, reason = extent
        if size:
            with self._files.pop(log) as file:
                self._proven[log] = Proven(file.fileno(), size)
            _log.info("range_proven", log=log, size=size)
        if reason:
            self._give_up(log, size, reason)
        if not self._files:
            self._end()

    def _give_up(self, log: str, size: int, reason: str) -> None:
        """Say why no more of a log is proven: its events are checked one by one."""
        _log.warning("range_unproven", log=log, size=size, reason=reason)
        if (file := self._files.pop(log, None)) is not None:
            file.close()

    def _end(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()
        if self._child is not None:
            self._child.close()
            self._child = None

    def _is_far(self, topic: Topic, standings: Mapping[Part, Standing]) -> bool:
        """Say whether proving all of a topic costs less than checking what is to be read of it.

        To read and hash a record costs half of checking its signature, and all are hashed, also
        those of partitions that other workers read.
        """
        own = [standing for part, standing in standings.items() if part[0] == topic.value]
        unread = sum(standing.lag_events or 0 for standing in own)
        there = sum(one.ends.stable - one.ends.start for one in own if one.ends is not None)
        everywhere = there * self._settings.agreement.partitions / len(own)
        return unread >= self._settings.prove_from and 2 * unread >= everywhere

    def _job(self, topic: Topic) -> Job:
        settings, agreement = self._settings, self._settings.agreement
        shared = topic is Topic.SHARED
        ground = Ground.of(agreement, topic, 0, country=settings.country)
        logs = []
        for origin, (log, keys) in ground.logs.items():
            trust = Trust.of(agreement, topic, origin)
            if trust.sealers and trust.witnesses:
                # Without a name: whoever kills this process leaves nothing behind.
                self._files[log] = file = tempfile.TemporaryFile()  # noqa: SIM115
                logs.append(Asked(origin, trust, keys, file.fileno()))
        notes = (
            agreement.checkpoints_topic
            if shared
            else agreement.national_checkpoints_topic(settings.country)
        )
        return Job(self._cluster, settings.name_of(topic), agreement.partitions, notes, logs)
