"""One polled batch, one transaction: swap positions, admit, mirror, fold, write, commit.

A crash between any two steps repeats work and never an effect. `at` is called after each step; the
tests kill the process there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from consumers import breaker
from consumers.admission import Admission, Placement, admit
from consumers.checking import Checking
from consumers.examination import Arrived, Claim, Ground, Outcome, Stray
from events.contract import LOG
from ledger import mirror
from ledger.mirror import Placed, Record, Standing
from projections import positions
from projections.folding import Folded, fold_in
from projections.positions import Move

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
    #: Topic -> when its events were decided, for those that took effect at once (POSIX seconds).
    recorded: dict[str, list[float]] = field(default_factory=dict)


def apply(
    connection: Connection[Any], schema: str, batch: Sequence[Read], *, country: str, at: Hook
) -> Applied:
    """Apply a batch, exactly once; StartAgain if another reader has applied it."""
    with connection.transaction():
        positions.swap(connection, schema, [read.move for read in batch])
        at("swapped")
        applied = Applied(Folded())
        placed: list[Placed] = []
        for read in batch:
            if read.records:
                placed += _mirrored(connection, read, applied)
        at("mirrored")
        if placed:
            applied.folded = fold_in(connection, schema, placed, country=country)
            breaker.hold(connection, schema, applied.folded.stops)
        at("written")
    at("committed")
    return applied


def _mirrored(connection: Connection[Any], read: Read, applied: Applied) -> list[Placed]:
    """Admit what was read of a partition, mirror it, and return it in order of effect."""
    ground = read.ground
    found = read.checking.result()
    cases = {one.case_id for one in found if isinstance(one, Claim)}
    known: dict[UUID, Standing] = (
        mirror.standings(connection, ground.topic.value, cases) if cases else {}
    )
    admission = admit(found, known, topic=ground.topic)
    records = _records(admission, ground)
    if records:
        mirror.append(connection, records)
    if admission.strays:
        mirror.put_aside(connection, list(_strays(admission, read)))
    applied.held += len(admission.held)
    applied.strays += [(ground.topic.value, stray) for stray in admission.strays]
    applied.recorded.setdefault(ground.topic.value, []).extend(
        one.event.recorded_at.timestamp()
        for one in admission.placed
        if isinstance(one.event, Claim)
    )
    return _in_order(connection, admission, ground, applied)


def _records(admission: Admission, ground: Ground) -> list[Record]:
    places: list[tuple[Claim, int | None, int | None]] = [
        (placement.event, placement.effect_offset, placement.effect_rank)
        for placement in admission.placed
        if isinstance(placement.event, Claim)
    ]
    places += [(claim, None, None) for claim in admission.held]
    return [_record(ground, claim, offset, rank) for claim, offset, rank in places]


def _record(ground: Ground, claim: Claim, offset: int | None, rank: int | None) -> Record:
    return Record(
        ground.topic.value,
        ground.partition,
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
    if earlier:
        where = (ground.topic.value, ground.partition)
        releases = [
            mirror.Release(*where, one.event.offset, one.effect_offset, one.effect_rank)
            for one in earlier
        ]
        freed = {placed.offset: placed for placed in mirror.release(connection, releases)}
        applied.released += len(freed)
    return [
        freed[one.event.offset] if not isinstance(one.event, Claim) else _placed(ground, one)
        for one in admission.placed
    ]


def _placed(ground: Ground, placement: Placement) -> Placed:
    claim = placement.event
    assert isinstance(claim, Claim)
    return Placed(
        ground.topic.value,
        ground.partition,
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
