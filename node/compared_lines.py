"""One partition of the shared topic as two nodes have mirrored it, record by record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from events.agreement import Agreement
from events.contract import split_log_header
from ledger.case.case import Topic
from ledger.log.merkle import CompactRange
from node.reading import Reader
from projections.positions import read as positions_of


class Difference(NamedTuple):
    """The first offset at which two mirrors differ."""

    offset: int
    #: `not_here`, `not_there`, `other_event` (other bytes, or admitted in one place only),
    #: `other_place` (it takes effect elsewhere), `other_row` (the same bytes, all else not).
    kind: str
    #: As the first node has it, or the other one: None where no event is known.
    event_id: UUID | None
    log: str | None
    log_index: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """What comparing the mirrors of one partition has shown."""

    partition: int
    #: Offset up to which (exclusive) both had read, and whether both stopped there.
    end: int
    level: bool
    #: RFC 6962 tree of the leaf hashes in topic order, here and there.
    size: int
    root: bytes
    other_size: int
    other_root: bytes
    difference: Difference | None

    @property
    def equal(self) -> bool:
        """Whether both have heard the same in the same order."""
        return self.difference is None and self.root == self.other_root


class _Line(NamedTuple):
    offset: int
    #: `admitted`, or what a stray record is.
    outcome: str
    leaf: bytes | None
    effect_offset: int | None
    effect_rank: int | None
    origin: str | None
    log_index: int | None
    event_id: UUID | None
    case_id: UUID | None
    version: int | None
    #: Signature of an event; key and log header of a stray record.
    signed: bytes | None
    #: Named type of an event; reason and value of a stray record.
    also: bytes


def ends(node: Reader) -> dict[int, int]:
    """Return how far a node has read each partition of the shared topic, by its own position.

    What stands behind it was read nowhere: it moves no end, and is named (node/compared_ends.py).
    """
    return {
        partition: position.next_offset or 0
        for (topic, partition), position in positions_of(node.connection, node.schema).items()
        if topic == Topic.SHARED
    }


def compare_partition(
    one: Reader, other: Reader, agreement: Agreement, number: int, reached: tuple[int, int]
) -> Partition:
    """Compare one partition up to where both nodes have read it."""
    end = min(reached)
    here, there = CompactRange(), CompactRange()
    difference = None
    for mine, theirs in _side_by_side(_lines(one, number, end), _lines(other, number, end)):
        for line, tree in ((mine, here), (theirs, there)):
            if line is not None and line.outcome == "admitted":
                assert line.leaf is not None
                tree.append(line.leaf)
        if difference is None and (kind := _kind(mine, theirs)) is not None:
            difference = _named(mine, theirs, kind, agreement)
    return Partition(
        partition=number,
        end=end,
        level=reached[0] == reached[1],
        size=here.size,
        root=here.root,
        other_size=there.size,
        other_root=there.root,
        difference=difference,
    )


def _kind(mine: _Line | None, theirs: _Line | None) -> str | None:
    if mine is None:
        return "not_here"
    if theirs is None:
        return "not_there"
    if mine[1:3] != theirs[1:3]:
        return "other_event"
    if mine[3:5] != theirs[3:5]:
        return "other_place"
    return None if mine == theirs else "other_row"


def _named(mine: _Line | None, theirs: _Line | None, kind: str, agreement: Agreement) -> Difference:
    """Name the event that is admitted in one of the two, if one is; else the stray record."""
    sides = [line for line in (mine, theirs) if line is not None]
    admitted = [line for line in sides if line.outcome == "admitted" and line.origin is not None]
    line = (admitted or sides)[0]
    log = None if line.origin is None else f"{agreement.shared_topic}/{line.origin}"
    index = line.log_index
    if index is None and line.origin is not None and line.signed is not None:
        index, _ = split_log_header(line.signed)
    return Difference(line.offset, kind, line.event_id, log, index)


def _side_by_side(
    ours: Iterator[_Line], theirs: Iterator[_Line]
) -> Iterator[tuple[_Line | None, _Line | None]]:
    """Pair what has the same offset."""
    one, other = next(ours, None), next(theirs, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one.offset < other.offset):
            yield one, None
            one = next(ours, None)
        elif one is None or other.offset < one.offset:
            yield None, other
            other = next(theirs, None)
        else:
            yield one, other
            one, other = next(ours, None), next(theirs, None)


def _lines(node: Reader, partition: int, end: int) -> Iterator[_Line]:
    """Stream all records; what takes effect after the end is held, as far as here."""
    asked: dict[str, Any] = {"partition": partition, "end": end}
    with node.connection.cursor(name="lines", binary=True) as cursor:
        cursor.itersize = 5_000
        cursor.execute(_LINES, asked)
        for row in cursor:
            yield _Line(*row)


_LINES = """
SELECT "offset", 'admitted' AS outcome, coalesce(leaf, ''),
    CASE WHEN effect_offset < %(end)s THEN effect_offset END,
    CASE WHEN effect_offset < %(end)s THEN effect_rank END,
    origin, log_index, event_id, case_id, version, signature, ce_type::bytea
FROM mirror.record
WHERE topic = 'shared' AND partition = %(partition)s AND "offset" < %(end)s
UNION ALL
SELECT "offset", outcome, leaf, NULL, NULL, origin, NULL, NULL, NULL, NULL, log,
    convert_to(reason, 'UTF8') || '/' || coalesce(key, '') || '/' || coalesce(value, '')
FROM mirror.stray
WHERE topic = 'shared' AND partition = %(partition)s AND "offset" < %(end)s
ORDER BY 1
"""
