"""Whether this node may decide: not before its mirror holds what the topics held at the start.

After a start, a failover or a restore the store may lack events of this country that stand on the
topic, and the mirror may be behind. A decision taken then could contradict one that others have
already seen. So the relay, once it has copied back what was missing, marks how far the topics
reached, and until the mirror has come so far every command is refused.
"""

from __future__ import annotations

from typing import Any, LiteralString

from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier

from events.errors import ServiceUnavailable
from ledger.store import Store

_MARKS: LiteralString = """
SELECT mark.topic, mark.partition, mark.incarnation, mark.high_watermark,
    CASE WHEN position.topic_id = mark.topic_id THEN position.next_offset END
FROM ledger.start_mark AS mark
LEFT JOIN {position} AS position USING (topic, partition)
ORDER BY 1, 2
"""


class Readiness:
    """Remembers in which life of the database the mirror has been found far enough."""

    def __init__(self, store: Store, *, partitions: int) -> None:
        self._store = store
        self._partitions = partitions
        self._ready_in = ""

    def require(self, incarnation: str, generation: int) -> None:
        """Raise ServiceUnavailable, saying what is waited for, unless the node may decide.

        Positions only grow, so within one life of the database the question is settled once.
        """
        if incarnation != self._ready_in:
            reason = self._waits_for(incarnation, generation)
            if reason is not None:
                raise ServiceUnavailable(f"this node waits for {reason}", rule="start_mark")
            self._ready_in = incarnation

    def _waits_for(self, incarnation: str, generation: int) -> str | None:
        statement = SQL(_MARKS).format(position=Identifier(f"read_{generation}", "position"))
        with self._store.reading() as connection:
            marks = connection.cursor(row_factory=tuple_row).execute(statement).fetchall()
        for topic in ("shared", "national"):
            fresh = [row for row in marks if row[0] == topic and row[2] == incarnation]
            if len(fresh) < self._partitions:
                return f"the relay to read the {topic} topic since the database started"
            for _, partition, _, end, position in fresh:
                if (position or 0) < end:
                    return f"its mirror: {topic} partition {partition}: {_far(position)} of {end}"
        return None


def _far(position: Any) -> str:
    return "another topic" if position is None else str(position)
