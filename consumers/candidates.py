"""Which cases a reactor looks at: those with news, and once a day all that a day may change."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg import Connection

from projections import generation
from projections.generation import schema_of

#: Records of one partition that are looked at together.
_MOST = 1_000
# Side by side, each partition from where it was left: a join would read the whole mirror, at every
# look, because nobody can tell a planner that almost nothing is new.
_MIRRORED = """
SELECT topic, partition, max(news."offset"), array_agg(DISTINCT news.case_id), count(*)
FROM unnest(%b::text[], %b::int[], %b::bigint[]) AS reached (topic, partition, "offset")
CROSS JOIN LATERAL (
    SELECT record."offset", record.case_id FROM mirror.record AS record
    WHERE record.topic = reached.topic AND record.partition = reached.partition
        AND record."offset" > reached."offset"
    ORDER BY record."offset" LIMIT %b
) AS news
GROUP BY 1, 2
"""
_ENDS = """
SELECT place.topic, place.partition, newest."offset"
FROM unnest(%b::text[], %b::int[]) AS place (topic, partition)
CROSS JOIN LATERAL (
    SELECT record."offset" FROM mirror.record AS record
    WHERE record.topic = place.topic AND record.partition = place.partition
    ORDER BY record."offset" DESC LIMIT 1
) AS newest
"""
# What this country has only decided may forbid already. The numbers are in order of commit.
_DECIDED = """
SELECT max(notification_id), array_agg(DISTINCT originator_id)
FROM ledger.ledger_events WHERE notification_id > %b
"""
_NEWEST = """
SELECT coalesce(max(notification_id), 0) FROM ledger.ledger_events
"""
_SHARING = """
SELECT case_id FROM {schema}.referrals WHERE topic = 'shared' AND is_open
UNION
SELECT releases.case_id FROM {schema}.releases AS releases
WHERE releases.topic = 'shared' AND (
    (releases.origin = %(country)b AND NOT EXISTS (
        SELECT FROM ledger.grant_moved AS moved
        WHERE moved.grant_id = releases.grant_id AND moved.step = 'tombstoned'
    )) OR (releases.recipient = %(country)b AND releases.state = 'released' AND NOT EXISTS (
        SELECT FROM ledger.grant_moved AS moved
        WHERE moved.grant_id = releases.grant_id AND moved.step = 'received'
    ))
)
UNION
SELECT case_id FROM {schema}.audit_trail WHERE event_type = 'ErasureApproved'
UNION
SELECT case_id FROM {schema}.case_file
WHERE EXISTS (SELECT FROM ledger.rule_text) AND CASE
    WHEN state = 'open' AND responsible = %(country)b
    THEN undirected OR unreckoned OR NOT monitored OR missing
    ELSE monitored
END
"""
# Services that have not answered in time, and what else is over; and, if a provider has said
# something, the children whom the duty desk has because no service was left.
_DUE = """
SELECT case_id FROM {schema}.routings WHERE state = 'asked' AND answer_by <= now()
UNION
SELECT case_id FROM {schema}.deadlines WHERE next_at <= now()
UNION
SELECT case_id FROM {schema}.routings WHERE %b AND state = 'asked' AND service IS NULL
"""


class Candidates:
    """Remembers how far it has looked; a new one begins with every case that is under way."""

    def __init__(self, connection: Connection[Any], country: str, partitions: int) -> None:
        self._connection = connection
        self._country = country
        places = [(topic, at) for topic in ("shared", "national") for at in range(partitions)]
        self._reached: dict[tuple[str, int], int] = dict.fromkeys(places, -1)
        topics, numbers = zip(*places, strict=True)
        for topic, partition, offset in connection.execute(_ENDS, (list(topics), list(numbers))):
            self._reached[topic, partition] = offset
        row = connection.execute(_NEWEST).fetchone()
        self._decided: int = 0 if row is None else row[0]

    def all(self) -> set[UUID]:
        """Return every case that shares something or is about to, or waits to be erased."""
        number = generation.current(self._connection)
        if number is None:
            return set()
        statement = _SHARING.format(schema=schema_of(number))
        rows = self._connection.execute(statement, {"country": self._country})
        return {case_id for (case_id,) in rows}

    def due(self, *, of_desk: bool = False) -> set[UUID]:
        """Return the cases in which somebody has not answered, or something is not there, in time.

        With `of_desk` also those that wait for a service to be found.
        """
        number = generation.current(self._connection)
        if number is None:
            return set()
        statement = _DUE.format(schema=schema_of(number))
        return {case_id for (case_id,) in self._connection.execute(statement, (of_desk,))}

    def news(self) -> set[UUID]:
        """Return the cases with events that were decided or mirrored since the last look.

        What was held takes effect with a newer record of its case: that record is the news.
        """
        found: set[UUID] = set()
        while self._look(found):
            pass
        row = self._connection.execute(_DECIDED, (self._decided,), prepare=True).fetchone()
        if row is not None and row[0] is not None:
            self._decided = row[0]
            found.update(row[1])
        return found

    def _look(self, found: set[UUID]) -> bool:
        """Add the cases of what was mirrored next; say whether there may be more."""
        topics, partitions = zip(*self._reached, strict=True)
        asked = (list(topics), list(partitions), list(self._reached.values()), _MOST)
        rows = self._connection.execute(_MIRRORED, asked, prepare=True).fetchall()
        for topic, partition, offset, cases, _count in rows:
            self._reached[topic, partition] = offset
            found.update(cases)
        return any(count == _MOST for *_, count in rows)
