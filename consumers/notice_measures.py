"""What the program of notices tells Prometheus. No task, no desk, no address."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

#: sent: some channel took it; failed: none did for as long as the desk had to answer.
OUTCOMES = ("sent", "failed")
#: unreachable: no connection, or none in time; refused: whoever answered did not take it.
ATTEMPTS = ("delivered", "unreachable", "refused")
CHANNELS = ("webhook", "mail")

NOTICES = Counter(
    "ledger_notices_total", "Notices that a task waits, by what became of them.",
    ["country", "outcome"],
)  # fmt: skip
TRIED = Counter(
    "ledger_notice_attempts_total", "Attempts to tell a desk, by how and with what success.",
    ["country", "channel", "outcome"],
)  # fmt: skip
UNACKNOWLEDGED = Gauge(
    "ledger_notices_unacknowledged",
    "Tasks of which every desk of the ladder was told, and nobody has acknowledged.",
    ["country"],
)  # fmt: skip
UNDELIVERED = Gauge(
    "ledger_notices_undelivered", "Notices that are due and that no channel has taken yet.",
    ["country"],
)  # fmt: skip
UNADDRESSED = Gauge(
    "ledger_notices_unaddressed_desks", "Desks of the ladder in force without any address here.",
    ["country"],
)  # fmt: skip
