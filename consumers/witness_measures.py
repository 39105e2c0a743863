"""What a witness tells Prometheus beyond ages and faults (consumers/alarms.py)."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

COSIGN_LAG = Gauge(
    "ledger_cosign_lag_seconds",
    "How long the oldest checkpoint of a log waits for a witness; 0 if none does.",
    ["country", "log", "witness"],
)
ORDER_LAG = Gauge(
    "ledger_order_lag_seconds",
    "How long events are here of whose order another country has not spoken; 0 if there are none.",
    ["country", "other"],
)
NOISE = Counter(
    "ledger_note_noise_total",
    "Records on the topics of notes that no known key has signed: read past.",
    ["country"],
)
