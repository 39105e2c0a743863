"""R1: rows of the mirror that stand in no log, where nothing that reads a log would see them.

And those that admission put aside because they contradict another one. Of the former no program
writes one: a constraint of the table, or the order in which a log is read, is in the way. Whoever
rules the database can take both away.
"""

from __future__ import annotations

from collections.abc import Iterator

from events.agreement import Agreement
from events.codec import Stamp, read_stamp
from events.contract import log_name, split_log_header
from events.errors import RecordRejected
from events.stamp import NOTHING_SEEN, leaf_hash
from ledger.log.findings import Finding, Heard, found, found_without_event
from ledger.log.mirrored import LogName
from node.reading import Reader

# Few: the index of logs finds them, and no honest row is among them.
_NOWHERE = """
SELECT topic, partition, "offset", origin, version, event_id, case_id, leaf, log_index, mirrored_at
FROM mirror.record
WHERE topic IS NULL OR topic NOT IN ('shared', 'national') OR log_index IS NULL OR log_index < 0
    OR origin IS NULL OR NOT origin = ANY (%s) OR (topic = 'national' AND origin <> %s)
ORDER BY topic, partition, "offset"
"""


def check_rows(reading: Reader, agreement: Agreement) -> Iterator[Finding]:
    """Yield each row that stands in no log of this agreement."""
    asked = (list(agreement.countries), reading.country)
    for row in reading.connection.execute(_NOWHERE, asked):
        topic, partition, offset, origin, version, event_id, case_id, leaf, index, at = row
        stamp = Stamp(
            event_id=event_id,
            case_id=case_id,
            origin=origin or "",
            version=version,
            seen=NOTHING_SEEN,
            occurred_at=at,
            recorded_at=at,
        )
        log = log_name(topic or "", origin or "")
        place = (partition, offset, None, topic or "", log, index)
        yield found("R1", "row_differs", Heard(stamp, leaf, *place))


def doubled(reading: Reader, log: LogName) -> Iterator[Finding]:
    """Yield two signed statements that cannot both be true, of which one was put aside."""
    rows = reading.connection.execute(_DOUBLED, {"topic": log.topic, "origin": log.origin})
    for partition, offset, value, header, what in rows:
        try:
            stamp, (index, _) = read_stamp(value), split_log_header(header)
        except RecordRejected:  # admission has read both: somebody changed the row since
            said = {"topic": log.topic, "partition": partition, "offset": offset}
            yield found_without_event("R1", "stray_differs", log.origin, log.name, **said)
            continue
        place = (partition, offset, None, log.topic, log.name, index)
        yield found("R1", what, Heard(stamp, leaf_hash(value), *place))


_DOUBLED = """
SELECT partition, "offset", value, log, 'signed_twice' FROM mirror.stray
WHERE topic = %(topic)s AND origin = %(origin)s AND outcome = 'equivocation'
UNION ALL
SELECT stray.partition, stray."offset", record.value, stray.log, 'index_twice'
FROM mirror.stray AS stray
JOIN mirror.record AS record USING (topic, origin, leaf)
WHERE stray.topic = %(topic)s AND stray.origin = %(origin)s AND stray.outcome = 'repeat'
    AND substring(stray.log FOR 8) <> int8send(record.log_index)
"""
