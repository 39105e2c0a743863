"""stop-40: from a consent taken back to the end of what rested on it, under 40 decisions a second.

Both nodes run in full and are decided on, twenty times a second each. Children whose data the other
country holds keys of take their consents back, four a second, in turn in the sender's and in the
receiver's country. Each is timed from the moment at which it was due: until `ReleaseStopped` is
effective in the sender's read model (what counts), and until the receiver's keystore refuses, which
is asked as soon as the receiver's read model has it (`refused`). The baseline does nothing of all
that: kafka-python from one process to another, once, at the same pace.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import cycle
from statistics import median
from typing import Any
from uuid import UUID

from bench.arrivals import ReadModel, Row
from bench.corridor import Corridor, open_corridor, share_cases
from bench.granted import Granted, grant_cases, is_shown
from bench.harness import BASELINE, OURS, Effort, Figure, compare, rounded, say
from bench.loads import Load, p99, pipe, started, told_by
from bench.pair import Pair
from bench.play import COUNTRIES
from bench.servers import Servers
from ledger.service import Ledger

_SENDER, _RECEIVER = COUNTRIES
_RATE = 40
_WITHDRAWALS = 4
_CASES = 100
#: A keystore that still shows what was stopped is asked again after so long, and no longer than.
_AGAIN_S = 0.005
_REFUSES_S = 20.0


def at_40(servers: Servers, effort: Effort) -> Iterator[Figure]:
    """stop-40: withdrawals under 40 decisions per second."""
    seconds = effort.seconds(12, quick=2)
    corridor = servers.lasting(open_corridor)
    count = _CASES // 10 if effort.quick else _CASES
    busy = {
        country: share_cases(corridor, country, other, count)
        for country, other in zip(COUNTRIES, reversed(COUNTRIES), strict=True)
    }
    pair = Pair(servers)
    found = _Found()
    beside: list[float] = []

    def bare() -> float:
        milliseconds = pipe(pair, _RATE, int(_RATE * seconds))
        beside.append(median(milliseconds))
        return p99(milliseconds)

    yield compare(
        "stop-40",
        {OURS: lambda: found.keep(_withdraw(corridor, busy, seconds)), BASELINE: bare},
        unit="ms p99",
        effort=effort,
        goal="p99 <= 1000",
        extra=lambda: {**found.said(), "baseline_p50": rounded(median(beside))},
    )


class _Found:
    """Milliseconds of every round."""

    def __init__(self) -> None:
        self._stopped: defaultdict[str, list[float]] = defaultdict(list)
        self._refused: list[float] = []

    def keep(self, one: tuple[Mapping[str, Sequence[float]], Sequence[float]]) -> float:
        """Keep what a round gave; return the p99 of its stops."""
        stopped, refused = one
        for country, times in stopped.items():
            self._stopped[country] += times
        self._refused += refused
        return p99([each for times in stopped.values() for each in times])

    def said(self) -> Mapping[str, Any]:
        """Return what belongs on the line: of all rounds together."""
        every = [each for times in self._stopped.values() for each in times]
        return {
            "withdrawals": len(every),
            "p50": rounded(median(every)),
            "p99": rounded(p99(every)),
            "slowest": rounded(max(every)),
            "refused": _both(self._refused),
            **{f"in_{country}": _both(times) for country, times in self._stopped.items()},
        }


def _both(times: Sequence[float]) -> Mapping[str, float]:
    return {"p50": rounded(median(times)), "p99": rounded(p99(times))}


def _withdraw(
    corridor: Corridor, busy: Mapping[str, Sequence[UUID]], seconds: float
) -> tuple[Mapping[str, Sequence[float]], Sequence[float]]:
    """Return the milliseconds to each stop, by country of the withdrawal, and to each refusal."""
    count = int(_WITHDRAWALS * seconds)
    say(f"stop-40: {count} cases are shared")
    cases = grant_cases(corridor, _SENDER, _RECEIVER, count)
    where = {one.case_id: code for one, code in zip(cases, cycle(COUNTRIES), strict=False)}
    sent = ReadModel(corridor.dsn(_SENDER, "audit"))
    received = ReadModel(corridor.dsn(_RECEIVER, "audit"))
    asked: dict[UUID, Future[float]] = {}

    def is_stop(row: Row) -> UUID | None:
        stops = row.event_type == "ReleaseStopped" and row.effective
        return row.case_id if stops and row.case_id in where else None

    with corridor.ledger(_RECEIVER, connections=4) as ledger, ThreadPoolExecutor(5) as pool:

        def ask(case_id: UUID) -> None:
            asked[case_id] = pool.submit(_refused_at, ledger, case_id)

        with started(*_loads(corridor, cases, where, busy, seconds)) as (withdrawer, *deciders):
            heard = pool.submit(received.wait_for, count, is_stop, ask)
            stopped = sent.wait_for(count, is_stop)
            heard.result()
            due = {UUID(one): float(moment) for one, moment in told_by(withdrawer).items()}
            decided = sum(len(told_by(process)) for process in deciders)
    assert decided >= _RATE * seconds, f"the load was {decided} decisions"
    times: dict[str, list[float]] = {code: [] for code in COUNTRIES}
    for case_id, moment in due.items():
        times[where[case_id]].append(1000 * (stopped[case_id] - moment))
    return times, [1000 * (asked[one].result() - moment) for one, moment in due.items()]


def _loads(
    corridor: Corridor,
    cases: Sequence[Granted],
    where: Mapping[UUID, str],
    busy: Mapping[str, Sequence[UUID]],
    seconds: float,
) -> Sequence[Load]:
    """Return the withdrawals, and the deciders of both countries.

    Deciders go on a little longer: the last withdrawal has no easier way than the first.
    """
    folder = str(corridor.home.path)
    words = (f"{where[one.case_id]}/{one.case_id}/{one.consent_id}" for one in cases)
    rate = str(_RATE / len(busy))
    deciders = (
        Load("bench.decider", [folder, code, rate, str(seconds + 2)], " ".join(map(str, ids)))
        for code, ids in busy.items()
    )
    return [Load("bench.withdrawer", [folder, str(_WITHDRAWALS)], " ".join(words)), *deciders]


def _refused_at(ledger: Ledger, case_id: UUID) -> float:
    """Ask the keystore until it refuses; return the moment (CLOCK_MONOTONIC) of its answer."""
    end = time.monotonic() + _REFUSES_S
    while is_shown(ledger, case_id):
        assert time.monotonic() < end, f"case {case_id} was stopped and is shown"
        time.sleep(_AGAIN_S)
    return time.monotonic()
