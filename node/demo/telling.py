"""How the demo is told to a person: calm, one story after the other, nothing that scrolls away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from node.demo.capabilities import NAMES
from node.demo.story import Line, Story
from node.demo.views import View
from node.words import VOID_WORDS, country_name

_INDENT = "   "


class Telling:
    """Tells it on one console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stories = 0

    def begin(self) -> None:
        """Say what is about to be seen."""
        self._heading(
            "A child crosses a border alone; two countries hand her over without losing her."
        )
        self._console.print("Starting two nodes, one Kafka and one PostgreSQL …", style="dim")

    def started(self, running: Mapping[str, Any], seconds: float) -> None:
        """Say what runs."""
        kafka, postgresql = running["kafka"]["version"], running["postgresql"]["version"]
        self._console.print(
            f"Apache Kafka {kafka} and PostgreSQL {postgresql} run, both real, {seconds:.1f} s."
            " Each country has\n"
            "its own database and keys, and six programs.",
            style="dim",
            soft_wrap=True,
        )

    def story(self, story: Story) -> None:
        """Tell one story."""
        self._stories += 1
        self._console.print()
        self._console.print(Text(f"{self._stories}. {story.title}", style="bold"))
        for line in story.lines:
            self._console.print(_told(line), soft_wrap=True)
        self._console.print(Text(f"{_INDENT}→ {story.ending}", style="italic"), soft_wrap=True)

    def side_by_side(self, stories: Sequence[Story], one: View, other: View) -> None:
        """Show the same cases as two countries see them, in the order of the stories."""
        self._console.print()
        self._console.print(Text("The same cases, as each country sees them", style="bold"))
        drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        drawn.add_column("", justify="right")
        drawn.add_column("case", no_wrap=True)
        drawn.add_column(f"{country_name(one.country)} sees", no_wrap=True)
        drawn.add_column(f"{country_name(other.country)} sees", no_wrap=True)
        drawn.add_column("")
        for number, story in enumerate(stories, 1):
            case_id = story.case_id
            told = str(number) if number <= self._stories else ""
            seen = (view.words(case_id) for view in (one, other))
            drawn.add_row(told, f"{case_id}"[:8], *seen, _compared(case_id, one, other))
        self._console.print(drawn)

    def checked(self, name: str, *, holds: bool, said: str) -> None:
        """Say whether something holds."""
        mark = Text("✔ ", style="green") if holds else Text("✘ ", style="bold red")
        self._console.print(mark + Text(f"{name}: {said}"), soft_wrap=True)

    def capabilities(self, shown: Mapping[str, bool]) -> None:
        """Show what the ledger can do, as the read models of both countries have it."""
        self._console.print()
        self._console.print(Text("What the read models show", style="bold"))
        for name, holds in shown.items():
            mark = Text("✔ ", style="green") if holds else Text("· ", style="dim")
            self._console.print(Text(_INDENT) + mark + Text(f"{name:<4}{NAMES[name]}"))

    def end(self, *, ok: bool, events: int, void: int, cases: int, seconds: float) -> None:
        """Say how it was, and what to do next."""
        self._console.print()
        self._console.print(
            f"{cases} cases, {events} events, {void} of them without effect, {seconds:.1f} s."
        )
        if ok:
            self._console.print(
                "Next: `ledger up` keeps two nodes running; docs/tutorial.md goes on from there.",
                style="dim",
            )

    def _heading(self, words: str) -> None:
        self._console.print(Text(words, style="bold"))


def _told(line: Line) -> Text:
    who = f"{country_name(line.country):<11} "
    if line.void is None:
        return Text.assemble(_INDENT, ("✔ ", "green"), (who, "cyan"), line.words)
    why = f"\n{_INDENT}  {'':<11} without effect: {VOID_WORDS.get(line.void, line.void)}"
    return Text.assemble(_INDENT, ("✘ ", "yellow"), (who, "cyan"), line.words, (why, "yellow"))


def _compared(case_id: UUID, one: View, other: View) -> str:
    if case_id not in one.states:
        return ""
    return "=" if one.states[case_id] == other.states.get(case_id) else "≠"
