"""Which cases a reactor looks at: those with news, and once a day all that share anything."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection

from projections import generation
from projections.generation import schema_of

_NEWS = """
SELECT record.topic, record.partition, max(record."offset"), array_agg(DISTINCT record.case_id)
FROM unnest(%b::text[], %b::int[], %b::bigint[]) AS reached (topic, partition, "offset")
JOIN mirror.record AS record ON record.topic = reached.topic
    AND record.partition = reached.partition AND record."offset" > reached."offset"
GROUP BY 1, 2
"""
_ENDS = """
SELECT topic, partition, max("offset") FROM mirror.record GROUP BY 1, 2
"""
_SHARING = """
SELECT DISTINCT case_id FROM {schema}.referrals WHERE topic = 'shared'
UNION
SELECT DISTINCT case_id FROM {schema}.audit_trail WHERE event_type = 'ErasureApproved'
"""


class Candidates:
    """Remembers how far it has looked; a new one begins with every case that shares something."""

    def __init__(self, connection: Connection[Any], partitions: int) -> None:
        self._connection = connection
        places = [(topic, at) for topic in ("shared", "national") for at in range(partitions)]
        self._reached: dict[tuple[str, int], int] = dict.fromkeys(places, -1)
        for topic, partition, offset in connection.execute(_ENDS):
            self._reached[topic, partition] = offset

    def all(self) -> set[UUID]:
        """Return every case that shares something, or waits to be erased."""
        number = generation.current(self._connection)
        if number is None:
            return set()
        rows = self._connection.execute(_SHARING.format(schema=schema_of(number)))
        return {case_id for (case_id,) in rows}

    def news(self) -> set[UUID]:
        """Return the cases with events that were mirrored since the last look."""
        topics, partitions = zip(*self._reached, strict=True)
        reached = list(self._reached.values())
        rows = self._connection.execute(
            _NEWS, (list(topics), list(partitions), reached), prepare=True
        ).fetchall()
        found: set[UUID] = set()
        for topic, partition, offset, cases in rows:
            self._reached[topic, partition] = offset
            found.update(cases)
        return found
