"""What waits to be published, and since when: told from the first look at the store on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from events.codec import read_stamp
from ledger.case.case import Topic
from ledger.relaying.metrics import RelayMetrics
from ledger.relaying.source import Row, Source

#: While more rows wait than one batch holds, they are counted at most so often.
_COUNT_S = 1.0


class Outbox:
    """This country's events that are not known to be on their topics, by topic."""

    def __init__(
        self,
        source: Source,
        planes: Sequence[Topic],
        metrics: RelayMetrics,
        progress: Callable[[], None],
    ) -> None:
        """Call `progress` while something long is counted."""
        self._source = source
        self._planes = planes
        self._metrics = metrics
        self._progress = progress
        #: When the oldest waiting event was recorded, in seconds since 1970.
        self._oldest: dict[Topic, float | None] = dict.fromkeys(planes)
        self._counted = 0.0

    def look(self) -> None:
        """Tell what waits as the hints have it, before the relay waits for anything itself.

        While Kafka is away or another relay holds the lock, nobody else could say so.
        """
        for plane in self._planes:
            hint = self._source.hint(plane)
            self._count(plane, hint.place.notification_id if hint else 0)
            self._metrics.age_by(plane, partial(self._oldest.get, plane))

    def measure(self, rows: Sequence[Row], *, more: bool) -> None:
        """Tell what waits from the next rows; with `more` behind them the store is asked."""
        if more:
            if time.monotonic() - self._counted > _COUNT_S:
                for plane in self._planes:
                    self._count(plane, rows[0].id - 1)
            return
        for plane in self._planes:
            states = [row.state for row in rows if row.topic.startswith(f"{plane}/")]
            self._tell(plane, len(states), states[0] if states else None)

    def _count(self, plane: Topic, after: int) -> None:
        events, first = self._source.stretch(plane, self._progress, after=after)
        self._tell(plane, events, None if first is None else self._source.state(first))
        self._counted = time.monotonic()

    def _tell(self, plane: Topic, waiting: int, oldest: bytes | None) -> None:
        self._oldest[plane] = read_stamp(oldest).recorded_at.timestamp() if oldest else None
        self._metrics.pending.labels(self._metrics.origin, plane).set(waiting)
