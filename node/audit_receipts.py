"""R9: what a projection says that it rests on is what stands here, and what its country signed.

The newest receipt of the generation in use (projections/receipt.py) is recomputed from the mirror:
of each log the tree of what takes effect before the place to which the projection had read, of each
partition the tree in order of effect. So a worker that skipped an event, or took two in another
order, is found even if what it shows is right now. As long as nothing was read since, each read
model has to have the hash that it had, too; what they say at any place is shown by a replay.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from psycopg import DataError

from events.agreement import Agreement
from events.contract import log_name
from ledger.case.case import Topic
from ledger.log.findings import Finding, found_without_event
from node.audit_rows import WHOLE
from node.reading import Reader
from projections.hashing import state_hash
from projections.models import TABLES
from projections.positions import read as positions_of
from projections.receipt import Log, Receipt, logs_in, newest, orders_in


def check_receipt(reading: Reader, agreement: Agreement) -> Iterator[Finding]:
    """Yield how the newest receipt differs from what stands here; nothing if there is none."""
    try:
        receipt = newest(reading.connection, reading.generation)
        if receipt is not None:
            _check_form(receipt)
    except (TypeError, ValueError, AttributeError, DataError):  # whatever stands in the row
        yield _about("receipt_differs", "", model="projections.receipt")
        return
    if receipt is None:
        return
    for case_id, topic in reading.connection.execute(_NOWHERE, _asked(receipt)):
        said: dict[str, Any] = {"topic": topic, "case_id": case_id}
        yield _about("receipt_differs", "", model="projections.receipt", **said)
    yield from _logs(reading, agreement, receipt)
    yield from _orders(reading, receipt)
    yield from _models(reading, receipt)


def _check_form(receipt: Receipt) -> None:
    """Raise TypeError or ValueError for what nobody has taken, before PostgreSQL stumbles on it."""
    for one, types in (
        *((order, _ORDER) for order in receipt.orders),
        *((log, _LOG) for log in receipt.logs),
        *((parked, _PARKED) for parked in receipt.parked),
    ):
        if tuple(map(type, one)) != types:
            raise TypeError
        if not all(0 <= number < _BIGINT for number in one if isinstance(number, int)):
            raise ValueError
    small = [one.partition for one in receipt.orders] + [one.since_rank for one in receipt.parked]
    if not all(number < _INT for number in small):
        raise ValueError
    for parked in receipt.parked:
        UUID(parked.case_id)
    if not isinstance(receipt.models, dict):
        raise TypeError


_ORDER, _LOG, _PARKED = (str, int, int, int, str), (str, str, int, str), (str, str, int, int)
_INT, _BIGINT = 2**31, 2**63


def found_by_replay(differences: Mapping[str, int]) -> Iterator[Finding]:
    """Yield what building all read models anew has shown: read model -> rows that differ."""
    for name, rows in differences.items():
        yield _about("replay_differs", "", model=name, size=rows)


def _logs(reading: Reader, agreement: Agreement, receipt: Receipt) -> Iterator[Finding]:
    """Compare each log with what has taken effect here, and with the root that was signed."""
    stated = {(one.topic, one.origin): one for one in receipt.logs}
    with reading.connection.cursor(name="receipt_logs", binary=True) as cursor:
        cursor.itersize = 5_000
        there = list(logs_in(cursor.execute(_RESTED + _BY_LOG, _asked(receipt))))
    for log in there:
        name = log_name(_topic_name(agreement, reading.country, log.topic), log.origin)
        mine = stated.pop((log.topic, log.origin), Log(log.topic, log.origin, 0, ""))
        signed = reading.connection.execute(_SIGNED, (name, mine.size)).fetchone()
        differs = mine.size > 0 and signed is not None and signed[0].hex() != mine.root
        if mine != log or differs:
            yield _in_log(reading, mine, min(mine.size, log.size), name)
    for mine in stated.values():  # of these logs nothing takes effect here
        name = log_name(_topic_name(agreement, reading.country, mine.topic), mine.origin)
        yield _in_log(reading, mine, 0, name)


def _in_log(reading: Reader, mine: Log, place: int, name: str) -> Finding:
    """Name the first event that was skipped; where as many are here, only the log can be named."""
    row = reading.connection.execute(_EVENT, (mine.topic, mine.origin, place)).fetchone()
    said: dict[str, Any] = {"size": mine.size, "topic": mine.topic}
    if row is not None:
        ids = ("case_id", "event_id", "version", "partition", "offset")
        said |= {"log_index": place, **dict(zip(ids, row, strict=True))}
    return found_without_event("R9", "receipt_log_differs", mine.origin, name, **said)


def _orders(reading: Reader, receipt: Receipt) -> Iterator[Finding]:
    ends = [one[:3] for one in receipt.orders]
    with reading.connection.cursor(name="receipt_orders", binary=True) as cursor:
        cursor.itersize = 5_000
        there = list(orders_in(ends, cursor.execute(_RESTED + _BY_ORDER, _asked(receipt))))
    for mine, here in zip(receipt.orders, there, strict=True):
        if mine != here:
            yield _about(
                "receipt_order_differs",
                mine.topic,
                topic=mine.topic,
                partition=mine.partition,
                size=mine.size,
            )


def _models(reading: Reader, receipt: Receipt) -> Iterator[Finding]:
    """Compare what the read models say, if nobody has read on since the receipt was taken."""
    now = positions_of(reading.connection, reading.schema)
    then = {(one.topic, one.partition): one.next_offset for one in receipt.orders}
    if {part: position.next_offset for part, position in now.items()} != then:
        return
    parked = reading.connection.execute(
        f"SELECT count(*) FROM {reading.schema}.parked"  # noqa: S608 - our own name
    ).fetchone()
    if parked != (len(receipt.parked),):  # what waited was folded on: no position says so
        return
    for table in TABLES:
        stated = receipt.models.get(table.name)
        if stated != state_hash(reading.connection, reading.schema, table):
            yield _about("receipt_model_differs", "", model=table.name)


def _about(what: str, log: str, *, model: str = "", **said: Any) -> Finding:
    return found_without_event("R9", what, "", model or log, **said)


def _asked(receipt: Receipt) -> dict[str, str]:
    return {"orders": json.dumps(receipt.orders), "parked": json.dumps(receipt.parked)}


def _topic_name(agreement: Agreement, country: str, topic: str) -> str:
    shared = topic == Topic.SHARED.value
    return agreement.shared_topic if shared else agreement.national_topic(country)


_STATED = """
WITH reached AS (
    SELECT one ->> 0 AS topic, (one ->> 1)::int AS partition, (one ->> 2)::bigint AS next_offset
    FROM jsonb_array_elements(%(orders)s::jsonb) AS one
), waits AS (
    SELECT (one ->> 0)::uuid AS case_id, one ->> 1 AS topic, (one ->> 2)::bigint AS since_offset,
        (one ->> 3)::int AS since_rank
    FROM jsonb_array_elements(%(parked)s::jsonb) AS one
)"""
# What is said to have waited, and had not even come.
_NOWHERE = (
    _STATED
    + """
SELECT case_id, topic FROM waits WHERE NOT EXISTS (
    SELECT FROM mirror.record AS record JOIN reached USING (topic, partition)
    WHERE (record.case_id, record.topic, effect_offset, effect_rank)
        = (waits.case_id, waits.topic, since_offset, since_rank)
        AND effect_offset < next_offset
)
"""
)
# What had taken effect at the positions of a receipt, without what waited behind a parked event.
_RESTED = f"""{_STATED}, rested AS (
    SELECT record.* FROM mirror.record AS record JOIN reached USING (topic, partition)
    WHERE {WHOLE} AND record.effect_offset < reached.next_offset AND NOT EXISTS (
        SELECT FROM waits
        WHERE (waits.case_id, waits.topic) = (record.case_id, record.topic)
            AND (record.effect_offset, record.effect_rank) >= (since_offset, since_rank)
    )
)
"""  # noqa: S608 - our own names
_BY_LOG = """
SELECT topic, origin, log_index, sha256('\\x00'::bytea || value) FROM rested
ORDER BY topic, origin, log_index
"""
_BY_ORDER = """
SELECT topic, partition, sha256('\\x00'::bytea || value) FROM rested
ORDER BY topic, partition, effect_offset, effect_rank
"""
_SIGNED = """
SELECT root FROM witness.checkpoint WHERE log = %s AND size = %s AND root IS NOT NULL
"""
_EVENT = """
SELECT case_id, event_id, version, partition, "offset" FROM mirror.record
WHERE topic = %s AND origin = %s AND log_index = %s
"""
