"""A few cases that cannot be folded are parked; many of them are a fault of ours, and we stop.

A case that waits for a schema does not count: that is planned, harms nobody else's case, and a
stopped worker would keep every other child's withdrawal from being seen.
"""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from events.errors import RecordRejected
from projections.folding import UNKNOWN_SCHEMA, Stop

#: So many cases may be parked within ten minutes, or this share of all cases if that is less.
MOST = 20
SHARE = 0.01
#: A young ledger has few cases, and one of them is more than one percent.
LEAST = 5

_COUNTS = """
SELECT
    count(*) FILTER (WHERE reason <> %s AND parked_at > now() - interval '10 minutes'),
    (SELECT count(DISTINCT case_id) FROM {schema}.case_state)
FROM {schema}.parked
"""


def hold(connection: Connection[Any], schema: str, stops: list[Stop]) -> None:
    """Raise RecordRejected if too many cases were parked lately; the batch is then not applied.

    Asked inside the batch's transaction, of the table, so that restarts do not begin anew.
    """
    if all(stop.reason == UNKNOWN_SCHEMA for stop in stops):
        return
    row = connection.execute(_COUNTS.format(schema=schema), (UNKNOWN_SCHEMA,)).fetchone()
    assert row is not None
    parked, cases = row
    if parked > min(MOST, max(LEAST, cases * SHARE)):
        raise RecordRejected(
            f"{parked} cases could not be folded within ten minutes"
            f" (the last: {stops[-1].reason}); this is no bad record but a bad release",
            rule="breaker",
        )
