"""What a worker tells Prometheus. Labels come from closed lists; no case, no offset, no person."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from prometheus_client import Counter, Gauge, Histogram

from consumers.batch import Applied, Read
from consumers.examination import Outcome
from events.contract import NATIONAL_EVENT
from events.stamp import Event
from ledger.case.case import Topic
from projections.positions import Part

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
    "ledger_projection_repeats_total", "Events that came again.", ["country", "topic"]
)
HELD = Counter(
    "ledger_projection_held_total", "Events that had to wait for an earlier one.", ["country"]
)
RELEASED = Counter("ledger_projection_released_total", "Events whose wait has ended.", ["country"])
PARKED = Counter(
    "ledger_projection_parked_total", "Cases that could not be folded on.", ["country", "reason"]
)
WAITING_CASES = Gauge(
    "ledger_quarantine_cases", "Cases that wait: parked, or held.", ["country", "kind"]
)
OLDEST_WAITING = Gauge(
    "ledger_quarantine_oldest_seconds", "Age of the longest wait.", ["country", "kind"]
)
NEXT_OFFSET = Gauge(
    "ledger_projection_next_offset", "Where reading goes on.", ["country", "topic", "partition"]
)
LOG_END = Gauge(
    "ledger_log_end_offset", "End of the topic as last fetched.", ["country", "topic", "partition"]
)
LAG_SECONDS = Gauge(
    "ledger_projection_lag_seconds",
    "Age of the newest record read while there are more; 0 when caught up.",
    ["country", "topic", "partition"],
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
    ["country", "topic"],
    buckets=_SECONDS,
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
    for topic, moments in applied.recorded.items():
        observe = END_TO_END.labels(country, topic).observe
        for moment in moments:
            observe(max(0.0, now - moment))


def _kind(topic: str, event_class: type[Event | None]) -> str:
    """Return what metrics call an event; a national one's type is nobody's business."""
    if topic == Topic.NATIONAL:
        return NATIONAL_EVENT
    return event_class.__name__ if issubclass(event_class, Event) else "unreadable"


def progress(country: str, behind: Mapping[Part, tuple[int, int, float]]) -> None:
    """Show, for each partition, what is next, where the log ends and how old the last record is."""
    for (topic, partition), (reached, end, age) in behind.items():
        labels = (country, topic, str(partition))
        NEXT_OFFSET.labels(*labels).set(reached)
        LOG_END.labels(*labels).set(end)
        LAG_SECONDS.labels(*labels).set(age if reached < end else 0)


def quarantine(country: str, waits: Iterable[tuple[str, int, float]]) -> None:
    """Show how many cases wait, by kind (parked, held), and how long the oldest has waited."""
    for kind, cases, seconds in waits:
        WAITING_CASES.labels(country, kind).set(cases)
        OLDEST_WAITING.labels(country, kind).set(seconds)
