"""Ways to tamper with a partition's file on the broker's disk; every checksum is right again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import NamedTuple

from events.codec import read_stamp
from events.contract import log_header, log_name, split_log_header
from events.errors import RecordRejected
from events.stamp import leaf_hash
from ledger.log.signature import LogSigner
from tests.segments import Batch, Raw

THIEF = LogSigner("KZ-log", bytes(32))


class Segment(NamedTuple):
    """What stands in the file, and how the topic is called."""

    topic: str
    batches: list[Batch]
    chance: Random

    @property
    def data(self) -> list[int]:
        """Places of the batches that hold events."""
        return [at for at, batch in enumerate(self.batches) if not batch.is_control]

    @property
    def ends(self) -> list[int]:
        """Places of the ends of transactions. A busy producer sends one in several batches."""
        return [at for at, batch in enumerate(self.batches) if batch.is_control]

    def records(self) -> list[tuple[int, int]]:
        """Batch and place in it of every event."""
        return [(at, number) for at in self.data for number in range(len(self[1][at].records))]

    def raw(self, place: tuple[int, int]) -> Raw:
        """Return a record."""
        return self.batches[place[0]].records[place[1]]

    def put(self, place: tuple[int, int], raw: Raw) -> None:
        """Put a record in another's place: its offset and time are those of the place."""
        at, number = place
        records = list(self.batches[at].records)
        there = records[number]
        records[number] = replace(raw, offset_delta=there.offset_delta, time_delta=there.time_delta)
        self.batches[at] = self.batches[at].having(records)


Kind = Callable[[Segment], bool]
KINDS: dict[str, Kind] = {}


def kind(make: Kind) -> Kind:
    """Make a kind known. It says whether it changed anything."""
    KINDS[make.__name__] = make
    return make


def origin_of(raw: Raw) -> str:
    """Return whose event it is."""
    return read_stamp(raw.value or b"").origin


def _one(segment: Segment) -> tuple[int, int]:
    return segment.chance.choice(segment.records())


def _edit(segment: Segment, make: Callable[[Raw], Raw]) -> bool:
    place = _one(segment)
    before = segment.raw(place)
    segment.put(place, make(before))
    return segment.raw(place) != before


def _changed(data: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]


def _with_header(raw: Raw, name: bytes, make: Callable[[bytes], bytes]) -> Raw:
    headers = [(one, make(said or b"") if one == name else said) for one, said in raw.headers]
    return replace(raw, headers=headers)


@kind
def edits_a_payload(segment: Segment) -> bool:
    return _edit(segment, lambda raw: replace(raw, value=_changed(raw.value, segment.chance)))


@kind
def edits_a_payload_and_signs_with_a_foreign_key(segment: Segment) -> bool:
    def forged(raw: Raw) -> Raw:
        value = _changed(raw.value, segment.chance)
        try:
            origin = read_stamp(value).origin
        except RecordRejected:
            origin = "KZ"
        index, _ = split_log_header(dict(raw.headers)[b"log"])
        log = log_name(segment.topic, origin)
        header = log_header(index, THIEF.sign(log, index, leaf_hash(value)))
        return _with_header(replace(raw, value=value), b"log", lambda _: header)

    return _edit(segment, forged)


@kind
def empties_a_payload(segment: Segment) -> bool:
    return _edit(segment, lambda raw: replace(raw, value=None))


@kind
def edits_a_key(segment: Segment) -> bool:
    return _edit(segment, lambda raw: replace(raw, key=_changed(raw.key, segment.chance)))


@kind
def edits_a_signature_or_an_index(segment: Segment) -> bool:
    def edited(header: bytes) -> bytes:
        return _changed(header, segment.chance)

    return _edit(segment, lambda raw: _with_header(raw, b"log", edited))


@kind
def edits_a_type(segment: Segment) -> bool:
    return _edit(segment, lambda raw: _with_header(raw, b"ce_type", lambda said: said + b"X"))


@kind
def drops_a_header(segment: Segment) -> bool:
    return _edit(
        segment, lambda raw: replace(raw, headers=raw.headers[: segment.chance.randrange(2)])
    )


def _swap(segment: Segment, fits: Callable[[Raw, Raw], bool]) -> bool:
    for _ in range(99):
        one, other = _one(segment), _one(segment)
        first, second = segment.raw(one), segment.raw(other)
        if one != other and fits(first, second):
            segment.put(one, second)
            segment.put(other, first)
            return True
    return False


@kind
def swaps_two_records_of_one_origin(segment: Segment) -> bool:
    return _swap(segment, lambda one, other: origin_of(one) == origin_of(other))


@kind
def swaps_records_of_two_origins(segment: Segment) -> bool:
    return _swap(segment, lambda one, other: origin_of(one) != origin_of(other))


@kind
def swaps_payloads(segment: Segment) -> bool:
    one, other = _one(segment), _one(segment)
    if one == other:
        return False
    first, second = segment.raw(one), segment.raw(other)
    segment.put(one, replace(first, value=second.value))
    segment.put(other, replace(second, value=first.value))
    return True


@kind
def swaps_two_batches(segment: Segment) -> bool:
    """With their ends of transactions; each gets the other's first offset, as far as it fits."""
    units = list(range(0, len(segment.batches) - 1, 2))
    one, other = sorted(segment.chance.sample(units, 2))
    batches = segment.batches
    batches[one : one + 2], batches[other : other + 2] = (
        batches[other : other + 2],
        batches[one : one + 2],
    )
    _renumber(batches)
    return True


def _renumber(batches: list[Batch]) -> None:
    at = 0
    for number, batch in enumerate(batches):
        batches[number] = batch.at(at)
        at = batches[number].end


@kind
def drops_a_record(segment: Segment) -> bool:
    """As compaction would: the others keep their offsets."""
    at, number = _one(segment)
    records = list(segment.batches[at].records)
    del records[number]
    if not records:
        del segment.batches[at]
    else:
        segment.batches[at] = segment.batches[at].having(records)
    return True


@kind
def drops_a_batch(segment: Segment) -> bool:
    del segment.batches[segment.chance.choice(segment.data)]
    return True


@kind
def drops_a_batch_and_closes_the_hole(segment: Segment) -> bool:
    at = segment.chance.choice(segment.data)
    del segment.batches[at : at + 2]
    _renumber(segment.batches)
    return True


@kind
def cuts_the_end_off(segment: Segment) -> bool:
    del segment.batches[segment.chance.choice(segment.data[1:]) :]
    return True


@kind
def doubles_a_batch(segment: Segment) -> bool:
    """With all of its transaction, in the middle; all that follows moves up.

    At the very end it would be a repeat behind everything, which changes nothing for anybody.
    """
    end = segment.chance.choice(segment.ends[:-1]) + 1
    begin = max((at + 1 for at in segment.ends if at + 1 < end), default=0)
    segment.batches[end:end] = segment.batches[begin:end]
    _renumber(segment.batches)
    return True


@kind
def puts_a_record_over_another(segment: Segment) -> bool:
    one, other = _one(segment), _one(segment)
    if one == other:
        return False
    segment.put(one, segment.raw(other))
    return True


@kind
def moves_offsets_up(segment: Segment) -> bool:
    begin = segment.chance.choice(segment.data)
    step = segment.chance.randrange(1, 20)
    for at in range(begin, len(segment.batches)):
        segment.batches[at] = segment.batches[at].at(segment.batches[at].base + step)
    return True


@kind
def makes_a_transaction_aborted(segment: Segment) -> bool:
    """The end of a transaction says 0 for abort and 1 for commit, in its key."""
    at = segment.chance.choice(segment.ends)
    (raw,) = segment.batches[at].records
    segment.batches[at] = segment.batches[at].having([replace(raw, key=b"\0\0\0\0")])
    return True
