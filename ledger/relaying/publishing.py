"""From rows to records, and records to their topics in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from kafka import KafkaProducer

from events.codec import MAX_EVENT_BYTES
from events.contract import CE_TYPE, LOG, NATIONAL_EVENT, log_header, partition_of
from events.errors import EventTooLarge, RecordRejected
from events.stamp import leaf_hash
from ledger.case.case import Topic
from ledger.relaying.clients import PRODUCER, TRANSACTION_BYTES
from ledger.relaying.own_log import OwnLog, Place
from ledger.relaying.signing import Statement
from ledger.relaying.source import Row

#: Where a test may end the process: called with the name of each step when it is done.
At = Callable[[str], None]

_FLUSH_S = 9.5
_ACKNOWLEDGED_S = 1.0


class Record(NamedTuple):
    """One event on its way to its topic."""

    log: OwnLog
    log_index: int
    partition: int
    key: bytes
    value: bytes
    ce_type: str

    @property
    def statement(self) -> Statement:
        """What this country signs about it."""
        return self.log.name, self.log_index, leaf_hash(self.value)


class Batch(NamedTuple):
    """What one transaction carries, and how far each log stands on its topic afterwards."""

    records: Sequence[Record]
    after: Mapping[Topic, Place]
    #: Rows that the batch accounts for, those that were on the topic already included.
    rows: Sequence[Row]


def batch_of(
    rows: Sequence[Row], logs: Mapping[Topic, OwnLog], places: Mapping[Topic, Place]
) -> Batch:
    """Make records of the next rows; leave out those that a log holds already."""
    ranks = {plane: place.rank for plane, place in places.items()}
    records: list[Record] = []
    size = taken = 0
    for row in rows:
        plane, _, name = row.topic.partition("/")
        log = logs[Topic(plane)]
        if row.id > places[log.plane].notification_id:
            index = ranks[log.plane]
            if not log.is_there(index, row.state):
                records.append(_record(log, index, row, name))
                size += len(row.state)
            ranks[log.plane] = index + 1
        taken += 1
        if size >= TRANSACTION_BYTES:
            break
    last = rows[taken - 1].id if taken else 0
    after = {
        plane: Place(max(place.notification_id, last), ranks[plane])
        for plane, place in places.items()
    }
    return Batch(records, after, rows[:taken])


def _record(log: OwnLog, index: int, row: Row, name: str) -> Record:
    if len(row.state) > MAX_EVENT_BYTES:
        raise EventTooLarge(f"event {index} of {log.name} has {len(row.state)} bytes")
    return Record(
        log=log,
        log_index=index,
        partition=partition_of(row.case_id, log.topic.partitions),
        key=row.case_id.bytes,
        value=row.state,
        ce_type=name if log.plane is Topic.SHARED else NATIONAL_EVENT,
    )


class Publisher:
    """One transactional producer; of no use after a failure."""

    def __init__(
        self, bootstrap: str, transactional_id: str, client: Mapping[str, Any], at: At
    ) -> None:
        self._producer = KafkaProducer(
            bootstrap_servers=bootstrap, transactional_id=transactional_id, **PRODUCER, **client
        )
        self._at = at

    def fence(self) -> None:
        """End whatever an earlier relay of this country had begun, and keep it from writing."""
        self._producer.init_transactions()

    def publish(
        self,
        records: Sequence[Record],
        signatures: Sequence[bytes],
        meanwhile: Callable[[], None],
    ) -> None:
        """Put records on their topics, all or none, and learn their offsets.

        `meanwhile` is called while they are under way. Any exception means that nobody knows
        what became of them: the process has to end.
        """
        self._producer.begin_transaction()
        self._at("begun")
        pairs = zip(records, signatures, strict=True)
        sent = [(record, self._send(record, signature)) for record, signature in pairs]
        self._at("sent")
        meanwhile()
        # A commit can return with records lost, so each of them has to be acknowledged first.
        # flush() has no opinion on failures, but its absence costs twenty times the batches.
        self._producer.flush(timeout=_FLUSH_S)
        self._at("flushed")
        for record, future in sent:
            written = future.get(timeout=_ACKNOWLEDGED_S)
            if (written.topic, written.partition) != (record.log.topic.name, record.partition):
                raise RecordRejected(f"a record of {record.log.name} went to another partition")
            record.log.written(record.partition, written.offset)
        self._at("acknowledged")
        self._producer.commit_transaction()
        self._at("committed")

    def close(self) -> None:
        """End after a clean stop: nothing is under way."""
        self._producer.close(timeout=2)

    def _send(self, record: Record, signature: bytes) -> Any:
        header = log_header(record.log_index, signature)
        return self._producer.send(
            record.log.topic.name,
            value=record.value,
            key=record.key,
            partition=record.partition,
            headers=[(CE_TYPE, record.ce_type.encode()), (LOG, header)],
        )
