"""What a keystore tells Prometheus. Labels come from closed lists; no case, no person, no key."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

REPLICAS = Gauge(
    "ledger_keystore_replicas",
    "Slot files that can be read; below two no key is made.",
    ["country"],
)
REFUSALS = Counter(
    "ledger_keystore_refusals_total", "Questions that the keystore refused.", ["country", "rule"]
)
