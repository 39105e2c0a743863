"""The process that proves a whole topic by its logs' signed roots, beside a worker that catches up.

It reads the notes, then the topic from its first record, hashes what it finds, and recomputes each
log's tree. That costs half of checking every signature. It decides nothing: a worker still
examines each record by itself, and what is not proven here is checked by its signature.

`python -m consumers.proving PIPE` is told its job on the pipe: a password is no argument.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from kafka import IsolationLevel, TopicPartition
from kafka.admin import OffsetSpec

from consumers.cosigned import Trust, cosigned
from consumers.examination import Arrived
from consumers.start import asking
from consumers.translation import translated
from consumers.verification import read_topic
from events.contract import LOG, LOG_HEADER_BYTES, only_header, split_log_header
from events.errors import LedgerError, StartAgain
from events.stamp import leaf_hash
from ledger.log.child import pipe_of
from ledger.log.proven import Extent, Places
from ledger.log.signature import LogVerifier

#: The newest notes: a day without news fills some thousands with repeats, all of the same size.
_NOTES = 20_000
_CHUNK = 1_000
#: Where the stamp of an event has its country: behind two ids, each with its length before it.
_ORIGIN = slice(84, 87)
_TWO_LETTERS = 4


class Asked(NamedTuple):
    """A log of a topic: who signs its events, whose word counts for its root, and a file."""

    origin: str
    trust: Trust
    log_keys: tuple[LogVerifier, ...]
    file: int


class Job(NamedTuple):
    """A topic that is to be proven."""

    cluster: Mapping[str, Any]
    topic: str
    partitions: int
    notes: str
    logs: Sequence[Asked]


def prove(job: Job, go_on: Callable[[], None] = lambda: None) -> Iterator[tuple[str, Extent]]:
    """Yield how far each log of a topic is proven, by its name; its file then holds the events.

    `go_on` is called now and then, and may raise. ServiceUnavailable, StartAgain or Misconfigured
    if Kafka does not give what is asked.
    """
    notes = [record.value or b"" for record in _newest_notes(job)]
    heads = cosigned(reversed(notes), [asked.trust for asked in job.logs])
    ends = _ends(job, job.topic, job.partitions)  # after the notes: all they count stands there
    most = sum(ends.values())
    places = {
        asked.origin: Places(asked.file, min(heads[asked.trust.log][-1].size, most))
        for asked in job.logs
        if most and heads[asked.trust.log]
    }
    if places:
        _read(job, ends, places, go_on)
    for asked in job.logs:
        table = places.get(asked.origin)
        found = Extent(0, "no_note") if table is None else table.prove(heads[asked.trust.log])
        yield asked.trust.log, found
    for table in places.values():
        table.close()


def _read(
    job: Job,
    ends: Mapping[TopicPartition, int],
    places: Mapping[str, Places],
    go_on: Callable[[], None],
) -> None:
    logs = {one.origin: (one, places[one.origin]) for one in job.logs if one.origin in places}
    for part, end in ends.items():
        records = read_topic(job.cluster, part, end)
        while chunk := list(islice(records, _CHUNK)):
            go_on()
            note(chunk, part.partition, logs)


def note(
    records: Iterable[Arrived], partition: int, logs: Mapping[str, tuple[Asked, Places]]
) -> None:
    """Note which place of its country's log each record of a partition claims; by country."""
    for record in records:
        found = logs.get(_origin_of(record.value))
        log = only_header(record.headers, LOG)
        if found is None or len(log) != LOG_HEADER_BYTES or record.value is None:
            continue
        asked, places = found
        index, signature = split_log_header(log)
        leaf = leaf_hash(record.value)
        is_signed = partial(_is_signed, asked, index, leaf, signature)
        places.note(index, leaf, partition, record.offset, is_signed)


def _origin_of(value: bytes | None) -> str:
    """Return whose event this is likely to be: a hint, and read ten times faster than the stamp.

    A wrong one costs a signature: what is proven for one country's log is asked for no other's.
    """
    found = b"" if value is None else value[_ORIGIN]
    return found[1:].decode("ascii", "replace") if found[:1] == bytes([_TWO_LETTERS]) else ""


def _is_signed(asked: Asked, index: int, leaf: bytes, signature: bytes) -> bool:
    return any(key.is_signed(asked.trust.log, index, leaf, signature) for key in asked.log_keys)


def _newest_notes(job: Job) -> Iterator[Any]:
    for part, end in _ends(job, job.notes, 1).items():
        yield from read_topic(job.cluster, part, end, begin=max(0, end - _NOTES))


def _ends(job: Job, topic: str, partitions: int) -> dict[TopicPartition, int]:
    parts = [TopicPartition(topic, at) for at in range(partitions)]
    latest = dict.fromkeys(parts, OffsetSpec.LATEST)
    with asking(job.cluster) as admin:
        found = admin.list_partition_offsets(latest, IsolationLevel.READ_COMMITTED)
    return {part: one.offset for part, one in found.items()}


def main() -> None:
    """Prove what the pipe asks for, and say how far it is proven; end when nobody listens."""
    pipe = pipe_of(sys.argv[1])
    jobs: Sequence[Job] = pipe.recv()

    def go_on() -> None:
        if pipe.poll(0):  # nothing more is ever asked: the other end is gone
            raise StartAgain("nobody waits for what is proven")

    with suppress(LedgerError, OSError), translated():  # the worker does without
        for job in jobs:
            for answer in prove(job, go_on):
                pipe.send(answer)


if __name__ == "__main__":
    main()
