"""R1: rows that no program writes, where nothing that reads a log would see them, or could.

A constraint of a table, or the order in which a log is read, is in the way; whoever rules the
database can take both away. And what admission put aside because it contradicts another event.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from events.agreement import Agreement
from events.codec import Stamp, read_stamp
from events.contract import log_name, split_log_header
from events.errors import RecordRejected
from events.stamp import NOTHING_SEEN, leaf_hash
from ledger.case.case import Topic
from ledger.log.findings import Finding, Heard, found, found_without_event
from ledger.log.mirrored import LogName
from node.reading import Reader

#: Of a `record` of the mirror: what its table asks of every row. Of any other nothing can be read,
#: so it is named here and left out everywhere else.
WHOLE: Final = """num_nulls(
    record.topic, record.partition, record."offset", record.case_id, record.origin, record.version,
    record.event_id, record.leaf, record.log_index, record.signature, record.ce_type, record.value,
    record.mirrored_at) = 0"""

# Few, and no honest row is among them.
_NOWHERE = f"""
SELECT topic, partition, "offset", origin, version, event_id, case_id, leaf, log_index,
    {{mirrored_at}}
FROM mirror.record AS record
WHERE NOT {WHOLE} OR topic NOT IN ('shared', 'national') OR log_index < 0
    OR NOT origin = ANY (%(countries)s) OR (topic = 'national' AND origin <> %(own)s)
ORDER BY topic, partition, "offset"
"""  # noqa: S608 - our own names


def bounded(column: str) -> str:
    """Return SQL for a time that can be read and counted with, whatever stands in a column.

    What is none, endless, or of a year that nobody here lives in, is very long ago or very far.
    """
    return f"least(greatest({column}, '0002-01-01'), '9998-12-31')"


def timely(column: str) -> str:
    """Return SQL that says whether something can have been heard at the time in a column."""
    latest = "now() + interval '2 minutes'"
    return f"coalesce({column} BETWEEN '0002-01-01' AND {latest}, false)"


def check_rows(reading: Reader, agreement: Agreement) -> Iterator[Finding]:
    """Yield each row of the mirror that stands in no log of this agreement, or is none."""
    asked = {"countries": list(agreement.countries), "own": reading.country}
    nowhere = _NOWHERE.format(mirrored_at=bounded("mirrored_at"))
    for row in reading.connection.execute(nowhere, asked):
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
        log = _log(reading, agreement, topic, origin)
        place = (partition, offset, None, topic or "", log, index)
        yield found("R1", "row_differs", Heard(stamp, leaf, *place))
    for topic, partition, offset, origin in reading.connection.execute(_ASIDE, asked):
        said = {"topic": topic or "", "partition": partition, "offset": offset}
        log = _log(reading, agreement, topic, origin)
        yield found_without_event("R1", "stray_differs", origin or "", log, **said)


def _log(reading: Reader, agreement: Agreement, topic: str | None, origin: str | None) -> str:
    """Return the name of the log in which a row would stand, as far as it says so."""
    known = {
        Topic.SHARED.value: agreement.shared_topic,
        Topic.NATIONAL.value: agreement.national_topic(reading.country),
    }
    return log_name(known.get(topic or "", topic or ""), origin or "")


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


# What was signed is of a country of the agreement: of another one nobody would look at it below.
_ASIDE = """
SELECT topic, partition, "offset", origin FROM mirror.stray
WHERE num_nulls(topic, partition, "offset", outcome, reason, mirrored_at) > 0
    OR topic NOT IN ('shared', 'national') OR outcome NOT IN ('noise', 'equivocation', 'repeat')
    OR outcome <> 'noise' AND (origin IS NULL OR NOT origin = ANY (%(countries)s)
        OR topic = 'national' AND origin <> %(own)s)
ORDER BY topic, partition, "offset"
"""
_DOUBLED = """
SELECT partition, "offset", coalesce(value, ''), coalesce(log, ''), 'signed_twice' FROM mirror.stray
WHERE topic = %(topic)s AND origin = %(origin)s AND outcome = 'equivocation'
UNION ALL
SELECT stray.partition, stray."offset", coalesce(record.value, ''), coalesce(stray.log, ''),
    'index_twice'
FROM mirror.stray AS stray
JOIN mirror.record AS record USING (topic, origin, leaf)
WHERE stray.topic = %(topic)s AND stray.origin = %(origin)s AND stray.outcome = 'repeat'
    AND substring(stray.log FOR 8) IS DISTINCT FROM int8send(record.log_index)
"""
