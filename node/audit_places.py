"""Where events take effect, and when they came, by this node's own word: what bounds it.

No signature covers either. Where an event takes effect follows from the bytes alone, so it is
worked out once more; when it came lies between the times of its neighbours in the partition.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Final, NamedTuple
from uuid import UUID

from consumers.admission import Admitter
from consumers.examination import Claim
from events.agreement import Agreement
from events.codec import Stamp, read_stamp
from events.contract import log_name
from events.errors import RecordRejected
from events.stamp import NOTHING_SEEN
from ledger.case.case import Topic
from ledger.log.findings import Finding, Heard, found
from node.audit_rows import WHOLE
from node.reading import Reader

#: Offset at which it takes effect, and rank there; None while it is held.
_Place = tuple[int | None, int | None]


class _Row(NamedTuple):
    topic: str
    case_id: UUID
    partition: int
    offset: int
    origin: str
    version: int
    event_id: UUID
    log_index: int
    leaf: bytes
    value: bytes
    effect_offset: int | None
    effect_rank: int | None


def check_places(reading: Reader, agreement: Agreement, tolerance: timedelta) -> Iterator[Finding]:
    """Yield what takes effect elsewhere than admission puts it (R9), or came at another time (R10).

    An event that takes effect where it stands was judged already: by its version and by what it
    names as seen. Here are the others, and all of their cases.
    """
    names = _Names(reading, agreement)
    with reading.connection.cursor(name="places", binary=True) as cursor:
        cursor.itersize = 1_000
        cursor.execute(_UNUSUAL)
        rows = (_Row(*row) for row in cursor)
        for (topic, case_id), of_case in groupby(rows, key=lambda row: row[:2]):
            yield from _misplaced(Topic(topic), case_id, list(of_case), names)
    with reading.connection.cursor(name="times", binary=True) as cursor:
        cursor.execute(_TIMES, (tolerance,))
        for row in cursor:
            yield found("R10", "mirrored_goes_back", names.heard(_Row(*row)))


class _Names:
    def __init__(self, reading: Reader, agreement: Agreement) -> None:
        self._topics = {
            Topic.SHARED.value: agreement.shared_topic,
            Topic.NATIONAL.value: agreement.national_topic(reading.country),
        }

    def heard(self, row: _Row) -> Heard:
        """Return an event at its place."""
        log = log_name(self._topics.get(row.topic, row.topic), row.origin)
        place = (row.partition, row.offset, None, row.topic, log, row.log_index)
        return Heard(_stamp(row), row.leaf, *place)


def _misplaced(topic: Topic, case_id: UUID, rows: list[_Row], names: _Names) -> Iterator[Finding]:
    admitter = Admitter(topic)
    admitter.learn([case_id], {})
    said = admitter.admit([_claim(row) for row in rows])
    places: dict[int, _Place] = {
        placed.event.offset: (placed.effect_offset, placed.effect_rank) for placed in said.placed
    }
    for row in rows:
        if (row.effect_offset, row.effect_rank) != places.get(row.offset, (None, None)):
            yield found("R9", "placed_otherwise", names.heard(row))


def _claim(row: _Row) -> Claim:
    stamp = _stamp(row)
    said: dict[str, Any] = {name: getattr(row, name) for name in _AS_IT_STANDS}
    at = stamp.recorded_at
    return Claim(
        **said, seen=stamp.seen, signature=b"", ce_type="", recorded_at=at, event=None
    )  # fmt: skip


def _stamp(row: _Row) -> Stamp:
    try:
        return read_stamp(row.value)
    except RecordRejected:
        said: dict[str, Any] = {name: getattr(row, name) for name in _OF_STAMP}
        return Stamp(**said, seen=NOTHING_SEEN, occurred_at=_NEVER, recorded_at=_NEVER)


_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_OF_STAMP = ("event_id", "case_id", "origin", "version")
_AS_IT_STANDS = (*_OF_STAMP, "offset", "leaf", "log_index", "value")
_COLUMNS = """
    topic, case_id, partition, "offset", origin, version, event_id, log_index, leaf, value,
    effect_offset, effect_rank
"""
_UNUSUAL = f"""
SELECT {_COLUMNS} FROM mirror.record AS record
WHERE {WHOLE} AND (topic, case_id) IN (
    SELECT topic, case_id FROM mirror.record
    WHERE effect_offset IS DISTINCT FROM "offset" OR effect_rank IS DISTINCT FROM 0
)
ORDER BY topic, case_id, "offset"
"""  # noqa: S608 - our own names
_TIMES = f"""
SELECT {_COLUMNS} FROM (
    SELECT *, lag(mirrored_at) OVER beside AS earlier, lead(mirrored_at) OVER beside AS later
    FROM mirror.record AS record WHERE {WHOLE}
    WINDOW beside AS (PARTITION BY topic, partition ORDER BY "offset")
) AS timed, (SELECT %s::interval AS tolerance) AS terms
WHERE mirrored_at < earlier - tolerance OR mirrored_at > coalesce(later, now()) + tolerance
"""  # noqa: S608 - our own names
