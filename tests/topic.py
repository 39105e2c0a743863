"""A topic as anybody may read it, and as somebody with a producer may write it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from events.agreement import Agreement
from events.contract import log_name, split_log_header
from events.stamp import leaf_hash
from ledger import topics
from ledger.log.signature import LogVerifier


def records(bootstrap: str, topic: str, *, isolation: str = "read_committed") -> list[Any]:
    """Return every record of a topic, partition by partition, in order."""
    with topics.admin(bootstrap) as cluster:
        (described,) = cluster.describe_topics([topic])
        places = [TopicPartition(topic, row["partition_index"]) for row in described["partitions"]]
        found = topics.Found(topic, described["topic_id"], len(places))
        ends = topics.ends(cluster, found)
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level=isolation,
        auto_offset_reset="none",
        enable_auto_commit=False,
    )
    try:
        consumer.assign(places)
        read: dict[int, list[Any]] = {place.partition: [] for place in places}
        for place in places:
            consumer.seek(place, 0)
        while any(consumer.position(place) < ends[place.partition] for place in places):
            for place, batch in consumer.poll(100).items():
                read[place.partition] += batch
        return [record for partition in sorted(read) for record in read[partition]]
    finally:
        consumer.close()


def log_of(agreement: Agreement, country: str, topic: str, found: Sequence[Any]) -> list[int]:
    """Return the log indexes of a country's records, each proven by its signature."""
    verifier = LogVerifier.parse(agreement.countries[country].log_keys[-1])
    indexes = []
    for record in found:
        index, signature = split_log_header(dict(record.headers)["log"])
        leaf = leaf_hash(record.value)
        if verifier.is_signed(log_name(topic, country), index, leaf, signature):
            indexes.append(index)
    return indexes


@contextmanager
def transaction(bootstrap: str, name: str) -> Iterator[KafkaProducer]:
    """Give a producer with an open transaction; it is committed at the end of the block."""
    producer = KafkaProducer(
        bootstrap_servers=bootstrap, transactional_id=name, transaction_timeout_ms=10_000
    )
    try:
        producer.init_transactions()
        producer.begin_transaction()
        yield producer
        producer.flush()
        producer.commit_transaction()
    finally:
        producer.close()
