"""Capsules on the grants topic: put there by their sender, taken from there by their recipient.

The topic is compacted and keyed by grant. A capsule that is sent twice is the same capsule; one
that is gone is a tombstone. Who may read it cannot open it without the recipient's one-time key.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from kafka import KafkaProducer, TopicPartition

from consumers.mail import ACKNOWLEDGED_S, CONSUMER, PRODUCER
from consumers.start import STRICT
from consumers.translation import translated
from events.contract import GRANT_SWEEP, partition_of
from ledger.fetching import SafeConsumer

_POLL_MS = 250
#: So many different values under one grant are kept until its capsule has been found among them.
#: Later ones wait outside: otherwise a stranger would push the right one out.
_MOST_VALUES = 64


class GrantMail:
    """The grants topic of an agreement, for one country's reactor."""

    def __init__(self, cluster: Mapping[str, Any], topic: str, partitions: int) -> None:
        self._topic = topic
        self._partitions = partitions
        self._cluster = cluster
        self._producer: Any = None
        self._lock = threading.Lock()
        self._there: dict[UUID, list[bytes]] = {}
        #: Grants under which the last that came was a tombstone.
        self._ended: set[UUID] = set()

    def close(self) -> None:
        """End after a clean stop."""
        if self._producer is not None:
            self._producer.close(timeout=2)

    def put(self, grant_id: UUID, value: bytes | None) -> None:
        """Put a capsule on the topic, or a tombstone; return when the topic has it. StartAgain."""
        with translated():
            partition = partition_of(grant_id, self._partitions)
            self._send(grant_id.bytes, value, partition).get(timeout=ACKNOWLEDGED_S)

    def sweep(self) -> None:
        """Write once to every partition: compaction takes nothing away where nothing comes in."""
        with translated():
            sent = [self._send(GRANT_SWEEP, None, at) for at in range(self._partitions)]
            for one in sent:
                one.get(timeout=ACKNOWLEDGED_S)

    def values(self, grant_id: UUID) -> tuple[bytes, ...]:
        """Return what has been read under a grant, oldest first: whoever may write wrote it."""
        with self._lock:
            return tuple(self._there.get(grant_id, ()))

    def drop(self, grants: Iterable[UUID]) -> None:
        """Forget capsules that are not needed any more."""
        with self._lock:
            for grant_id in grants:
                self._there.pop(grant_id, None)
                self._ended.discard(grant_id)

    def refuse(self, grant_id: UUID, values: Collection[bytes]) -> None:
        """Forget values that are not the grant's capsule: they leave room for it."""
        with self._lock:
            kept = [one for one in self._there.get(grant_id, ()) if one not in values]
            self._there[grant_id] = kept

    def tidy(self, awaited: Collection[UUID]) -> None:
        """Forget what tombstones took off the topic, but for grants that are still waited for.

        Whoever may write there may write a tombstone: it does not say that a grant has ended.
        """
        with self._lock:
            for grant_id in self._ended.difference(awaited):
                self._there.pop(grant_id, None)
                self._ended.discard(grant_id)

    def read(self, stop: threading.Event, news: Callable[[UUID], None]) -> None:
        """Read the topic from its beginning on, until told to stop; tell of each capsule."""
        with translated():
            consumer = SafeConsumer(**self._cluster, **STRICT, **CONSUMER)
            try:
                parts = [TopicPartition(self._topic, at) for at in range(self._partitions)]
                consumer.assign(parts)
                consumer.seek_to_beginning(*parts)
                while not stop.is_set():
                    for records in consumer.poll(_POLL_MS).values():
                        for record in records:
                            self._take(record, news)
            finally:
                consumer.close()

    def _send(self, key: bytes, value: bytes | None, partition: int) -> Any:
        if self._producer is None:
            self._producer = KafkaProducer(**self._cluster, **PRODUCER)
        return self._producer.send(self._topic, key=key, value=value, partition=partition)

    def _take(self, record: Any, news: Callable[[UUID], None]) -> None:
        """Keep a capsule. A record whose key is no grant is nobody's, and is passed over.

        Which of several values under a grant is its capsule, its sender's signed event says.
        """
        if record.key is None or len(record.key) != 16 or record.key == GRANT_SWEEP:
            return
        grant_id = UUID(bytes=record.key)
        with self._lock:
            if record.value is None:
                if grant_id in self._there:
                    self._ended.add(grant_id)
                return
            self._ended.discard(grant_id)
            kept = self._there.setdefault(grant_id, [])
            if record.value not in kept and len(kept) < _MOST_VALUES:
                kept.append(record.value)
        news(grant_id)
