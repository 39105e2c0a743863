"""The demo from beginning to end: start, tell, compare, rebuild, stop."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from node.calm import wait_until_calm
from node.demo import views
from node.demo.capabilities import capabilities
from node.demo.rebuilding import rebuilt_alike
from node.demo.ruled_plots import SCENARIOS
from node.demo.stage import Stage, staged
from node.demo.story import Plot, Story
from node.demo.telling import Telling
from node.settings import UpSettings

#: Every scenario, after the stories that are always told.
ALL = "all"


@dataclass(frozen=True, kw_only=True)
class Result:
    """What really happened, as `ledger demo --json` prints it."""

    ok: bool
    servers: Mapping[str, str]
    cases: int
    events: Mapping[str, int]
    void: int
    views_agree: bool
    rebuild_equal: bool
    seconds: float
    #: Which of the fourteen capabilities the read models show; with --scenario.
    capabilities: Mapping[str, bool] | None = None
    #: Folder in which everything still runs, with --keep.
    kept: str | None = None


def run(
    cases: int,
    telling: Telling,
    *,
    scenario: str | None = None,
    kept: Path | None,
    say: Callable[[str], None],
    linger: Callable[[Result], None],
) -> Result:
    """Play the demo; with `kept` its folder stays, and `linger` returns when it may stop."""
    began = time.monotonic()
    telling.begin()
    with _folder(kept) as path, staged(path, UpSettings.read(), say) as stage:
        telling.started(stage.running, time.monotonic() - began)
        plots = _plots(scenario)
        stories = stage.play(cases, telling.story) if scenario in {None, ALL} else []
        stories += stage.play_by_rules(plots, telling.story) if plots else []
        shown = None
        if scenario is not None:
            countries = [stage.here.country, stage.there.country]
            wait_until_calm(path, countries)
            shown = capabilities(path, countries)
        result = _compared(stage, stories, telling, began, str(path) if kept else None, shown)
        if kept:
            linger(result)
    return result


def _plots(scenario: str | None) -> Sequence[Plot]:
    if scenario is None:
        return ()
    if scenario == ALL:
        return [plot for plots in SCENARIOS.values() for plot in plots]
    return SCENARIOS[scenario]


def _compared(
    stage: Stage,
    stories: Sequence[Story],
    telling: Telling,
    began: float,
    kept: str | None,
    shown: Mapping[str, bool] | None,
) -> Result:
    one, other = views.of_stage(stage)
    telling.side_by_side(stories, one, other)
    agree = views.agree(one, other)
    telling.checked("both countries agree", holds=agree, said=_agreement(one, agree))
    equal = _rebuilt(stage, (one.country, other.country), telling)
    if shown is not None:
        telling.capabilities(shown)
    events, void = views.events_of(one, other), views.void_of(one, other)
    seconds = round(time.monotonic() - began, 1)
    result = Result(
        ok=agree and equal,
        servers={name: stage.running[name]["version"] for name in ("kafka", "postgresql")},
        cases=len({*one.files, *other.files}),
        events=dict(sorted(events.items())),
        void=void,
        views_agree=agree,
        rebuild_equal=equal,
        seconds=seconds,
        capabilities=shown,
        kept=kept,
    )
    telling.end(ok=result.ok, events=events.total(), void=void, cases=result.cases, seconds=seconds)
    return result


def _agreement(one: views.View, agree: bool) -> str:
    what = f"{len(one.states)} shared cases, {len(one.shared)} shared events"
    return f"same state and same verdicts ({what})" if agree else "they differ"


def _rebuilt(stage: Stage, countries: Sequence[str], telling: Telling) -> bool:
    path = Path(stage.running["dir"])
    with ThreadPoolExecutor(len(countries)) as pool:
        found = list(pool.map(lambda country: rebuilt_alike(path, country), countries))
    for country, (equal, said) in zip(countries, found, strict=True):
        telling.checked(country, holds=equal, said=said)
    return all(equal for equal, _ in found)


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="ledger-demo-") as scratch:
        yield Path(scratch)
