"""visible-40, visible-400: from a decision in Kazakhstan to the row in Kyrgyzstan's read model.

Ours goes through the store, a real relay, the topic and a real worker: the whole of what
`ledger up` runs. The baseline is kafka-python from one process to another. Both are timed from the
moment at which each decision was due, so a queue anywhere shows.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from statistics import median, quantiles
from typing import Any
from uuid import UUID

from bench.arrivals import BareConsumer, ReadModel
from bench.corridor import Corridor, open_corridor, share_cases
from bench.harness import BASELINE, OURS, Contender, Effort, Figure, compare, rounded
from bench.histories import shared_entries
from bench.pair import Pair
from bench.play import COUNTRIES
from bench.servers import Servers
from events.contract import partition_of

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
        return quantiles(milliseconds, n=100, method="inclusive")[98]

    corridor = servers.lasting(open_corridor)
    cases = share_cases(corridor, _SENDER, _RECEIVER, 40 if effort.quick else _CASES)
    pair = Pair(servers)
    contenders: dict[str, Contender] = {
        OURS: lambda: timed(OURS, _decide(corridor, cases, rate, seconds)),
        BASELINE: lambda: timed(BASELINE, _pipe(pair, rate, int(rate * seconds))),
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
    with _started("bench.decider", arguments, said=" ".join(map(str, cases))) as process:
        seen = model.wait_for(int(rate * seconds))
        due = dict(line.split() for line in process.stdout or ())
    return [1000 * (seen[UUID(event)] - float(moment)) for event, moment in due.items()]


def _pipe(pair: Pair, rate: int, count: int) -> Sequence[float]:
    """Return the milliseconds that each value took from one process to another."""
    entries = list(islice(shared_entries(count), count))
    partitions = pair.agreement.partitions
    records = [
        (partition_of(one.case_id, partitions), one.case_id.bytes, one.value) for one in entries
    ]
    file = pair.home.path / "values"
    file.write_bytes(pickle.dumps(records))
    consumer = BareConsumer(pair.bootstrap, pair.agreement.shared_topic)
    arguments = [pair.bootstrap, pair.agreement.shared_topic, str(rate), str(file)]
    with _started("bench.bare_pipe", arguments) as process:
        numbers = {one.value: number for number, one in enumerate(entries)}
        seen = consumer.wait_for(numbers)
        due: Mapping[str, Any] = dict(line.split() for line in process.stdout or ())
    return [1000 * (seen[int(number)] - float(moment)) for number, moment in due.items()]


@contextmanager
def _started(
    module: str, arguments: Sequence[str], *, said: str = ""
) -> Iterator[subprocess.Popen[str]]:
    """Run one of our load programs; it is told to begin as soon as it is ready."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        if said:
            process.stdin.write(f"{said}\n")
            process.stdin.flush()
        process.stdout.readline()
        process.stdin.write("go\n")
        process.stdin.flush()
        yield process
