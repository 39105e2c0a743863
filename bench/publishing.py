"""publishing: from a full store to the topics with a sealer beside it, against the same without.

Both run the real relay and a worker that mirrors what it publishes; ours has a sealer beside them,
which hashes the log anew from the mirror, compares it with the store and signs it every second or
every 256 events.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from bench.append import stored_events
from bench.harness import BASELINE, OURS, Effort, Figure, compare
from bench.pair import Pair
from bench.play import COUNTRIES
from bench.progress import rate_until
from bench.projecting import counting
from bench.relaying import PUBLISHED
from bench.servers import Servers
from ledger.store import Store

_COUNTRY = COUNTRIES[0]


def run(servers: Servers, effort: Effort) -> Iterator[Figure]:
    """Measure events per second."""
    count = effort.events_or(20_000, quick=300)
    signed: list[int] = []
    contenders = {
        OURS: lambda: _publish(servers, count, ("relay", "worker", "sealer"), signed),
        BASELINE: lambda: _publish(servers, count, ("relay", "worker"), []),
    }
    yield compare(
        "publishing",
        contenders,
        unit="events/s",
        effort=effort,
        goal="ratio >= 0.9",
        extra=lambda: {"checkpoints": min(signed, default=0)},
    )


def _publish(servers: Servers, count: int, programs: Sequence[str], signed: list[int]) -> float:
    """Fill an empty store at once, and watch what the relay has published.

    With events of now: of what waits longer than half a minute a sealer signs nothing (ADR 36).
    """
    pair = Pair(servers)
    rows = stored_events(count, pair.keys(_COUNTRY))
    with ExitStack() as stack:
        dsn = stack.enter_context(pair.database(_COUNTRY))
        for noun in programs:
            pair.wait_until_ready(stack.enter_context(pair.running(_COUNTRY, noun)))
        store = stack.enter_context(Store(dsn))
        published = stack.enter_context(counting(dsn, PUBLISHED))
        store.recorder.insert_events(rows)
        rate = rate_until(len(rows), published, began=time.perf_counter())
        checkpoints = stack.enter_context(counting(dsn, _CHECKPOINTS))
        if "sealer" in programs:
            rate_until(1, checkpoints, began=time.perf_counter())
        signed.append(checkpoints())
        return rate


_CHECKPOINTS = "SELECT count(*) FROM witness.checkpoint"
