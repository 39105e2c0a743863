"""What a worker is told. Only node/ reads it from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from events.agreement import Agreement
from ledger.case.case import Topic
from ledger.keys.national import NationalKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """One worker of one country."""

    agreement: Agreement
    country: str
    #: PostgreSQL of the country, as a member of `ledger_project`.
    dsn: str = field(repr=False)
    #: Arguments of every Kafka client: bootstrap_servers and security.
    kafka: Mapping[str, Any] = field(repr=False)
    #: The same for the country's own cluster, if its national topic stands there.
    national_kafka: Mapping[str, Any] | None = field(default=None, repr=False)
    #: Open the envelopes of the national topic.
    national_keys: NationalKeys | None = field(default=None, repr=False)
    topics: tuple[Topic, ...] = (Topic.SHARED, Topic.NATIONAL)
    #: Which of the country's workers this is. Kafka gives the partitions of a worker that was
    #: killed to the next one of its number at once, instead of waiting for it to come back.
    number: int = 1
    #: Most records of one transaction.
    batch_records: int = 1_000
    #: With so many records to read, they are proven by a cosigned root, if there is one.
    prove_from: int = 10_000
    #: Longest wait for a record; a stop is noticed after it.
    poll_ms: int = 250
    #: A worker that is silent for so long within a batch loses its session, and with it its locks.
    idle_s: float = 30
    #: So long it waits for another's locks: longer than it takes until a lost worker's are free.
    lock_s: float = 60
    #: So long a step may take before the process ends, and another one begins.
    step_s: float = 120

    def name_of(self, topic: Topic) -> str:
        """Return Kafka's name of a topic."""
        if topic is Topic.SHARED:
            return self.agreement.shared_topic
        return self.agreement.national_topic(self.country)

    def group_of(self, topics: tuple[Topic, ...]) -> str:
        """Return the consumer group in which the country's workers share these topics."""
        read = "-".join(topic.value for topic in topics)
        return f"{self.agreement.prefix}.{self.country}.worker.{read}"

    @property
    def clusters(self) -> list[tuple[Mapping[str, Any], tuple[Topic, ...]]]:
        """The clusters to read, each with the topics that stand on it."""
        if self.national_kafka is None:
            return [(self.kafka, self.topics)]
        own = {Topic.SHARED: self.kafka, Topic.NATIONAL: self.national_kafka}
        return [(own[topic], (topic,)) for topic in self.topics]
