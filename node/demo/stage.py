"""The stage: two countries' nodes, their desks, and the stories that are played on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.service import open_ledger
from node import place
from node.demo.desk import Desk
from node.demo.plots import PLAIN, PLOTS
from node.demo.ruled_plots import put_in_force
from node.demo.story import Plot, Story
from node.home import Home
from node.nodes import Nodes
from node.settings import UpSettings

COUNTRIES = ("KZ", "KG")
#: Stories that go on at the same time.
_AT_ONCE = 4


@dataclass(frozen=True)
class Stage:
    """Both desks, and what runs under them."""

    here: Desk
    there: Desk
    running: Mapping[str, Any]

    def play(self, cases: int, told: Callable[[Story], None]) -> list[Story]:
        """Play one story per case; `told` hears the first ones, in their order."""
        others = [PLAIN[number % len(PLAIN)] for number in range(cases - len(PLOTS))]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            beside = [pool.submit(self._play, plot) for plot in (*PLOTS[:3], *others)]
            stories = [future.result() for future in beside[:3]]
            for story in stories:
                told(story)
            rest = [future.result() for future in beside[3:]]
        # These two are about what one country has not heard yet: nothing else happens meanwhile.
        for plot in PLOTS[3:]:
            stories.append(self._play(plot))
            told(stories[-1])
        return [*stories, *rest]

    def play_by_rules(self, plots: Sequence[Plot], told: Callable[[Story], None]) -> list[Story]:
        """Put both countries' rules in force, and play these plots one after the other."""
        for desk in (self.here, self.there):
            put_in_force(desk.where)
        stories = []
        for plot in plots:
            stories.append(self._play(plot))
            told(stories[-1])
        return stories

    def _play(self, plot: Plot) -> Story:
        story = Story(self.here, self.there)
        plot(story)
        return story


@contextmanager
def staged(path: Path, settings: UpSettings, say: Callable[[str], None]) -> Iterator[Stage]:
    """Start both nodes in a folder, and stop everything at the end."""
    nodes = Nodes(Home(path), settings, say=say)
    with ExitStack() as stack:
        stack.callback(nodes.stop)
        running = nodes.start(COUNTRIES)
        here, there = (stack.enter_context(_desk(path, country, running)) for country in COUNTRIES)
        yield Stage(here, there, running)


@contextmanager
def _desk(path: Path, country: str, running: Mapping[str, Any]) -> Iterator[Desk]:
    where = place.find(path, country)
    with open_ledger(where.ledger_settings(connections=_AT_ONCE)) as ledger:
        yield Desk(country, ledger, where, running["countries"][country]["worker"]["pid"])
