"""Many signed histories: each story is decided once, then copied with other ids.

A copy differs from what was decided in its ids and in the hashes that follow from them, so it is
as legal as the original and costs microseconds. All stories are equally frequent, and the events
of a window of cases are shuffled, each case in its order: neighbours on a topic are strangers.
What is national is sealed in its envelope where it is stored: a copy is made of what is inside.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from bench.play import Play, Said
from bench.stories import STORIES
from events.agreement import Agreement
from events.codec import decode, encode
from events.contract import CE_TYPE, LOG, log_header, log_name, partition_of
from events.stamp import leaf_hash
from ledger.case.case import Topic
from ledger.keys.national import NationalKeys
from ledger.log.signature import LogSigner

#: Cases whose events are shuffled together.
WINDOW = 500
#: The country's own keys, if a benchmark has no others: they seal national events, and open them.
KEYS = NationalKeys.drawn()


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of a copied history."""

    topic: Topic
    origin: str
    case_id: UUID
    name: str
    #: What was decided, as it is encoded.
    value: bytes

    def carried(self, keys: NationalKeys = KEYS) -> bytes:
        """Return what stands in a store and on a topic: of a national event, its envelope."""
        if self.topic is Topic.SHARED:
            return self.value
        return encode(keys.envelope(decode(self.value)))


@dataclass(frozen=True, slots=True)
class Record:
    """An event as it stands on its topic."""

    partition: int
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    origin: str


class _Story:
    """A decided history, prepared for being copied."""

    def __init__(self, play: Play) -> None:
        self._said = play.said
        self._case = str(play.case_id).encode()
        self._ids = [_ids_in(said) - {self._case} for said in play.said]
        leaves = {said.leaf for said in play.said}
        self._seen = [said.event.seen if said.event.seen in leaves else None for said in play.said]

    def copy(self, drawn: random.Random) -> list[Entry]:
        """Return the history of another case to which the same happened."""
        case_id = UUID(int=drawn.getrandbits(128), version=4)
        ids = {self._case: str(case_id).encode()}
        leaves: dict[bytes, bytes] = {}
        entries = []
        for said, named, seen in zip(self._said, self._ids, self._seen, strict=True):
            value = said.value.replace(self._case, ids[self._case])
            for name in named:
                if name not in ids:
                    ids[name] = _like(name, drawn)
                value = value.replace(name, ids[name])
            if seen is not None:
                value = value.replace(seen, leaves[seen])
            leaves[said.leaf] = leaf_hash(value)
            kind = type(said.event).__name__
            entries.append(Entry(said.topic, said.event.origin, case_id, kind, value))
        return entries


def _ids_in(said: Said) -> set[bytes]:
    """Return the ids that stand in an event, as they stand there."""
    names = (getattr(said.event, name) for name in said.event.__dataclass_fields__)
    return {str(value).encode() for value in names if isinstance(value, UUID)}


def _like(name: bytes, drawn: random.Random) -> bytes:
    """Return another id of the same kind; of version 7 the time stays."""
    made = str(UUID(int=drawn.getrandbits(128), version=4)).encode()
    return name[:15] + made[15:] if name[14:15] == b"7" else made


def entries(*, seed: int = 0, stories: Sequence[Callable[[], Play]] = STORIES) -> Iterator[Entry]:
    """Give events of ever new cases, without end; the same seed gives cases of the same ids."""
    drawn = random.Random(seed)
    prepared = [_Story(story()) for story in stories]
    while True:
        window = [prepared[n % len(prepared)].copy(drawn)[::-1] for n in range(WINDOW)]
        turns = [case for case in window for _ in case]
        drawn.shuffle(turns)
        for case in turns:
            yield case.pop()


def whole_cases(count: int, story: Callable[[], Play]) -> list[Entry]:
    """Return so many complete cases to which the same happened, one after the other."""
    drawn, told = random.Random(count), _Story(story())
    return [entry for _ in range(count) for entry in told.copy(drawn)]


def shared_entries(count: int, *, seed: int = 0) -> Iterator[Entry]:
    """Give so many shared events."""
    shared = (entry for entry in entries(seed=seed) if entry.topic is Topic.SHARED)
    return (entry for entry, _ in zip(shared, range(count), strict=False))


def records(
    count: int, agreement: Agreement, signers: Mapping[str, LogSigner], *, seed: int = 0
) -> Iterator[Record]:
    """Give so many records of an agreement's shared topic, signed by their origins' log keys."""
    topic = agreement.shared_topic
    ranks: Counter[str] = Counter()
    for entry in shared_entries(count, seed=seed):
        rank = ranks[entry.origin]
        ranks[entry.origin] += 1
        log = log_name(topic, entry.origin)
        signature = signers[entry.origin].sign(log, rank, leaf_hash(entry.value))
        yield Record(
            partition=partition_of(entry.case_id, agreement.partitions),
            key=entry.case_id.bytes,
            value=entry.value,
            headers=[(CE_TYPE, entry.name.encode()), (LOG, log_header(rank, signature))],
            origin=entry.origin,
        )
