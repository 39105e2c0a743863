"""After a restore: own events that stand on the topics but not in the store are copied back.

A backup is a prefix of the store, and a topic is filled in the store's order, so either the topic
is a prefix of the log in the store, or the store's log is a prefix of the topic's. What the store
lacks is therefore the end of the topic's log, without a hole, and gets its old log indexes again.

Decision numbers are not on the wire. The events get the next ones of their case, in the order of
their logs, the two topics merged by `recorded_at`. The order between two topics of one case may
differ from the first time, which no fold can see: the shared and the national plane never read
each other. Idempotency keys are not on the wire either and stay lost.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from eventsourcing.persistence import StoredEvent

from events.codec import decode
from events.errors import RecordRejected, ServiceUnavailable
from events.stamp import Event
from ledger.case.case import Topic
from ledger.mapper import topic_name
from ledger.recorder import Append
from ledger.relaying.own_log import OwnLog
from ledger.relaying.source import Source
from ledger.store import Store

#: Rows of one transaction.
_CHUNK = 500


class Absent(NamedTuple):
    """An own event that the store lacks."""

    plane: Topic
    event: Event
    value: bytes


def copy_back(
    store: Store,
    source: Source,
    logs: Sequence[OwnLog],
    *,
    stored: Sequence[int],
    progress: Callable[[], None],
) -> int:
    """Add what the topics hold and the store lacks; return how many events that was.

    `stored` says for each log how many of its events the store has; `progress` is called after
    each transaction. RecordRejected if an event is neither here nor there.
    """
    for log, have in zip(logs, stored, strict=True):
        _require_no_hole(log, have)
    merged = heapq.merge(*map(_absent, logs), key=lambda one: one.event.recorded_at)
    copied = 0
    while chunk := list(islice(merged, _CHUNK)):
        append = Append(_rows(chunk, source))
        store.append_all([append])
        if append.taken:
            raise ServiceUnavailable("somebody decides while the store is not complete")
        copied += len(chunk)
        progress()
    return copied


def _rows(chunk: Sequence[Absent], source: Source) -> list[StoredEvent]:
    """Give each event the next decision number of its case."""
    numbers = source.last_numbers([one.event.case_id for one in chunk])
    rows = []
    for plane, event, value in chunk:
        number = numbers[event.case_id] = numbers.get(event.case_id, 0) + 1
        rows.append(StoredEvent(event.case_id, number, topic_name(plane, event), value))
    return rows


def _require_no_hole(log: OwnLog, stored: int) -> None:
    missing = set(range(stored, stored + len(log.absent))) - log.absent.keys()
    if missing:
        raise RecordRejected(
            f"event {min(missing)} of {log.name} is neither in the store nor on the topic",
            rule="log_index",
        )


def _absent(log: OwnLog) -> Iterator[Absent]:
    for _, value in sorted(log.absent.items()):
        yield Absent(log.plane, decode(value), value)
