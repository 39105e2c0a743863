"""One polled batch, one transaction: swap positions, admit, mirror, fold, write, commit.

A crash between any two steps repeats work and never an effect. `at` is called after each step; the
tests kill the process there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import Connection

from consumers import breaker
from consumers.admission import Admission, Admitter, Placement
from consumers.checking import Checking
from consumers.examination import Arrived, Claim, Ground, Outcome, Stray
from events.codec import read_stamp
from events.compiled import HEADER_BYTES
from events.contract import LOG
from events.registry import BY_FINGERPRINT, CLASSES
from events.stamp import Event
from ledger import mirror
from ledger.keys.national import NationalKeys
from ledger.mirror import Placed, Record
from projections import positions
from projections.folding import Folded, fold_in
from projections.keeping import Kept
from projections.positions import Move, Part, Position

#: Cases whose standing is remembered.
_MOST_CASES = 10_000
#: Called with the name of the step that has just been taken.
Hook = Callable[[str], None]


class Read(NamedTuple):
    """What was read of one topic-partition, and where it stands."""

    ground: Ground
    move: Move
    records: Sequence[Arrived]
    checking: Checking


@dataclass(slots=True)
class Applied:
    """What became of a batch."""

    folded: Folded
    held: int = 0
    #: Held records that have got their place.
    released: int = 0
    strays: list[tuple[str, Stray]] = field(default_factory=list)
    #: Events that were decoded while they were examined, by leaf hash.
    decoded: dict[bytes, Event] = field(default_factory=dict)
    #: Topic and origin -> when events that took effect were decided (POSIX seconds).
    recorded: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    #: Events of a schema that is not installed here, and those of a type that no schema here has.
    unknown_schemas: int = 0
    unknown_types: int = 0

    def took_effect(self, topic: str, origin: str, recorded_at: datetime) -> None:
        """Note when an event that has its place now was decided."""
        moments = self.recorded.setdefault((topic, origin), [])
        moments.append(recorded_at.timestamp())


@dataclass(slots=True)
class Memory:
    """What a worker remembers between batches; true as long as nobody else moves its positions."""

    kept: Kept = field(default_factory=Kept)
    admitters: dict[Part, Admitter] = field(default_factory=dict)

    def check(self, there: Mapping[Part, Position]) -> None:
        """Forget what may have changed since positions were last seen."""
        for part in self.kept.check(there):
            self.admitters.pop(part, None)


def apply(
    connection: Connection[Any],
    schema: str,
    batch: Sequence[Read],
    *,
    country: str,
    keys: NationalKeys | None = None,
    at: Hook,
    memory: Memory | None = None,
) -> Applied:
    """Apply a batch, exactly once; StartAgain if another reader has applied it."""
    memory = Memory() if memory is None else memory
    moves = [read.move for read in batch]
    with connection.transaction():
        memory.check(positions.swap(connection, schema, moves))
        at("swapped")
        applied = Applied(Folded())
        placed: list[Placed] = []
        for read in batch:
            if read.records:
                placed += _mirrored(connection, read, applied, memory)
        at("mirrored")
        if placed:
            applied.folded = fold_in(
                connection,
                schema,
                placed,
                country=country,
                keys=keys,
                decoded=applied.decoded,
                kept=memory.kept,
            )
            breaker.hold(connection, schema, applied.folded.stops)
        at("written")
    memory.kept.move(moves)
    at("committed")
    return applied


def _mirrored(
    connection: Connection[Any], read: Read, applied: Applied, memory: Memory
) -> list[Placed]:
    """Admit what was read of a partition, mirror it, and return it in order of effect."""
    ground = read.ground
    found = read.checking.result()
    admission = _admitted(connection, ground, found, memory)
    records = _records(admission, ground)
    if records:
        mirror.append(connection, records)
    if admission.strays:
        mirror.put_aside(connection, list(_strays(admission, read)))
    applied.held += len(admission.held)
    applied.strays += [(ground.topic.value, stray) for stray in admission.strays]
    applied.decoded.update(
        (one.leaf, one.event) for one in found if isinstance(one, Claim) and one.event is not None
    )
    for one in admission.placed:
        if isinstance(one.event, Claim):
            applied.took_effect(ground.topic.value, one.event.origin, one.event.recorded_at)
    for claim in found:
        if isinstance(claim, Claim) and claim.event is None:
            applied.unknown_schemas += claim.value[2:HEADER_BYTES] not in BY_FINGERPRINT
            applied.unknown_types += claim.ce_type not in CLASSES
    return _in_order(connection, admission, ground, applied)


def _admitted(
    connection: Connection[Any], ground: Ground, found: list[Claim | Stray], memory: Memory
) -> Admission:
    part = (str(ground.topic), ground.partition)
    admitter = memory.admitters.setdefault(part, Admitter(ground.topic))
    unknown = admitter.unknown(found)
    if unknown:
        admitter.learn(unknown, mirror.standings(connection, part[0], unknown))
    admission = admitter.admit(found)
    admitter.forget(most=_MOST_CASES // len(memory.admitters))
    return admission


def _records(admission: Admission, ground: Ground) -> list[Record]:
    where = (str(ground.topic), ground.partition)
    placed = [
        _record(where, placement.event, placement.effect_offset, placement.effect_rank)
        for placement in admission.placed
        if isinstance(placement.event, Claim)
    ]
    return [*placed, *(_record(where, claim, None, None) for claim in admission.held)]


def _record(where: Part, claim: Claim, offset: int | None, rank: int | None) -> Record:
    return Record(
        *where,
        claim.offset,
        offset,
        rank,
        claim.case_id,
        claim.origin,
        claim.version,
        claim.event_id,
        claim.leaf,
        claim.log_index,
        claim.signature,
        claim.ce_type,
        claim.value,
    )


def _strays(admission: Admission, read: Read) -> list[mirror.Stray]:
    arrived = {record.offset: record for record in read.records}
    return [_stray(read.ground, stray, arrived[stray.offset]) for stray in admission.strays]


def _stray(ground: Ground, stray: Stray, record: Arrived) -> mirror.Stray:
    logs = [value for name, value in record.headers if name == LOG]
    return mirror.Stray(
        ground.topic.value,
        ground.partition,
        stray.offset,
        stray.outcome,
        stray.reason,
        record.key,
        None if stray.outcome is Outcome.REPEAT else record.value,
        stray.leaf,
        logs[0] if logs else None,
        stray.origin,
    )


def _in_order(
    connection: Connection[Any], admission: Admission, ground: Ground, applied: Applied
) -> list[Placed]:
    """Return everything that takes effect now; earlier held records come from the mirror."""
    earlier = [one for one in admission.placed if not isinstance(one.event, Claim)]
    freed: dict[int, Placed] = {}
    where = (str(ground.topic), ground.partition)
    if earlier:
        releases = [
            mirror.Release(*where, one.event.offset, one.effect_offset, one.effect_rank)
            for one in earlier
        ]
        freed = {placed.offset: placed for placed in mirror.release(connection, releases)}
        applied.released += len(freed)
        for one in freed.values():
            applied.took_effect(one.topic, one.origin, read_stamp(one.value).recorded_at)
    return [
        freed[one.event.offset] if not isinstance(one.event, Claim) else _placed(where, one)
        for one in admission.placed
    ]


def _placed(where: Part, placement: Placement) -> Placed:
    claim = placement.event
    assert isinstance(claim, Claim)
    return Placed(
        *where,
        claim.offset,
        placement.effect_offset,
        placement.effect_rank,
        claim.case_id,
        claim.origin,
        claim.version,
        claim.leaf,
        claim.ce_type,
        claim.value,
    )
