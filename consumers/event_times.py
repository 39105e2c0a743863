"""Whether new events claim a time at which their log had gone further already (rule R10, live).

An audit asks the same of all events (ledger/log/rule_log.py); here it is asked of each as it comes,
so that a backdated one is found while somebody can still ask why. It stops no signing: what a
country says of its own clock may be wrong, and the log is what it is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg import Connection
from psycopg.rows import tuple_row

from events.codec import read_stamp
from events.errors import RecordRejected
from ledger.log.faults import Fault
from ledger.log.mirrored import LogName
from ledger.log.rule_log import TOLERANCE

#: Events that are read at a time, and how often at one look: a long history takes several looks.
_MOST: Final = 1_000
_LOOKS: Final = 10
# The largest size that was cosigned before an event came: every witness of it, its first time.
_NEW: LiteralString = """
SELECT log_index, partition, event_id, value, (
    SELECT max(cosigned_at) FROM (
        SELECT cosigned_at FROM witness.cosignature AS cosignature
        WHERE cosignature.log = %b AND cosignature.size <= record.log_index
        ORDER BY size DESC LIMIT 8
    ) AS newest
)
FROM mirror.record AS record
WHERE topic = %b AND origin = %b AND log_index >= %b AND log_index < %b
ORDER BY log_index LIMIT %b
"""


class EventTimes:
    """The times of one log's events, compared with what was cosigned before them."""

    def __init__(self, log: LogName, begin: int) -> None:
        """`begin` is the size up to which it was looked at before: by whoever cosigned that."""
        self._log = log
        self._next = begin

    def look(self, database: Connection[Any], until: int) -> list[Fault]:
        """Return the faults of the events that were taken in since the last look."""
        found: list[Fault] = []
        for _ in range(_LOOKS):
            cursor = database.cursor(row_factory=tuple_row)
            asked = (self._log.name, self._log.topic, self._log.origin, self._next, until, _MOST)
            rows = cursor.execute(_NEW, asked, prepare=True).fetchall()
            if not rows:
                break
            for index, partition, event_id, value, not_before in rows:
                if not_before is not None and claims_before(value, not_before - TOLERANCE):
                    place = {"partition": partition, "log_index": index, "event_id": event_id}
                    found.append(Fault("backdated", self._log.name, **place))
            self._next = rows[-1][0] + 1
        return found


def claims_before(value: bytes, moment: datetime) -> bool:
    """Say whether an event says that it was recorded before a moment."""
    try:
        return read_stamp(value).recorded_at < moment
    except RecordRejected:  # no event of ours: its signature or its leaf is wrong, too
        return False
