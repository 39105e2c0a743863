"""A simulation from beginning to end: people at their desks, all cases, then what must hold."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from uuid import uuid4

from events.errors import Misconfigured
from ledger.service import open_ledger
from node import place, ruling
from node.calm import wait_until_calm
from node.demo import views
from node.demo.rebuilding import rebuilt_alike
from node.demo.ruled_plots import put_in_force
from node.simulation.agenda import Agenda
from node.simulation.history import stories
from node.simulation.invariants import INVARIANTS, Breach, breaches
from node.simulation.plan import planned
from node.simulation.playing import Desk, Play, Stage
from node.simulation.result import Result
from node.simulation.tally import Tally

#: People of one country who decide at the same moment.
THREADS = 4
#: Cases that go on at the same time, where no rate is asked for.
_AT_ONCE = 48
#: So many breaches are listed; all are counted.
_LISTED = 100

Advance = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be simulated."""

    path: Path
    countries: Sequence[str]
    cases: int
    seed: int
    #: Cases begun in a second; None: as fast as they end.
    rate: float | None = None
    threads: int = THREADS


def simulate(asked: Asked, *, advance: Advance, say: Callable[[str], None]) -> Result:
    """Play all cases, wait until the nodes are calm, and ask everything that must hold."""
    began = time.monotonic()
    for country in asked.countries:
        _rule(place.find(asked.path, country), say)
    stage = Stage(run=uuid4().hex[:12], seed=asked.seed)
    with _desks(asked) as (desks, failures):
        _play(asked, desks, stage, failures, advance)
    played_s = time.monotonic() - began
    say(f"{len(stage.tally.cases)} cases in {played_s:.0f} s; waiting until the nodes are calm")
    wait_until_calm(asked.path, asked.countries)
    found: list[Breach] = []
    events: dict[str, list[int]] = {}
    for story in stories(asked.path, asked.countries, list(stage.tally.cases)):
        found.extend(breaches(story))
        events.setdefault(stage.tally.cases[story.case_id], []).append(story.events)
    medians = {kind: median(counts) for kind, counts in sorted(events.items())}
    return _result(asked, stage.tally, found, medians, played_s, began)


def _rule(where: place.Place, say: Callable[[str], None]) -> None:
    """Put the example rules of a country in force where it has none; some countries have none."""
    try:
        ruling.rules_of(where)
    except Misconfigured:
        if (ruling.EXAMPLES / f"{where.country}.toml").is_file():
            say(f"{where.country} has no rules in force: its examples are, from now on")
            put_in_force(where)


@contextmanager
def _desks(asked: Asked) -> Iterator[tuple[Mapping[str, Desk], list[BaseException]]]:
    failures: list[BaseException] = []
    desks: dict[str, Desk] = {}
    with ExitStack() as stack:
        for country in asked.countries:
            where = place.find(asked.path, country)
            settings = where.ledger_settings(connections=asked.threads + 1)
            ledger = stack.enter_context(open_ledger(settings))
            desks[country] = Desk(country, ledger, Agenda(asked.threads, failures.append))
        try:
            yield desks, failures
        finally:
            for desk in desks.values():
                desk.agenda.close(at_once=bool(failures))


def _play(
    asked: Asked,
    desks: Mapping[str, Desk],
    stage: Stage,
    failures: list[BaseException],
    advance: Advance,
) -> None:
    """Begin every case at its time, and wait until the last one is over."""
    begun, free = time.monotonic(), threading.Semaphore(asked.cases if asked.rate else _AT_ONCE)
    over = threading.Semaphore(0)

    def ended() -> None:
        advance(1)
        free.release()
        over.release()

    for plan in planned(asked.cases, asked.seed, asked.countries):
        if asked.rate:
            time.sleep(max(0.0, begun + plan.number / asked.rate - time.monotonic()))
        _wait(free, failures)
        Play(plan, desks, stage, ended).begin()
    for _ in range(asked.cases):
        _wait(over, failures)


def _wait(semaphore: threading.Semaphore, failures: list[BaseException]) -> None:
    """Wait for a place; whatever went wrong in a thread goes wrong here."""
    while not semaphore.acquire(timeout=0.5):
        if failures:
            raise failures[0]


def _result(
    asked: Asked,
    tally: Tally,
    found: Sequence[Breach],
    medians: Mapping[str, float],
    played_s: float,
    began: float,
) -> Result:
    seen = [views.view(asked.path, country) for country in asked.countries]
    agree = all(views.agree(seen[0], other) for other in seen[1:])
    void: dict[str, int] = {}
    for verdict in [*seen[0].shared, *(one for view in seen for one in view.national)]:
        if not verdict["effective"] and verdict["case_id"] in tally.cases:
            void[str(verdict["void_reason"])] = void.get(str(verdict["void_reason"]), 0) + 1
    rebuilt = [rebuilt_alike(asked.path, country) for country in asked.countries]
    counted = dict.fromkeys(INVARIANTS, 0)
    for breach in found:
        counted[breach.invariant] += 1
    counted["forbidden_let_in"] = len(tally.let_in)
    counted["not_repeated"] = len(tally.not_repeated)
    decided = sum(tally.decided.values())
    return Result(
        cases=len(tally.cases),
        seed=asked.seed,
        seconds=round(time.monotonic() - began, 1),
        played_seconds=round(played_s, 1),
        decisions_per_second=round(decided / played_s, 1),
        events_per_case=medians,
        decided=dict(sorted(tally.decided.items())),
        refused=dict(sorted(tally.refused.items())),
        void=dict(sorted(void.items())),
        overtaken=tally.overtaken,
        mischief=tally.mischief(),
        invariants=counted,
        broken=[one._asdict() for one in found[:_LISTED]],
        views_agree=agree,
        rebuild_equal=all(equal for equal, _ in rebuilt),
        ok=not any(counted.values()) and agree and all(equal for equal, _ in rebuilt),
    )
