"""Measuring: contenders take turns in random order, and what counts is the ratio per round.

A machine that others use too drifts by a factor of two within minutes. Two runs in one round see
the same machine, so the ratio of a round is worth more than the ratio of two averages; the median
of the rounds' ratios is reported, with quartiles, and every single run.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any, NamedTuple

from bench.machine import Foreigners

#: Runs a contender once, alone, and returns what is measured: a rate, or a time in ms.
Contender = Callable[[], float]

#: A round in which others used more than this share of the machine is disturbed.
_QUIET = 0.15

OURS = "ours"
BASELINE = "baseline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is run. `quick` is for a smoke test: its figures mean nothing."""

    quick: bool = False
    rounds: int = 5
    #: Events of the benchmarks that take a number of them; None = each one's own number.
    events: int | None = None
    kills: int = 100
    #: Seconds that one benchmark may spend on rounds that others disturbed, to repeat them.
    patience: float = 0.0

    def events_or(self, usual: int, *, quick: int) -> int:
        """Return how many events to run with."""
        return self.events or (quick if self.quick else usual)

    def seconds(self, usual: float, *, quick: float) -> float:
        """Return how long to run."""
        return quick if self.quick else usual


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of output."""

    name: str
    ours: float
    baseline: float
    ratio: float
    unit: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """A figure is what was measured, goal or not."""
        return True

    def line(self) -> str:
        """Return the figure as one JSON object."""
        head = {"name": self.name, "ours": self.ours, "baseline": self.baseline}
        return json.dumps({**head, "ratio": self.ratio, "unit": self.unit, **self.extra})


def compare(
    name: str,
    contenders: Mapping[str, Contender],
    *,
    unit: str,
    effort: Effort,
    goal: str,
    extra: Callable[[], Mapping[str, Any]] = dict,
) -> Figure:
    """Run `ours`, `baseline` and any others once per round, in random order; return the figure.

    `extra` is asked afterwards for what else belongs on the line.
    """
    order, watch = random.Random(name), Watch()
    rounds: list[_Round] = []
    disturbed = 0
    while len(rounds) < effort.rounds:
        while watch.seconds < effort.patience and not _is_quiet():
            pass
        turns = order.sample(list(contenders), len(contenders))
        one = _run_round(f"{name} {len(rounds) + 1}/{effort.rounds}", turns, contenders, unit)
        if one.foreign > _QUIET and watch.seconds < effort.patience:
            disturbed += 1
            say(f"{name}: {one.foreign:.0%} of the machine was used by others; once more")
        else:
            rounds.append(one)
    runs = {contender: [one.runs[contender] for one in rounds] for contender in contenders}
    foreign = {"foreign": rounded(median(one.foreign for one in rounds)), "disturbed": disturbed}
    return _figure(name, runs, unit, {"goal": goal, **foreign, **extra()})


def _is_quiet() -> bool:
    """Look at the machine for some seconds."""
    foreigners = Foreigners()
    time.sleep(3)
    return foreigners.share() < _QUIET


class _Round(NamedTuple):
    """What one turn of each contender gave."""

    runs: Mapping[str, float]
    #: Share of all processors that went to others meanwhile.
    foreign: float


def _run_round(
    words: str, turns: Sequence[str], contenders: Mapping[str, Contender], unit: str
) -> _Round:
    runs, foreigners = {}, Foreigners()
    for contender in turns:
        runs[contender] = contenders[contender]()
        say(f"{words} {contender}: {runs[contender]:,.6g} {unit}")
    return _Round(runs, foreigners.share())


def _figure(
    name: str, runs: Mapping[str, Sequence[float]], unit: str, extra: Mapping[str, Any]
) -> Figure:
    others = {
        contender: {"value": rounded(median(found)), "ratio": _ratio(found, runs[BASELINE])[0]}
        for contender, found in runs.items()
        if contender not in {OURS, BASELINE}
    }
    ratio, quartiles = _ratio(runs[OURS], runs[BASELINE])
    every = {contender: [rounded(run) for run in found] for contender, found in runs.items()}
    return Figure(
        name=name,
        ours=rounded(median(runs[OURS])),
        baseline=rounded(median(runs[BASELINE])),
        ratio=ratio,
        unit=unit,
        extra={"quartiles": quartiles, **extra, **others, "runs": every},
    )


def _ratio(ours: Sequence[float], baseline: Sequence[float]) -> tuple[float, list[float]]:
    """Return the median and the lower and upper quartile of the rounds' ratios."""
    ratios = [one / other for one, other in zip(ours, baseline, strict=True)]
    if len(ratios) == 1:
        return rounded(ratios[0]), []
    lower, _, upper = quantiles(ratios, n=4, method="inclusive")
    return rounded(median(ratios)), [rounded(lower), rounded(upper)]


def rounded(value: float) -> float:
    """Return a measured value with the four digits that it may claim."""
    return float(f"{value:.4g}")


class Watch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return time.perf_counter() - self._began

    def rate(self, count: int) -> float:
        """Return `count` per second so far."""
        return count / self.seconds


def say(words: str) -> None:
    """Say how far it is, on stderr: stdout holds figures only."""
    print(words, file=sys.stderr, flush=True)
