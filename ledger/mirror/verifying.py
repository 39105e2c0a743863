"""The mirror against the topic: every record here is there, with the same bytes, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from psycopg import Connection

from events.contract import LOG, log_header
from events.stamp import leaf_hash
from ledger.log.merkle import CompactRange


class TopicRecord(Protocol):
    """A record as a Kafka client gives it."""

    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


class Difference(NamedTuple):
    """Where mirror and topic disagree."""

    offset: int
    #: `not_mirrored`, `not_on_topic` or `other_bytes`.
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What comparing one partition has shown."""

    topic: str
    partition: int
    #: Offset up to which (exclusive) both were compared.
    end: int
    records: int
    differences: tuple[Difference, ...]
    #: RFC 6962 tree of the admitted leaf hashes in topic order: its size, and its root as computed
    #: from the topic's bytes and from the mirror.
    size: int
    topic_root: bytes
    mirror_root: bytes

    @property
    def equal(self) -> bool:
        """Whether the mirror is a true copy."""
        return not self.differences and self.topic_root == self.mirror_root


class _Kept(NamedTuple):
    """A row of the mirror, admitted or stray."""

    offset: int
    outcome: str
    key: bytes | None
    value: bytes | None
    leaf: bytes | None
    log: bytes | None


def verify(
    connection: Connection[Any],
    topic: str,
    partition: int,
    records: Iterable[TopicRecord],
    end: int,
) -> Verified:
    """Compare a partition's mirror with the topic's records, both in order, up to an offset."""
    there, here = CompactRange(), CompactRange()
    differences: list[Difference] = []
    count = 0
    for kept, record in _side_by_side(_kept(connection, topic, partition, end), records):
        count += 1
        if kept is None:
            assert record is not None
            differences.append(Difference(record.offset, "not_mirrored"))
            continue
        if kept.outcome == "admitted":
            assert kept.leaf is not None
            here.append(kept.leaf)
        if record is None:
            differences.append(Difference(kept.offset, "not_on_topic"))
            continue
        if kept.outcome == "admitted":
            there.append(leaf_hash(record.value or b""))
        if not _EQUAL[kept.outcome](kept, record):
            differences.append(Difference(kept.offset, "other_bytes"))
    return Verified(
        topic=topic,
        partition=partition,
        end=end,
        records=count,
        differences=tuple(differences),
        size=here.size,
        topic_root=there.root,
        mirror_root=here.root,
    )


def _admitted(kept: _Kept, record: TopicRecord) -> bool:
    value = record.value or b""
    mine = (kept.key, kept.value, kept.leaf, kept.log)
    return mine == (record.key, value, leaf_hash(value), _log(record))


def _noise(kept: _Kept, record: TopicRecord) -> bool:
    return (kept.key, kept.value, kept.log) == (record.key, record.value, _log(record))


def _repeat(kept: _Kept, record: TopicRecord) -> bool:
    return (kept.key, kept.leaf) == (record.key, leaf_hash(record.value or b""))


_EQUAL: dict[str, Callable[[_Kept, TopicRecord], bool]] = {
    "admitted": _admitted,
    "noise": _noise,
    "equivocation": _noise,
    "repeat": _repeat,
}


def _log(record: TopicRecord) -> bytes | None:
    return next((value for name, value in record.headers if name == LOG), None)


def _kept(connection: Connection[Any], topic: str, partition: int, end: int) -> Iterator[_Kept]:
    """Stream the rows of a partition in order of offset, whatever they are."""
    with connection.transaction(), connection.cursor(name="kept", binary=True) as cursor:
        cursor.itersize = 5_000
        cursor.execute(_KEPT, {"topic": topic, "partition": partition, "end": end})
        for offset, outcome, key, value, leaf, index, signature in cursor:
            log = signature if index is None else log_header(index, signature)
            yield _Kept(offset, outcome, key, value, leaf, log)


def _side_by_side(
    kept: Iterator[_Kept], records: Iterable[TopicRecord]
) -> Iterator[tuple[_Kept | None, TopicRecord | None]]:
    """Pair what has the same offset."""
    mine = next(kept, None)
    for record in records:
        while mine is not None and mine.offset < record.offset:
            yield mine, None
            mine = next(kept, None)
        if mine is not None and mine.offset == record.offset:
            yield mine, record
            mine = next(kept, None)
        else:
            yield None, record
    while mine is not None:
        yield mine, None
        mine = next(kept, None)


_KEPT = """
SELECT "offset", 'admitted' AS outcome, uuid_send(case_id), value, leaf, log_index, signature
FROM mirror.record
WHERE topic = %(topic)s AND partition = %(partition)s AND "offset" < %(end)s
UNION ALL
SELECT "offset", outcome, key, value, leaf, NULL, log
FROM mirror.stray
WHERE topic = %(topic)s AND partition = %(partition)s AND "offset" < %(end)s
ORDER BY 1
"""
