"""Which events stand under a checkpoint that another country's witness has cosigned.

Such a witness has computed the root from what it received itself. Before that an event is
`provisional`: it counts and is used, and its own country's word is all that vouches for its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import dict_row, tuple_row

from events.agreement import Agreement
from events.contract import domestic_witness_name, partition_of, witness_name
from ledger.case.case import Topic
from node.reading import Reader

Row = Mapping[str, Any]

_COVERED: LiteralString = """
SELECT coalesce(max(size), 0) FROM witness.cosignature WHERE log = %s AND witness = ANY(%s)
"""
_HEAD: LiteralString = """
SELECT max(log_index) + 1 FROM mirror.record WHERE topic = %s AND origin = %s
"""
_OF_CASE: LiteralString = """
SELECT topic, origin, log_index, leaf FROM mirror.record WHERE case_id = %s
"""
# The smallest that a witness who counts has cosigned vouches for it; else the smallest there is.
_COVERING: LiteralString = """
SELECT size, root, note, signed_at, ARRAY(
    SELECT witness FROM witness.cosignature AS by
    WHERE (by.log, by.size) = (note.log, note.size) AND by.cosigned_at < %(until)s ORDER BY witness
) AS cosigned_by
FROM witness.checkpoint AS note
WHERE log = %(log)s AND size = coalesce((
    SELECT by.size FROM witness.cosignature AS by JOIN witness.checkpoint AS its USING (log, size)
    WHERE by.log = %(log)s AND by.size > %(index)s AND by.witness = ANY(%(witnesses)s)
        AND by.cosigned_at < %(until)s AND its.signed_at < %(until)s
    ORDER BY by.size LIMIT 1
), (
    SELECT size FROM witness.checkpoint
    WHERE log = %(log)s AND size > %(index)s AND signed_at < %(until)s ORDER BY size LIMIT 1
))
"""
_DISPUTED: LiteralString = """
SELECT EXISTS (
    SELECT FROM witness.alarm
    WHERE (rule = 'order_differs' OR (rule = 'root_differs' AND log LIKE '%%.order/%%'))
        AND partition = %s AND resolved_at IS NULL
)
"""


def witnesses_of(agreement: Agreement, topic: str, origin: str) -> list[str]:
    """Return whose cosignature ends it that an event is provisional.

    Of a shared log those of the other countries, of a national one its domestic witness.
    """
    if topic == Topic.NATIONAL:
        return [domestic_witness_name(agreement.prefix, origin)]
    others = (code for code in agreement.countries if code != origin)
    return [witness_name(agreement.prefix, code) for code in others]


def covering(
    found: Reader, agreement: Agreement, topic: str, origin: str, index: int, until: datetime
) -> Row | None:
    """Return the first checkpoint known by a moment whose tree holds an index of a log.

    One that a witness who counts has cosigned goes before one that its log alone has signed;
    `cosigned` says which it is. None if nothing covers it.
    """
    witnesses = witnesses_of(agreement, topic, origin)
    named = {"log": agreement.log(topic, origin), "index": index, "until": until}
    with found.connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_COVERING, {**named, "witnesses": witnesses}).fetchone()
    return row and {**row, "cosigned": not set(witnesses).isdisjoint(row["cosigned_by"])}


def provisional(found: Reader, agreement: Agreement, case_id: UUID) -> frozenset[bytes]:
    """Return the leaf hashes of a case's mirrored events that nobody else vouches for yet."""
    with found.connection.cursor(row_factory=tuple_row) as cursor:
        rows = cursor.execute(_OF_CASE, (case_id,)).fetchall()
    logs = {(topic, origin) for topic, origin, _, _ in rows}
    covered = {log: _covered(found, agreement, *log) for log in logs}
    return frozenset(leaf for topic, origin, index, leaf in rows if index >= covered[topic, origin])


def marked(
    found: Reader, agreement: Agreement, case_id: UUID, rows: Iterable[Row]
) -> list[dict[str, Any]]:
    """Return lines about events of a case, each with whether it is provisional now.

    What is still pending or held here stands in no cosigned tree, so it is, too.
    """
    waiting = provisional(found, agreement, case_id)
    return [
        {**row, "provisional": row.get("state") == "pending" or row["leaf"] in waiting}
        for row in rows
    ]


def not_vouched_for(found: Reader, agreement: Agreement, case_id: UUID | None) -> int:
    """Return how many mirrored events are provisional: of a case, or of every log."""
    if case_id is not None:
        return len(provisional(found, agreement, case_id))
    logs = [(topic.value, code) for topic in Topic for code in agreement.countries]
    return sum(max(0, _head(found, *log) - _covered(found, agreement, *log)) for log in logs)


def standing(found: Reader, agreement: Agreement, case_id: UUID) -> dict[str, Any]:
    """Return how sure a case is: its provisional events, and whether its order is disputed."""
    partition = partition_of(case_id, agreement.partitions)
    row = found.connection.execute(_DISPUTED, (partition,)).fetchone()
    return {
        "provisional_events": not_vouched_for(found, agreement, case_id),
        "disputed": bool(row and row[0]),
    }


def _covered(found: Reader, agreement: Agreement, topic: str, origin: str) -> int:
    """Return how many events of a log, from the first on, stand in a cosigned tree."""
    asked = (agreement.log(topic, origin), witnesses_of(agreement, topic, origin))
    row = found.connection.execute(_COVERED, asked).fetchone()
    return int(row[0]) if row else 0


def _head(found: Reader, topic: str, origin: str) -> int:
    row = found.connection.execute(_HEAD, (topic, origin)).fetchone()
    return int(row[0] or 0) if row else 0
