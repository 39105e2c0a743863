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

# What is released goes on being released until the sender's reactor has said that it stops. A
# refusal has an id of its own and may end several permissions.
_UNSTOPPED = """
SELECT one.origin, one.recipient,
    extract(epoch FROM max(now() - coalesce(ended.at, basis.expires_on + 1)))::float8
FROM {schema}.releases AS one
JOIN {schema}.consents AS basis
    ON basis.case_id = one.case_id AND basis.topic = one.topic AND basis.basis_id = one.basis_id
    AND (basis.state <> 'granted' OR basis.expires_on < current_date)
JOIN LATERAL (
    SELECT max(trail.recorded_at) AS at FROM {schema}.audit_trail AS trail
    WHERE trail.case_id = one.case_id AND trail.topic = one.topic AND trail.effective AND (
        trail.event_type = 'ConsentRefused'
        OR trail.event_type IN ('ConsentWithdrawn', 'OverrideEnded')
        AND one.basis_id::text IN (trail.summary ->> 'consent_id', trail.summary ->> 'override_id')
    )
) AS ended ON true
WHERE one.state = 'released'
GROUP BY 1, 2
"""
_UNERASED = """
SELECT extract(epoch FROM max(now() - approved.recorded_at))::float8
FROM {schema}.audit_trail AS approved
WHERE approved.event_type = 'ErasureApproved' AND approved.effective AND NOT EXISTS (
    SELECT FROM {schema}.audit_trail AS said
    WHERE said.case_id = approved.case_id AND said.origin = approved.origin AND said.effective
        AND said.event_type = 'ErasureAttested' AND said.recorded_at >= approved.recorded_at
)
"""
# Emergency accesses that nobody has looked at again.
_UNREVIEWED = """
SELECT extract(epoch FROM max(now() - opened_at))::float8
FROM {schema}.tasks WHERE kind = 'access_review' AND state = 'open'
"""
# Transfers that this country sent or asked for: past their grace, or expired and not looked at.
_LATE = """
SELECT extract(epoch FROM max(now() - since))::float8 FROM (
    SELECT opened_at AS since FROM {schema}.tasks
    WHERE kind = 'transfer_expired' AND state = 'open'
    UNION ALL
    SELECT (due_on + 2)::timestamptz FROM {schema}.referrals
    WHERE kind = 'transfer' AND is_open AND state <> 'moved' AND sender = %s
        AND due_on + 2 <= current_date
) AS late
"""


class ChildrenWaiting(Collector):
    """A few questions to one country's read models."""

    def __init__(self, dsn: str, country: str) -> None:
        self._dsn = dsn
        self._country = country

    def describe(self) -> list[Metric]:
        """Return the metrics without asking anything."""
        return [*self._answers(), self._success()]

    def collect(self) -> Iterator[Metric]:
        """Ask now; say so if there is no answer, or silence would look like calm."""
        answers, success = self._answers(), self._success()
        try:
            with psycopg.connect(self._dsn, connect_timeout=2) as database:
                database.execute("SELECT set_config('statement_timeout', %s, false)", (_PATIENCE,))
                number = generation.current(database)
                if number is not None:
                    self._ask(database, generation.schema_of(number), *answers)
        except psycopg.Error:
            number = None
        success.add_metric([self._country], float(number is not None))
        yield success
        if number is not None:
            yield from answers

    def _ask(
        self,
        database: psycopg.Connection[Any],
        schema: str,
        oldest: GaugeMetricFamily,
        ending: GaugeMetricFamily,
        unstopped: GaugeMetricFamily,
        unerased: GaugeMetricFamily,
        unreviewed: GaugeMetricFamily,
        late: GaugeMetricFamily,
    ) -> None:
        for sender, receiver, seconds in database.execute(_UNANSWERED.format(schema=schema)):
            oldest.add_metric([sender, receiver], seconds)
        for days, cases in database.execute(_ENDING.format(schema=schema), (list(_WINDOWS),)):
            ending.add_metric([self._country, f"{days}d"], cases)
        for sender, receiver, seconds in database.execute(_UNSTOPPED.format(schema=schema)):
            unstopped.add_metric([sender, receiver], seconds)
        for (seconds,) in database.execute(_UNERASED.format(schema=schema)):
            unerased.add_metric([self._country], seconds or 0.0)
        for (seconds,) in database.execute(_UNREVIEWED.format(schema=schema)):
            unreviewed.add_metric([self._country], seconds or 0.0)
        for (seconds,) in database.execute(_LATE.format(schema=schema), (self._country,)):
            late.add_metric([self._country], seconds or 0.0)

    def _answers(self) -> list[GaugeMetricFamily]:
        asked = (
            self._oldest,
            self._ending,
            self._unstopped,
            self._unerased,
            self._unreviewed,
            self._late,
        )
        return [make() for make in asked]

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

    @staticmethod
    def _unstopped() -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "ledger_oldest_unstopped_release_seconds",
            "Since when keys are shared whose consent or override has ended.",
            labels=["from_country", "to_country"],
        )

    @staticmethod
    def _unerased() -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "ledger_oldest_unfinished_erasure_seconds",
            "How long the oldest approved erasure waits that is not attested; 0 if there is none.",
            labels=["country"],
        )

    @staticmethod
    def _unreviewed() -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "ledger_oldest_unreviewed_access_seconds",
            "Age of the oldest emergency access that nobody has reviewed; 0 if there is none.",
            labels=["country"],
        )

    @staticmethod
    def _late() -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "ledger_oldest_late_transfer_seconds",
            "Since when a transfer of this country's is late or expired unseen; 0 if none is.",
            labels=["country"],
        )
