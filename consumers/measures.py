"""What a worker tells Prometheus. Labels come from closed lists; no case, no offset, no person."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from consumers.batch import Applied, Read
from consumers.examination import Outcome
from consumers.progress import Progress
from events.contract import NATIONAL_EVENT
from events.stamp import Event
from ledger.case.case import Topic

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

APPLIED = Counter(
    "ledger_projection_applied_total", "Events folded.", ["country", "topic", "event_type"]
)
VOID = Counter(
    "ledger_projection_void_total", "Events found void.", ["country", "topic", "event_type"]
)
NOISE = Counter(
    "ledger_projection_noise_total", "Records that are no event.", ["country", "topic", "reason"]
)
EQUIVOCATIONS = Counter(
    "ledger_projection_equivocations_total",
    "Signed events that contradict an earlier one of their origin.",
    ["country", "topic", "origin"],
)
REPEATS = Counter(
    "ledger_projection_duplicates_total", "Events that came again.", ["country", "topic"]
)
HELD = Counter(
    "ledger_projection_gaps_total", "Events that had to wait for an earlier one.", ["country"]
)
RELEASED = Counter("ledger_projection_released_total", "Events whose wait has ended.", ["country"])
PARKED = Counter(
    "ledger_projection_parked_total", "Cases that could not be folded on.", ["country", "reason"]
)
UNKNOWN_SCHEMAS = Counter(
    "ledger_schema_unknown_fingerprint_total",
    "Events whose schema is not installed here: somebody writes what we cannot read yet.",
    ["country"],
)
UNKNOWN_TYPES = Counter(
    "ledger_projection_unknown_type_total",
    "Events that name a type which is not known here at all.",
    ["country"],
)
WAITING_CASES = Gauge(
    "ledger_quarantine_cases", "Cases that wait: parked, or held.", ["country", "kind"]
)
WAITING_EVENTS = Gauge(
    "ledger_quarantine_events",
    "Events that wait: behind a parked one, or held.",
    ["country", "kind"],
)
OLDEST_WAITING = Gauge(
    "ledger_quarantine_oldest_seconds", "Age of the longest wait.", ["country", "kind"]
)
BATCH = Histogram(
    "ledger_projection_batch_records",
    "Records applied in one transaction.",
    ["country"],
    buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500),
)
BATCH_SECONDS = Histogram(
    "ledger_projection_batch_seconds", "One batch, checked and committed.", ["country"],
    buckets=_SECONDS,
)  # fmt: skip
END_TO_END = Histogram(
    "ledger_event_end_to_end_seconds",
    "From the decision to this country's read models.",
    ["country", "topic", "origin"],
    buckets=_SECONDS,
)
PROVEN = Counter(
    "ledger_projection_proven_total",
    "Events that were believed because of a cosigned root, not each by its signature.",
    ["country", "topic"],
)
GENERATION = Gauge("ledger_projection_generation", "Generation of read models.", ["country"])


def batch(country: str, reads: Iterable[Read], applied: Applied, seconds: float) -> None:
    """Count one committed batch."""
    BATCH.labels(country).observe(sum(len(read.records) for read in reads))
    BATCH_SECONDS.labels(country).observe(seconds)
    for (topic, event_class, effective), count in applied.folded.events.items():
        kind = _kind(topic, event_class)
        APPLIED.labels(country, topic, kind).inc(count)
        if not effective:
            VOID.labels(country, topic, kind).inc(count)
    if applied.held:
        HELD.labels(country).inc(applied.held)
    if applied.released:
        RELEASED.labels(country).inc(applied.released)
    UNKNOWN_SCHEMAS.labels(country).inc(applied.unknown_schemas)
    UNKNOWN_TYPES.labels(country).inc(applied.unknown_types)
    for stop in applied.folded.stops:
        PARKED.labels(country, stop.reason).inc()
    for topic, stray in applied.strays:
        if stray.outcome is Outcome.NOISE:
            NOISE.labels(country, topic, stray.reason).inc()
        elif stray.outcome is Outcome.REPEAT:
            REPEATS.labels(country, topic).inc()
        else:
            EQUIVOCATIONS.labels(country, topic, stray.origin).inc()
    now = time.time()
    for (topic, origin), moments in applied.recorded.items():
        observe = END_TO_END.labels(country, topic, origin).observe
        for moment in moments:
            observe(max(0.0, now - moment))


def _kind(topic: str, event_class: type[Event | None]) -> str:
    """Return what metrics call an event; a national one's type is nobody's business."""
    if topic == Topic.NATIONAL:
        return NATIONAL_EVENT
    return event_class.__name__ if issubclass(event_class, Event) else "unreadable"


_PLACE = ("country", "topic", "partition")


class Places(Collector):
    """Where the partitions of running workers stand: worked out when asked."""

    def __init__(self) -> None:
        self._shown: dict[Progress, str] = {}

    @contextmanager
    def shown(self, country: str, progress: Progress) -> Iterator[None]:
        """Show this progress as long as the block runs."""
        self._shown[progress] = country
        try:
            yield
        finally:
            del self._shown[progress]

    def describe(self) -> list[Metric]:
        """Return the metrics without their values."""
        return list(self._families().values())

    def collect(self) -> Iterator[Metric]:
        """Look now: a loop that is stuck falls behind without changing anything."""
        families = self._families()
        for progress, country in list(self._shown.items()):
            for (topic, partition), one in progress.standings().items():
                ends = one.ends
                values = {
                    "next": one.reached,
                    "lag_seconds": one.lag_seconds,
                    "lag_events": one.lag_events,
                    "start": ends and ends.start,
                    "stable": ends and ends.stable,
                    "end": ends and ends.end,
                }
                for name, value in values.items():
                    if value is not None:
                        families[name].add_metric([country, topic, str(partition)], value)
        yield from families.values()

    @staticmethod
    def _families() -> dict[str, GaugeMetricFamily]:
        said = {
            "next": ("ledger_projection_next_offset", "Where reading goes on."),
            "lag_seconds": (
                "ledger_projection_lag_seconds",
                "Age of the next record that is not applied; 0 when there is none.",
            ),
            "lag_events": ("ledger_projection_lag_events", "Offsets that are not applied."),
            "start": ("ledger_log_start_offset", "Where the log begins: 0, for it is permanent."),
            "stable": (
                "ledger_log_stable_offset",
                "Up to where the log can be read: an open transaction holds it.",
            ),
            "end": ("ledger_log_end_offset", "Where the log ends."),
        }
        return {key: GaugeMetricFamily(*words, labels=_PLACE) for key, words in said.items()}


PLACES = Places()
REGISTRY.register(PLACES)


def quarantine(
    country: str, waits: Iterable[tuple[str, int, float]], events: Iterable[tuple[str, int]]
) -> None:
    """Show what waits, by kind (parked, held): how many cases, since when, how many events."""
    for kind, cases, seconds in waits:
        WAITING_CASES.labels(country, kind).set(cases)
        OLDEST_WAITING.labels(country, kind).set(seconds)
    for kind, count in events:
        WAITING_EVENTS.labels(country, kind).set(count)
