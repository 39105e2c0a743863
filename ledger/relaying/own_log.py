"""This country's log of one topic: which of its events stand there, and which come next.

The log index of an event is its rank in the store among the events of its topic: it can be
computed again at any time and is never assigned, so a torn transaction leaves no wrong number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from events.contract import LOG, LOG_HEADER_BYTES, log_name, only_header, split_log_header
from events.errors import RecordRejected
from events.stamp import leaf_hash
from ledger.case.case import Topic
from ledger.log.signature import LogVerifier
from ledger.topics import Found

Headers = Sequence[tuple[str, bytes | None]]


class Place(NamedTuple):
    """How far the topic is known to hold the log."""

    #: Everything up to this row of the store stands on the topic.
    notification_id: int = 0
    #: So many events: the next log index.
    rank: int = 0


NOWHERE = Place()


@dataclass
class OwnLog:
    """What the relay knows of one log while it runs."""

    plane: Topic
    topic: Found
    country: str
    verifiers: tuple[LogVerifier, ...]
    place: Place = NOWHERE
    #: Where to begin to look at the next start, by partition.
    next_offsets: dict[int, int] = field(default_factory=dict)
    #: How far we have read or written: high watermarks at the start, then what was acknowledged.
    ends: dict[int, int] = field(default_factory=dict)
    #: Log index -> leaf hash of events found on the topic beyond `place`.
    found: dict[int, bytes] = field(default_factory=dict)
    #: Log index -> bytes of events found on the topic that the store lacks.
    absent: dict[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.name = log_name(self.topic.name, self.country)

    def index_of(self, headers: Headers, leaf: bytes) -> int | None:
        """Return the log index under which we signed this record, or None if we did not."""
        header = only_header(headers, LOG)
        if len(header) != LOG_HEADER_BYTES:
            return None
        index, signature = split_log_header(header)
        ours = any(one.is_signed(self.name, index, leaf, signature) for one in self.verifiers)
        return index if ours else None

    def find(self, index: int, value: bytes, *, stored: int) -> None:
        """Take note of an own event on the topic; the store has `stored` events of this topic."""
        leaf = leaf_hash(value)
        if self.found.setdefault(index, leaf) != leaf:
            raise RecordRejected(f"{self.name} holds two events of index {index}", rule="log_index")
        if index >= stored:
            self.absent[index] = value

    def is_there(self, index: int, value: bytes) -> bool:
        """Say whether an event stands on the topic already; RecordRejected if another one does."""
        leaf = self.found.pop(index, None)
        if leaf is not None and leaf != leaf_hash(value):
            raise RecordRejected(
                f"{self.name} holds another event of index {index} than the store",
                rule="log_index",
            )
        return leaf is not None

    def written(self, partition: int, offset: int) -> None:
        """Note where a record of ours was acknowledged."""
        self.ends[partition] = max(self.ends.get(partition, 0), offset + 1)

    def moved(self, place: Place) -> None:
        """Note that everything up to a place stands on the topic, committed."""
        self.place = place
        # What was found and not yet named stands below the ends: a start that began to look
        # there would publish it again.
        if not self.found:
            for partition, end in self.ends.items():
                self.next_offsets[partition] = max(self.next_offsets.get(partition, 0), end)
            self.ends = {}


def hint_contradicts(
    topic: Found, topic_id: UUID, offsets: Mapping[int, int], ends: Mapping[int, int]
) -> str | None:
    """Return what is wrong with the topic if it is not the one that the hint was taken from."""
    if topic_id != topic.topic_id:
        return f"topic {topic.name} was made anew: what had been published is gone"
    for partition, offset in offsets.items():
        if offset > ends[partition]:
            return f"topic {topic.name} lost records of partition {partition}"
    return None
