"""Signed notes on the checkpoints topics: put there by sealers and witnesses, read by everybody.

A topic of notes has one partition, so it has one order. Whoever may write there may write anything:
what counts is what is signed, and that is judged by whoever reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from kafka import KafkaProducer, TopicPartition

from consumers.mail import ACKNOWLEDGED_S, CONSUMER, PRODUCER
from consumers.start import STRICT, asking, described
from consumers.translation import translated
from events.contract import NOTE_PARTITIONS
from ledger.fetching import SafeConsumer


class NoteTopic(NamedTuple):
    """A topic of notes, and how to reach the cluster on which it stands."""

    name: str
    cluster: Mapping[str, Any]


class Read(NamedTuple):
    """A record of a topic of notes."""

    offset: int
    text: bytes


class NotePost(Protocol):
    """Where notes are put."""

    def put(self, topic: NoteTopic, key: str, note: bytes) -> None:
        """Put a note on a topic; return when the topic has it."""


class NoteWriter:
    """Puts notes on topics; one client for each cluster."""

    def __init__(self) -> None:
        self._producers: dict[str, Any] = {}

    def put(self, topic: NoteTopic, key: str, note: bytes) -> None:
        """Put a note there; return when the topic has it. StartAgain."""
        with translated():
            at = str(topic.cluster["bootstrap_servers"])
            if at not in self._producers:
                self._producers[at] = KafkaProducer(**topic.cluster, **PRODUCER)
            sent = self._producers[at].send(topic.name, key=key.encode(), value=note, partition=0)
            sent.get(timeout=ACKNOWLEDGED_S)

    def close(self) -> None:
        """End after a clean stop."""
        for producer in self._producers.values():
            producer.close(timeout=2)


class NoteReader:
    """Reads one topic of notes from an offset on."""

    def __init__(self, topic: NoteTopic) -> None:
        """Find the topic. Misconfigured if it is not there."""
        self.topic = topic
        self._place = TopicPartition(topic.name, 0)
        with asking(topic.cluster) as admin:
            found = described(admin, [topic.name], NOTE_PARTITIONS)[topic.name]
        self.topic_id = UUID(str(found["topic_id"]))
        self._consumer: Any = None

    def begin(self, offset: int) -> None:
        """Read on from an offset; from the beginning, if the topic does not reach so far."""
        with translated():
            self._consumer = SafeConsumer(**self.topic.cluster, **STRICT, **CONSUMER)
            self._consumer.assign([self._place])
            begin = self._consumer.beginning_offsets([self._place])[self._place]
            end = self._consumer.end_offsets([self._place])[self._place]
            self._consumer.seek(self._place, offset if begin <= offset <= end else begin)

    def poll(self, wait_ms: int) -> Iterator[Read]:
        """Yield what has come since, in order."""
        with translated():
            for record in self._consumer.poll(wait_ms).get(self._place, []):
                yield Read(record.offset, record.value or b"")

    def close(self) -> None:
        """Leave."""
        if self._consumer is not None:
            self._consumer.close()
