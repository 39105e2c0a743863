"""Reading a country's topics as a member of its group: what is next, from where to where.

Kafka's group shares the partitions out, and that is all it is trusted with. Where to read on is
known to PostgreSQL alone; the group's own offsets are written for lag dashboards and never read.
After every change of the assignment whatever was read and not applied is dropped, and reading goes
on from PostgreSQL.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from kafka import OffsetAndMetadata, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import IllegalStateError

from consumers.progress import Progress
from consumers.start import STRICT
from events.errors import StartAgain
from ledger.case.case import Topic
from ledger.fetching import SafeConsumer
from projections.positions import Move, Part, Position

_COMMIT_SECONDS = 1.0


class Polled(NamedTuple):
    """What was read of one partition."""

    topic: Topic
    partition: int
    move: Move
    records: list[ConsumerRecord]


class Seeks(ConsumerRebalanceListener):  # type: ignore[misc]  # the library is untyped
    """Runs on the client's own thread, where nothing but `seek` may be called (kafka.md, B15)."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.changes = 0

    def on_partitions_revoked(self, revoked: Any) -> None:
        """Note it."""
        self.changes += bool(revoked)

    def on_partitions_assigned(self, assigned: Any) -> None:
        """Go to a place that is known to have been reached, so that there is no guess."""
        for part in assigned:
            self._source.seek(part)
        self.changes += 1


class Source:
    """The topics of one cluster, read by one worker."""

    def __init__(
        self,
        cluster: Mapping[str, Any],
        names: Mapping[Topic, str],
        *,
        group: str,
        member: str,
        known: Mapping[Part, Position],
        batch_records: int,
        progress: Progress,
    ) -> None:
        self._topics = {name: topic for topic, name in names.items()}
        self._reached = {part: position.next_offset for part, position in known.items()}
        #: Where the next batch of each assigned partition begins; empty until it is known.
        self._next: dict[TopicPartition, int] = {}
        self._progress = progress
        self._committed_at = 0.0
        self._seeks = Seeks(self)
        self._changes = 0
        self._consumer = SafeConsumer(
            **cluster,
            **STRICT,
            group_id=group,
            group_instance_id=member,
            max_poll_records=batch_records,
            fetch_max_wait_ms=100,
            fetch_max_bytes=8 * 1024 * 1024,
            session_timeout_ms=10_000,
            partition_assignment_strategy=[CooperativeStickyAssignor],
            metrics_enabled=False,
        )
        for name in self._topics:
            # Known before joining: a leader that has not heard of a topic yet assigns nobody its
            # partitions (seen with kafka-python 3.0.12), and does not look again for minutes.
            self._consumer.partitions_for_topic(name)
        self._consumer.subscribe(topics=list(self._topics), listener=self._seeks)

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close(autocommit=False, timeout_ms=2_000)

    def seek(self, part: TopicPartition) -> None:
        """Go to where this partition was last known to have been read to."""
        self._consumer.seek(part, self._reached[self._part(part)])

    @property
    def assigned(self) -> list[Part]:
        """What the group has given this worker to read."""
        return sorted(self._part(part) for part in self._next)

    @property
    def was_reassigned(self) -> bool:
        """Whether what was read and not yet applied has to be dropped."""
        return self._changes != self._seeks.changes

    def go_on_from(self, positions: Mapping[Part, Position]) -> None:
        """Read on from PostgreSQL's positions, after the assignment has changed."""
        self._changes = self._seeks.changes
        self._next.clear()
        for part, position in positions.items():
            self._reached[part] = max(self._reached.get(part, 0), position.next_offset)
        for part in self._consumer.assignment():
            self._next[part] = positions[self._part(part)].next_offset
            self._consumer.seek(part, self._next[part])
        self._progress.assigned({self._part(part): at for part, at in self._next.items()})

    def poll(self, timeout_ms: int) -> list[Polled]:
        """Return what is next. Where nothing but control records stood, the records are empty."""
        found = self._consumer.poll(timeout_ms)
        try:
            ends = {part: self._consumer.position(part) for part in self._next}
        except (IllegalStateError, KeyError):  # the assignment is changing right now
            return []
        if self.was_reassigned:
            return []
        polled = []
        for part, end in ends.items():
            begin, records = self._next[part], found.get(part, [])
            if end is None or (end == begin and not records):
                continue
            if records and not begin <= records[0].offset <= records[-1].offset < end:
                raise StartAgain(f"{part.topic} partition {part.partition} was read out of turn")
            topic, partition = self._part(part)
            epoch = records[-1].leader_epoch if records else -1
            move = Move(topic, partition, begin, end, epoch)
            polled.append(Polled(Topic(topic), partition, move, records))
            self._next[part] = end
            if records:
                self._progress.read(move, records[0].timestamp / 1000)
        return polled

    def applied(self, moves: list[Move]) -> None:
        """Note how far was applied, and tell Kafka now and then, for its dashboards."""
        for move in moves:
            self._reached[move.topic, move.partition] = move.next_offset
        self._progress.applied(moves)
        if time.monotonic() - self._committed_at >= _COMMIT_SECONDS:
            self._committed_at = time.monotonic()
            offsets = {part: self._reached[self._part(part)] for part in self._next}
            self._consumer.commit_async(
                {part: OffsetAndMetadata(offset, "", -1) for part, offset in offsets.items()}
            )

    def _part(self, part: TopicPartition) -> Part:
        return self._topics[part.topic].value, part.partition
