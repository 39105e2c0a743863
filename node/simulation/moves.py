"""What can be decided: a move, and the tables of all moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from events.stamp import Actor
from node.arguments import Take
from node.simulation.kinds import CROSSING, DOMESTIC, MONITORED
from node.simulation.seen import Seen

ALL = frozenset({MONITORED, DOMESTIC, CROSSING})
#: Where more than a visit now and then is done.
WORKED = frozenset({DOMESTIC, CROSSING})
BETWEEN = frozenset({CROSSING})

#: Modules with a table `MOVES`, in this package.
TABLES = (
    "care_moves",
    "consent_moves",
    "handoff_moves",
    "ruled_moves",
    "watched_moves",
    "between_moves",
)
#: Moves of which each has to be refused.
FORBIDDEN = ("forbidden_moves",)


#: A wish that is always possible: to do nothing this time. What is rare would else be done as soon
#: as nothing else can be.
WAIT, WAIT_WEIGHT = "wait", 1.5


def nothing(_seen: Seen) -> Mapping[str, Any]:
    """Return no arguments."""
    return {}


@dataclass(frozen=True, kw_only=True)
class Move:
    """A decision that somebody may take."""

    take: Take
    #: Whether it makes sense on this view. The guards of the ledger are asked by the ledger alone.
    when: Callable[[Seen], bool]
    arguments: Callable[[Seen], Mapping[str, Any]] = nothing
    #: Who decides: a part of the cast, or chosen from the view.
    by: str | Callable[[Seen], Actor] = "caseworker"
    #: How much it is wished for, beside others.
    weight: float = 1.0
    kinds: frozenset[str] = ALL
    #: Name of a move that another country may make at the same moment.
    against: str | None = None
    #: If several moves take the same decision.
    called: str | None = None

    @property
    def name(self) -> str:
        """What it is called: its decision, if nothing else is said."""
        return self.called or self.take.__name__

    def actor(self, seen: Seen) -> Actor:
        """Return who makes it."""
        return seen.cast[self.by] if isinstance(self.by, str) else self.by(seen)


@cache
def moves() -> Mapping[str, Move]:
    """Return every move that people make in good faith, by name."""
    return _all(TABLES)


@cache
def forbidden() -> Mapping[str, Move]:
    """Return every move that has to be refused, by name."""
    return _all(FORBIDDEN)


def _all(modules: tuple[str, ...]) -> Mapping[str, Move]:
    found: dict[str, Move] = {}
    for module in modules:
        for move in import_module(f"node.simulation.{module}").MOVES:
            assert move.name not in found, f"two moves are called {move.name}"
            found[move.name] = move
    return found
