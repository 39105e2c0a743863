"""What stands in a mirror past the common beginning, where no other mirror says anything yet.

How far a node has read says its own position: what stands there or behind it was never read from
the topic. What only one of the two has read has to be what its country signed, at its place of its
log: by the signature of the event under any of its pinned keys, as admission asks it, or by a
signed root above it. Whose turn it was of two keys says `ledger audit check`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

from events.agreement import Agreement
from events.contract import split_log_header
from events.errors import RecordRejected
from ledger.case.case import Topic
from ledger.log.mirrored import LogName
from ledger.log.rule_log import check_signature
from node.audit_logs import LogSeen, Pinned, Row, check_log, leaf_of
from node.audit_rows import WHOLE, bounded
from node.reading import Reader


class Beyond(NamedTuple):
    """A row that no other mirror can be compared with, and that cannot be honest."""

    #: In whose mirror it stands.
    country: str
    partition: int | None
    offset: int | None
    #: `not_read` (at or behind the node's own position), `not_signed` (by its origin, as it is).
    rule: str
    event_id: UUID | None
    log: str | None
    log_index: int | None


def check_ends(
    node: Reader, agreement: Agreement, alone: Mapping[int, tuple[int, int]]
) -> Iterator[Beyond]:
    """Yield what a node cannot have read, then what it alone has read and nobody signed.

    `alone` says from where to where it has read each partition further than it is compared. A node
    that is behind breaks nothing.
    """
    for partition, offset, origin, event_id, index, header in node.connection.execute(
        _NOT_READ.format(schema=node.schema)
    ):
        log = None if origin is None else agreement.shared_log(origin)
        place = _index(header) if index is None else index
        yield Beyond(node.country, partition, offset, "not_read", event_id, log, place)
    yield from _unproven(node, Pinned(agreement=agreement), _not_signed(node, agreement, alone))


class _Doubt(NamedTuple):
    beyond: Beyond
    origin: str
    #: Whether a root could still stand for it: the row says what its bytes say.
    fits: bool


def _not_signed(
    node: Reader, agreement: Agreement, alone: Mapping[int, tuple[int, int]]
) -> Iterator[_Doubt]:
    """Yield each row past the common beginning on which its country's signature is not good."""
    pinned = Pinned(agreement=agreement)
    logs = {code: _shared(agreement, code) for code in agreement.countries}
    keys = {code: pinned.log_keys(code) for code in logs}
    for partition, part in alone.items():
        with node.connection.cursor(name=f"beyond_{partition}", binary=True) as cursor:
            cursor.itersize = 1_000
            cursor.execute(_BEYOND, (partition, *part))
            for is_whole, origin, *columns in cursor:
                row, is_signed, fits = Row(*columns), False, False
                if is_whole and origin in logs:
                    leaf = leaf_of(row, logs[origin], agreement.partitions)
                    fits = leaf.row_fits and leaf.heard.leaf == leaf.stated
                    is_signed = not any(check_signature(leaf.heard, row.signature, keys[origin]))
                if not (fits and is_signed):
                    yield _Doubt(_named(node, agreement, origin, row), origin or "", fits)


def _named(node: Reader, agreement: Agreement, origin: str | None, row: Row) -> Beyond:
    log = None if origin is None else agreement.shared_log(origin)
    place = (row.partition, row.offset, "not_signed", row.event_id, log, row.log_index)
    return Beyond(node.country, *place)


def _unproven(node: Reader, pinned: Pinned, doubts: Iterator[_Doubt]) -> Iterator[Beyond]:
    """Yield what no signed root stands for either.

    A signature that was spoiled on the topic keeps no event out where a worker that caught up has
    believed a root (ADR 34).
    """
    proven: dict[str, int] = {}
    for beyond, origin, fits in list(doubts):
        if fits and origin not in proven:
            proven[origin] = _proven(node, pinned, _shared(pinned.agreement, origin))
        if not fits or beyond.log_index is None or beyond.log_index >= proven[origin]:
            yield beyond


def _proven(node: Reader, pinned: Pinned, log: LogName) -> int:
    """Return how many events of a log are under a root that its country signed."""
    ((now,),) = node.connection.execute("SELECT now()")
    (seen,) = [one for one in check_log(node, log, pinned, now) if isinstance(one, LogSeen)]
    return seen.proven


def _shared(agreement: Agreement, origin: str) -> LogName:
    return LogName(agreement.shared_log(origin), Topic.SHARED.value, origin)


def _index(header: bytes | None) -> int | None:
    try:
        return None if header is None else split_log_header(header)[0]
    except RecordRejected:
        return None


# What has no place at all was read nowhere.
_NOT_READ = """
SELECT partition, "offset", origin, event_id, log_index, header FROM (
    SELECT partition, "offset", origin, event_id, log_index, NULL AS header
    FROM mirror.record WHERE topic = 'shared'
    UNION ALL
    SELECT partition, "offset", origin, NULL, NULL, log FROM mirror.stray WHERE topic = 'shared'
) AS stood WHERE NOT EXISTS (
    SELECT FROM {schema}.position AS own WHERE own.topic = 'shared'
    AND own.partition = stood.partition AND stood."offset" < own.next_offset
)
ORDER BY partition, "offset"
"""
_BEYOND = f"""
SELECT {WHOLE} AS is_whole, origin, log_index, partition, "offset", case_id, version, event_id,
    leaf, value, signature, {bounded("mirrored_at")}
FROM mirror.record AS record
WHERE topic = 'shared' AND partition = %s AND "offset" >= %s AND "offset" < %s
ORDER BY "offset"
"""  # noqa: S608 - our own names
