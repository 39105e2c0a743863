"""What a reactor tells Prometheus. Labels come from closed lists; no case, no person."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)

#: refused: nothing permits it now; broken: what came is not what its sender recorded.
OUTCOMES = ("released", "stopped", "carried", "received", "refused", "broken")
#: How far a search for a specialist had to go (events.codes.LadderLevel).
LADDER = ("place", "region", "country", "duty_desk")
ROUTINGS = Counter(
    "ledger_routings_total", "Services that were asked to take a child on, by how far away.",
    ["country", "ladder"],
)  # fmt: skip
BREACHES = Counter(
    "ledger_deadlines_breached_total", "Deadlines that were over before what is missing was there.",
    ["country", "step"],
)  # fmt: skip
RELEASES = Counter(
    "ledger_releases_total", "Steps of releasing keys, by what became of them.",
    ["country", "outcome"],
)  # fmt: skip
STOP_SECONDS = Histogram(
    "ledger_release_stop_seconds",
    "From the withdrawal of a permission to the recorded end of sharing.",
    ["country"],
    buckets=_SECONDS,
)
