"""What has to hold before a worker reads on: the topics are the ones that were read until now.

A topic that was made anew, cut short or restored begins again at offset 0, and a reader that only
knows offsets would skip or mix histories without a word. So identity, epoch, both ends and the
last mirrored record of every partition are compared, and a difference is for a person.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec
from psycopg import Connection

from events.errors import Misconfigured, StartAgain
from events.stamp import leaf_hash
from ledger.case.case import Topic
from ledger.fetching import SafeConsumer
from ledger.reaching import admin_client
from projections import positions
from projections.positions import Part, Position

_TAIL_SECONDS = 15.0
#: Every reader of a topic: only what is committed, and never a guess where to begin.
STRICT: Mapping[str, Any] = {
    "isolation_level": "read_committed",
    "auto_offset_reset": "none",
    "enable_auto_commit": False,
    "allow_auto_create_topics": False,
    "check_crcs": True,
    "reconnect_backoff_max_ms": 1_000,
}


def prepare(
    connection: Connection[Any],
    schema: str,
    cluster: Mapping[str, Any],
    names: Mapping[Topic, str],
    *,
    partitions: int,
) -> dict[Part, Position]:
    """Return where each partition is to be read on; begin with those that were never read.

    Misconfigured if a topic is missing or is not the one that was read before.
    """
    with asking(cluster) as admin:
        there = _described(admin, names, partitions)
        _require_ends(connection, schema, admin, names, there)
    known = positions.read(connection, schema)
    _require_tail(connection, schema, cluster, names)
    return {part: position for part, position in known.items() if part[0] in names}


def described(
    admin: KafkaAdminClient, names: Sequence[str], partitions: int
) -> Mapping[str, Mapping[str, Any]]:
    """Return what Kafka says of some topics, by name; Misconfigured if one is not as agreed."""
    topics = {row["name"]: row for row in admin.describe_topics(list(names))}
    for name in names:
        row = topics.get(name)
        if row is None or row["error_code"]:
            raise Misconfigured(f"topic {name} does not exist on this cluster", rule="topic_exists")
        if len(row["partitions"]) != partitions:
            raise Misconfigured(
                f"topic {name} has {len(row['partitions'])} partitions, the agreement says"
                f" {partitions}",
                rule="partitions",
            )
    return topics


def _described(
    admin: KafkaAdminClient, names: Mapping[Topic, str], partitions: int
) -> dict[Part, tuple[UUID, int]]:
    """Return topic id and leader epoch of every partition."""
    found: dict[Part, tuple[UUID, int]] = {}
    rows = described(admin, list(names.values()), partitions)
    for topic, name in names.items():
        row = rows[name]
        for one in row["partitions"]:
            part = (topic.value, int(one["partition_index"]))
            found[part] = (UUID(row["topic_id"]), int(one["leader_epoch"]))
    return found


def _require_ends(
    connection: Connection[Any],
    schema: str,
    admin: KafkaAdminClient,
    names: Mapping[Topic, str],
    there: Mapping[Part, tuple[UUID, int]],
) -> None:
    parts = {TopicPartition(names[Topic(topic)], at): (topic, at) for topic, at in there}
    first = admin.list_partition_offsets(dict.fromkeys(parts, OffsetSpec.EARLIEST))
    last = admin.list_partition_offsets(dict.fromkeys(parts, OffsetSpec.LATEST))
    fresh = [Position(*part, there[part][0], 0, there[part][1]) for part in there]
    positions.begin(connection, schema, fresh)
    known = positions.read(connection, schema)
    for named, part in parts.items():
        topic_id, epoch = there[part]
        position = known[part]
        where = f"{named.topic} partition {named.partition}"
        if position.topic_id != topic_id:
            raise Misconfigured(
                f"{where} was read as topic {position.topic_id} and is {topic_id} now: it was made"
                " anew; restore it, or begin this node's mirror again",
                rule="topic_id",
            )
        begin, end = first[named].offset, last[named].offset
        if not begin <= position.next_offset <= end:
            raise Misconfigured(
                f"{where} holds offsets {begin} to {end}, and {position.next_offset} is next:"
                " records are missing from it",
                rule="log_complete",
            )
        if epoch < position.leader_epoch:
            raise Misconfigured(
                f"{where} is in leader epoch {epoch}, and was read in {position.leader_epoch}:"
                " the cluster went back",
                rule="leader_epoch",
            )


def _require_tail(
    connection: Connection[Any],
    schema: str,
    cluster: Mapping[str, Any],
    names: Mapping[Topic, str],
) -> None:
    """Compare the last mirrored record of each partition with what stands there now."""
    rows = connection.execute(_TAIL.format(schema=schema), ([str(topic) for topic in names],))
    tail = {
        TopicPartition(names[Topic(topic)], partition): (offset, leaf)
        for topic, partition, offset, leaf in rows
    }
    if not tail:
        return
    consumer = SafeConsumer(**cluster, **STRICT)
    try:
        consumer.assign(list(tail))
        for part, (offset, _) in tail.items():
            consumer.seek(part, offset)
        found = _first_of_each(consumer, set(tail))
    finally:
        consumer.close()
    for part, expected in tail.items():
        if found[part] != expected:
            raise Misconfigured(
                f"{part.topic} partition {part.partition} holds another record at offset"
                f" {expected[0]} than this node mirrored: the log was cut and written anew",
                rule="log_tail",
            )


def _first_of_each(
    consumer: SafeConsumer, missing: set[TopicPartition]
) -> dict[TopicPartition, tuple[int, bytes]]:
    found: dict[TopicPartition, tuple[int, bytes]] = {}
    until = time.monotonic() + _TAIL_SECONDS
    while missing:
        if time.monotonic() > until:
            raise StartAgain("Kafka did not give the last mirrored records in time")
        for part, records in consumer.poll(200).items():
            found.setdefault(part, (records[0].offset, leaf_hash(records[0].value or b"")))
            missing.discard(part)
            consumer.pause(part)
    return found


@contextmanager
def asking(cluster: Mapping[str, Any]) -> Iterator[KafkaAdminClient]:
    """Give a client that asks a cluster about its topics; it is closed afterwards."""
    admin = admin_client(**cluster)
    try:
        yield admin
    finally:
        admin.close()


_TAIL = """
SELECT position.topic, position.partition, last."offset", last.leaf
FROM {schema}.position AS position, LATERAL (
    SELECT "offset", leaf FROM mirror.record AS record
    WHERE record.topic = position.topic AND record.partition = position.partition
    ORDER BY "offset" DESC LIMIT 1
) AS last
WHERE position.topic = ANY(%b::text[])
"""
