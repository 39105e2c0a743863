"""How long checkpoints wait for each of their witnesses: what is not cosigned is provisional."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, LiteralString

from psycopg import Connection
from psycopg.rows import tuple_row

from consumers.trust import Trust
from consumers.witness_measures import COSIGN_LAG

_EVERY_S: Final = 5.0
_WAITING: LiteralString = """
SELECT log, witness, extract(epoch FROM now() - (
    SELECT signed_at FROM witness.checkpoint AS checkpoint
    WHERE checkpoint.log = asked.log AND size > coalesce((
        SELECT max(size) FROM witness.cosignature AS cosignature
        WHERE cosignature.log = asked.log AND cosignature.witness = asked.witness
    ), 0)
    ORDER BY size LIMIT 1
))::float8
FROM unnest(%b::text[], %b::text[]) AS asked (log, witness)
"""


class CosignLag:
    """The lag of every witness of every log that is known here."""

    def __init__(self, country: str, trust: Trust, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._asked_at = float("-inf")
        self._pairs = sorted(
            {(name, one.name) for name, known in trust.logs.items() for one in known.witnesses}
        )
        #: Since when the oldest checkpoint of a log waits for a witness.
        self._since: dict[tuple[str, str], float | None] = dict.fromkeys(self._pairs)
        for log, witness in self._pairs:
            gauge = COSIGN_LAG.labels(country, log, witness)
            gauge.set_function(partial(self._lag, (log, witness)))

    def look(self, database: Connection[Any]) -> None:
        """Ask again, now and then; in between each lag grows by itself."""
        now = self._clock()
        if not self._pairs or now - self._asked_at < _EVERY_S:
            return
        self._asked_at = now
        asked = ([log for log, _ in self._pairs], [witness for _, witness in self._pairs])
        cursor = database.cursor(row_factory=tuple_row)
        for log, witness, seconds in cursor.execute(_WAITING, asked, prepare=True):
            self._since[log, witness] = None if seconds is None else now - seconds

    def _lag(self, pair: tuple[str, str]) -> float:
        since = self._since[pair]
        return 0.0 if since is None else self._clock() - since
