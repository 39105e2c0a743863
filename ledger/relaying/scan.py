"""What really stands on the topics: the tail is read up to the end before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from events.codec import read_stamp
from events.contract import partition_of
from events.errors import RecordRejected
from events.stamp import leaf_hash
from ledger.fetching import SafeConsumer
from ledger.relaying.clients import CONSUMER
from ledger.relaying.own_log import OwnLog

_POLL_MS = 200


def scan(
    bootstrap: str,
    client: Mapping[str, Any],
    log: OwnLog,
    *,
    stored: int,
    progress: Callable[[], None],
) -> None:
    """Find this country's events between the hint and the end of a topic.

    The end is the high watermark read after `init_transactions`: what the last relay had begun is
    over, and waiting for that end (not for the last stable offset) sees our records even while
    another country's transaction is open. `stored` is how many events of the topic the store has.
    """
    consumer = SafeConsumer(bootstrap_servers=bootstrap, **CONSUMER, **client)
    ends = log.ends
    try:
        starts = {p: log.next_offsets.get(p.partition, 0) for p in log.topic.places}
        behind = {place for place, start in starts.items() if start < ends[place.partition]}
        consumer.assign(sorted(behind))
        for place in behind:
            consumer.seek(place, starts[place])
        while behind:
            for records in consumer.poll(_POLL_MS).values():
                for record in records:
                    _take(log, record, stored)
                progress()
            behind = {p for p in behind if consumer.position(p) < ends[p.partition]}
    finally:
        consumer.close()


def _take(log: OwnLog, record: Any, stored: int) -> None:
    """Keep a record if it is ours: said so by its stamp, and proven by its signature.

    Only where a reader takes it for our event, too: anybody can put a copy where it is noise, and
    an event of which there are such copies only has not been published.
    """
    try:
        stamp = read_stamp(record.value or b"")
    except RecordRejected:
        return  # noise; readers keep it and count it
    partition = partition_of(stamp.case_id, log.topic.partitions)
    there = (log.country, stamp.case_id.bytes, partition)
    if (stamp.origin, record.key, record.partition) != there:
        return
    index = log.index_of(record.headers, leaf_hash(record.value))
    if index is not None and index >= log.place.rank:
        log.find(index, record.value, stored=stored)
