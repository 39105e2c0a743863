"""What the relay counts. National types stand under one label: their frequency tells too much."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from ledger.case.case import Topic
from ledger.relaying.endings import Reason


class RelayMetrics:
    """The relay's metrics of one country."""

    def __init__(self, origin: str, registry: CollectorRegistry = REGISTRY) -> None:
        self.origin = origin
        self._count_events(registry)
        self._count_endings(registry)
        self._watch_the_outbox(registry)
        self._transaction_seconds = Histogram(
            "ledger_relay_transaction_seconds",
            "From the beginning of a transaction to its commit, or to the error that ended it.",
            ["origin", "outcome"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=registry,
        )

    def _count_events(self, registry: CollectorRegistry) -> None:
        self.published = Counter(
            "ledger_relay_published_total",
            "Events that were committed to a topic.",
            ["origin", "topic", "event_type"],
            registry=registry,
        )
        self.recovered = Counter(
            "ledger_relay_recovered_total",
            "Events found on a topic beyond the hint: duplicates that the scan prevented.",
            ["origin", "topic"],
            registry=registry,
        )
        self.copied_back = Counter(
            "ledger_relay_copied_back_total",
            "Events found on a topic that the store lacked.",
            ["origin"],
            registry=registry,
        )

    def _count_endings(self, registry: CollectorRegistry) -> None:
        self._restarts = Counter(
            "ledger_relay_restarts_total",
            "Relays that ended without having been asked to, as far as the database was told.",
            ["origin", "reason"],
            registry=registry,
        )
        self._fenced = Counter(
            "ledger_relay_fenced_total",
            "Relays that had been given up for dead and woke up: Kafka refused them.",
            ["origin"],
            registry=registry,
        )

    def ended_before(self, endings: Mapping[Reason, int]) -> None:
        """Tell how earlier relays ended; those that only just did could not."""
        for reason in Reason:
            self._restarts.labels(self.origin, reason).inc(endings.get(reason, 0))
        self._fenced.labels(self.origin).inc(endings.get(Reason.FENCED, 0))

    def _watch_the_outbox(self, registry: CollectorRegistry) -> None:
        self.pending = Gauge(
            "ledger_outbox_pending_events",
            "Events in the store that are not known to be on their topic.",
            ["origin", "topic"],
            registry=registry,
        )
        self._oldest = Gauge(
            "ledger_relay_oldest_unpublished_seconds",
            "Age of the oldest event that is not known to be on its topic; 0 if there is none.",
            ["origin", "topic"],
            registry=registry,
        )
        self.index = Gauge(
            "ledger_relay_log_index",
            "Events of this country's log that are on the topic.",
            ["origin", "topic"],
            registry=registry,
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Measure how long a transaction takes, and say what became of it."""
        began, outcome = time.monotonic(), "failed"
        try:
            yield
            outcome = "committed"
        finally:
            seconds = self._transaction_seconds.labels(self.origin, outcome)
            seconds.observe(time.monotonic() - began)

    def age_by(self, plane: Topic, oldest: Callable[[], float | None]) -> None:
        """Let the age be computed when asked: it grows while the relay is stuck.

        `oldest` gives the moment (seconds since 1970) at which the oldest waiting event was
        recorded, or None.
        """

        def age() -> float:
            moment = oldest()
            return 0.0 if moment is None else max(0.0, time.time() - moment)

        self._oldest.labels(self.origin, plane).set_function(age)
