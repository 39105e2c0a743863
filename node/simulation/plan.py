"""What is planned: kinds, people, wishes in their order, pauses and mischief, all from a seed.

A plan says for each turn which moves are wished for, the dearest first. Which of them is made is
the first that is possible on the case as its country sees it by then, so a plan needs to know no
outcome. The same seed and number of cases give the same plan, here and on any other machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import log
from random import Random

from node.simulation.cast import Cast, cast
from node.simulation.kinds import KINDS, Kind
from node.simulation.moves import WAIT, WAIT_WEIGHT, Move, forbidden, moves


class Manner(StrEnum):
    """How a turn is taken."""

    PLAIN = "plain"
    #: On what was seen some time ago.
    LATE = "late"
    #: The same, and only if nobody has decided since.
    LATE_NUMBERED = "late_numbered"
    #: Asked twice under one key, and then something else under it.
    REPEATED = "repeated"
    #: What has to be refused.
    FORBIDDEN = "forbidden"


#: Of a hundred turns so many are taken in this manner; the others are plain.
MANNERS: Mapping[Manner, int] = {
    Manner.LATE: 7,
    Manner.LATE_NUMBERED: 4,
    Manner.REPEATED: 5,
    Manner.FORBIDDEN: 9,
}
#: So often, of a hundred, another country is asked to contradict at the same moment, where it can.
CONTRADICTED = 40
#: How long somebody thinks who decides late.
_LATE_S = (0.1, 1.5)


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of one country in one case."""

    #: Names of moves, the dearest first.
    wishes: tuple[str, ...]
    manner: Manner
    #: How long nobody does anything before it.
    pause_s: float
    #: How long whoever decides late thinks about it.
    late_s: float
    #: Whether the other country contradicts at the same moment, if it can.
    contradicted: bool
    #: What its arguments are drawn from.
    seed: int


@dataclass(frozen=True, slots=True)
class Part:
    """What one country does in a case."""

    country: str
    other: str
    cast: Cast
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class CasePlan:
    """One case; its first part begins with its opening."""

    number: int
    kind: str
    parts: tuple[Part, ...]


def draw_of(seed: str | int) -> Random:
    """Return what draws alike for a seed, wherever it runs."""
    return Random(seed)  # noqa: S311 - it plans, and keeps no secret


def planned(cases: int, seed: int, countries: Sequence[str]) -> Iterator[CasePlan]:
    """Yield the plan of each case."""
    deck = _deck(seed)
    for number in range(cases):
        yield _case(number, next(deck), draw_of(f"{seed}/{number}"), countries)


def _deck(seed: int) -> Iterator[Kind]:
    """Yield kinds by their shares: shuffled, and of each as many as there have to be."""
    draw = draw_of(f"{seed}/kinds")
    while True:
        cards = [kind for kind in KINDS for _ in range(kind.share)]
        draw.shuffle(cards)
        yield from cards


def _case(number: int, kind: Kind, draw: Random, countries: Sequence[str]) -> CasePlan:
    here, there = draw.sample(sorted(countries), 2)
    parts = [_part(kind, kind.here, draw, here, there)]
    if kind.crosses:
        parts.append(_part(kind, kind.there, draw, there, here))
    return CasePlan(number, kind.name, tuple(parts))


def _part(kind: Kind, many: tuple[int, int], draw: Random, country: str, other: str) -> Part:
    people = cast(draw, country)
    turns = tuple(_turn(kind, draw) for _ in range(draw.randint(*many)))
    return Part(country, other, people, turns)


def _turn(kind: Kind, draw: Random) -> Turn:
    manner = draw.choices(
        [*MANNERS, Manner.PLAIN], [*MANNERS.values(), 100 - sum(MANNERS.values())]
    )[0]
    table = forbidden() if manner is Manner.FORBIDDEN else moves()
    return Turn(
        wishes=_wishes(table.values(), kind, draw),
        manner=manner,
        pause_s=min(draw.expovariate(1 / kind.pause_s), 5 * kind.pause_s),
        late_s=draw.uniform(*_LATE_S),
        contradicted=draw.randrange(100) < CONTRADICTED,
        seed=draw.getrandbits(32),
    )


def _wishes(table: Iterable[Move], kind: Kind, draw: Random) -> tuple[str, ...]:
    """Put moves in an order in which the first possible one is drawn by weight.

    Each gets the time of its first arrival at its own rate (Efraimidis and Spirakis).
    """
    arrivals = [
        (-log(1.0 - draw.random()) / move.weight, move.name)
        for move in table
        if kind.name in move.kinds
    ]
    arrivals.append((-log(1.0 - draw.random()) / WAIT_WEIGHT, WAIT))
    return tuple(name for _, name in sorted(arrivals))
