"""Metrics about children who wait, asked of the read models whenever somebody looks.

The first alert is about a child, not about a broker (docs/reference.md, Metrics).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from projections import generation

#: Consents that end within so many days are told apart.
_WINDOWS = (7, 30, 90)
#: A question may take so long: whoever scrapes waits for it.
_PATIENCE = "2s"

_UNANSWERED = """
SELECT handoff.sender, handoff.receiver,
    extract(epoch FROM max(now() - trail.recorded_at))::float8
FROM {schema}.referrals AS handoff
JOIN {schema}.audit_trail AS trail
    ON trail.case_id = handoff.case_id AND trail.topic = handoff.topic
    AND trail.event_id = handoff.began_with
WHERE handoff.is_open AND handoff.state IN ('sent', 'proposed', 'requested')
    AND handoff.topic = 'shared'
GROUP BY 1, 2
"""
_ENDING = """
SELECT days, count(DISTINCT case_id)
FROM unnest(%s::int[]) AS days
LEFT JOIN {schema}.consents
    ON state = 'granted' AND expires_on BETWEEN current_date AND current_date + days
GROUP BY 1 ORDER BY 1
"""


class ChildrenWaiting(Collector):
    """Two questions to one country's read models."""

    def __init__(self, dsn: str, country: str) -> None:
        self._dsn = dsn
        self._country = country

    def describe(self) -> list[Metric]:
        """Return the metrics without asking anything."""
        return [self._oldest(), self._ending(), self._success()]

    def collect(self) -> Iterator[Metric]:
        """Ask now; say so if there is no answer, or silence would look like calm."""
        oldest, ending, success = self._oldest(), self._ending(), self._success()
        try:
            with psycopg.connect(self._dsn, connect_timeout=2) as database:
                database.execute("SELECT set_config('statement_timeout', %s, false)", (_PATIENCE,))
                number = generation.current(database)
                if number is not None:
                    self._ask(database, generation.schema_of(number), oldest, ending)
        except psycopg.Error:
            number = None
        success.add_metric([self._country], float(number is not None))
        yield success
        if number is not None:
            yield from (oldest, ending)

    def _ask(
        self,
        database: psycopg.Connection[Any],
        schema: str,
        oldest: GaugeMetricFamily,
        ending: GaugeMetricFamily,
    ) -> None:
        for sender, receiver, seconds in database.execute(_UNANSWERED.format(schema=schema)):
            oldest.add_metric([sender, receiver], seconds)
        for days, cases in database.execute(_ENDING.format(schema=schema), (list(_WINDOWS),)):
            ending.add_metric([self._country, f"{days}d"], cases)

    @staticmethod
    def _success() -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "ledger_children_asked_success",
            "1 if the questions about children who wait were answered, 0 if they were not.",
            labels=["country"],
        )

    @staticmethod
    def _oldest() -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "ledger_oldest_unacknowledged_handoff_seconds",
            "How long the oldest handoff waits that its receiver has not even looked at.",
            labels=["from_country", "to_country"],
        )

    @staticmethod
    def _ending() -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "ledger_consent_expiring_cases",
            "Cases with a consent that ends within the window.",
            labels=["country", "window"],
        )
