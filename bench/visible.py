"""visible-40, visible-400: from a decision in Kazakhstan to the row in Kyrgyzstan's read model.

Ours goes through the store, a real relay, the topic and a real worker: the whole of what
`ledger up` runs. The baseline is kafka-python from one process to another. Both are timed from the
moment at which each decision was due, so a queue anywhere shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from uuid import UUID

from bench.arrivals import ReadModel
from bench.corridor import Corridor, open_corridor, share_cases
from bench.harness import BASELINE, OURS, Contender, Effort, Figure, compare, rounded
from bench.loads import Load, p99, pipe, started, told_by
from bench.pair import Pair
from bench.play import COUNTRIES
from bench.servers import Servers

_SENDER, _RECEIVER = COUNTRIES
_CASES = 200


def at_40(servers: Servers, effort: Effort) -> Iterator[Figure]:
    """visible-40: 40 decisions per second."""
    yield _measure(servers, effort, rate=40, goal="p99 <= 200")


def at_400(servers: Servers, effort: Effort) -> Iterator[Figure]:
    """visible-400: 400 decisions per second."""
    yield _measure(servers, effort, rate=400, goal="reported")


def _measure(servers: Servers, effort: Effort, *, rate: int, goal: str) -> Figure:
    seconds = effort.seconds(8, quick=1)
    medians: dict[str, list[float]] = {OURS: [], BASELINE: []}

    def timed(name: str, milliseconds: Sequence[float]) -> float:
        medians[name].append(median(milliseconds))
        return p99(milliseconds)

    corridor = servers.lasting(open_corridor)
    cases = share_cases(corridor, _SENDER, _RECEIVER, 40 if effort.quick else _CASES)
    pair = Pair(servers)
    contenders: dict[str, Contender] = {
        OURS: lambda: timed(OURS, _decide(corridor, cases, rate, seconds)),
        BASELINE: lambda: timed(BASELINE, pipe(pair, rate, int(rate * seconds))),
    }
    return compare(
        f"visible-{rate}",
        contenders,
        unit="ms p99",
        effort=effort,
        goal=goal,
        extra=lambda: {
            "p50": rounded(median(medians[OURS])),
            "baseline_p50": rounded(median(medians[BASELINE])),
        },
    )


def _decide(
    corridor: Corridor, cases: Sequence[UUID], rate: int, seconds: float
) -> Sequence[float]:
    """Return the milliseconds that each decision took until the other country could read it."""
    model = ReadModel(corridor.dsn(_RECEIVER, "audit"))
    arguments = [str(corridor.home.path), _SENDER, str(rate), str(seconds)]
    with started(Load("bench.decider", arguments, " ".join(map(str, cases)))) as (process,):
        seen = model.wait_for(int(rate * seconds))
        due = told_by(process)
    return [1000 * (seen[UUID(event)] - float(moment)) for event, moment in due.items()]
