"""backdating: how long a country could still claim another time for what it has just recorded.

From the time that an event says it was recorded to the first cosignature of a checkpoint that
covers it, by the clock of the other country's witness: that is what an auditor goes by (R10).
Cosignatures have whole seconds; each is counted to its end. `signed_p99`: to the first checkpoint
by the country's own clock. Both nodes run in full at 40 decisions a second. Baseline: the pause
between two checkpoints, which nothing can undercut on average.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import psycopg

from bench.corridor import Corridor, open_corridor, share_cases
from bench.harness import BASELINE, OURS, Contender, Effort, Figure, compare, rounded
from bench.loads import Load, p99, started, told_by
from bench.play import COUNTRIES
from bench.servers import Servers
from consumers.sealed_log import EVERY_S
from events.codec import read_stamp

_SENDER, _RECEIVER = COUNTRIES
_CASES, _RATE = 200, 40
_WAIT_S = 60.0
_COVERED = """
SELECT record.event_id, record.value, min(covering.signed_at), min(cosigned.cosigned_at)
FROM mirror.record AS record
JOIN witness.checkpoint AS covering
    ON covering.log = %(log)s AND covering.size > record.log_index
LEFT JOIN witness.cosignature AS cosigned
    ON cosigned.log = covering.log AND cosigned.size = covering.size
WHERE record.topic = 'shared' AND record.origin = %(origin)s AND record.event_id = ANY (%(ids)s)
GROUP BY record.event_id, record.value
HAVING min(cosigned.cosigned_at) IS NOT NULL
"""


def run(servers: Servers, effort: Effort) -> Iterator[Figure]:
    """Measure the p99 in milliseconds."""
    seconds = effort.seconds(20, quick=2)
    corridor = servers.lasting(open_corridor)
    cases = share_cases(corridor, _SENDER, _RECEIVER, 40 if effort.quick else _CASES)
    signed: list[float] = []
    contenders: dict[str, Contender] = {
        OURS: lambda: p99(_windows(corridor, cases, seconds, signed)),
        BASELINE: lambda: 1000 * EVERY_S,
    }
    yield compare(
        "backdating",
        contenders,
        unit="ms p99",
        effort=effort,
        goal="p99 <= 5000",
        extra=lambda: {"signed_p99": rounded(p99(signed)), "events": len(signed)},
    )


def _windows(
    corridor: Corridor, cases: Sequence[UUID], seconds: float, signed: list[float]
) -> Sequence[float]:
    """Let a country decide; return how long each event was covered by nothing."""
    arguments = [str(corridor.home.path), _SENDER, str(_RATE), str(seconds)]
    with started(Load("bench.decider", arguments, " ".join(map(str, cases)))) as (process,):
        ids = [UUID(event) for event in told_by(process)]
    rows = _covered(corridor, ids)
    cosigned = []
    for _, value, signed_at, cosigned_at in rows:
        at = read_stamp(value).recorded_at
        signed.append(1000 * (signed_at - at).total_seconds())
        cosigned.append(1000 * (cosigned_at - at).total_seconds() + 1000)
    return cosigned


def _covered(corridor: Corridor, ids: Sequence[UUID]) -> list[tuple[Any, ...]]:
    """Wait until every event is covered and cosigned."""
    agreement = corridor.home.agreement()
    assert agreement is not None
    asked: dict[str, Any] = {
        "log": agreement.shared_log(_SENDER), "origin": _SENDER, "ids": list(ids),
    }  # fmt: skip
    end = time.monotonic() + _WAIT_S
    with psycopg.connect(corridor.dsn(_SENDER, "audit"), autocommit=True) as connection:
        while True:
            rows = connection.execute(_COVERED, asked).fetchall()
            if len(rows) == len(ids):
                return rows
            assert time.monotonic() < end, f"{len(ids) - len(rows)} events are not cosigned"
            time.sleep(0.2)
