"""Reading topics again, from their first record, to compare them with the mirror."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from consumers.settings import WorkerSettings
from consumers.start import STRICT
from consumers.translation import translated
from events.errors import ServiceUnavailable
from ledger.fetching import SafeConsumer
from ledger.mirror.verifying import Verified, verify
from projections import generation, positions
from projections.generation import schema_of

_SILENCE_SECONDS = 30.0


def verify_all(settings: WorkerSettings) -> list[Verified]:
    """Compare every partition's mirror with its topic, up to where this country has read.

    ServiceUnavailable if Kafka does not give the records; StartAgain if a server fails.
    """
    found: list[Verified] = []
    with translated(), psycopg.connect(settings.dsn, autocommit=True) as database:
        number = generation.current(database)
        if number is None:
            raise ServiceUnavailable("no worker has run yet: nothing is mirrored")
        reached = positions.read(database, schema_of(number))
        for cluster, topics in settings.clusters:
            for topic in topics:
                for at in range(settings.agreement.partitions):
                    end = reached[topic.value, at].next_offset
                    part = TopicPartition(settings.name_of(topic), at)
                    records = read_topic(cluster, part, end)
                    found.append(verify(database, topic.value, at, records, end))
    return found


def read_topic(
    cluster: Mapping[str, Any], part: TopicPartition, end: int, *, begin: int = 0
) -> Iterator[ConsumerRecord]:
    """Yield the committed records of a partition from an offset on and below another, in order.

    ServiceUnavailable if Kafka does not give them.
    """
    consumer = SafeConsumer(**cluster, **STRICT, max_poll_records=2_000, metrics_enabled=False)
    try:
        consumer.assign([part])
        consumer.seek(part, begin)
        silent_since = time.monotonic()
        while consumer.position(part) < end:
            records = consumer.poll(500).get(part, [])
            yield from (record for record in records if record.offset < end)
            if records:
                silent_since = time.monotonic()
            elif time.monotonic() - silent_since > _SILENCE_SECONDS:
                raise ServiceUnavailable(f"{part.topic} gives no records up to offset {end}")
    finally:
        consumer.close()
