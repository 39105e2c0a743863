"""Kinds of cases: how many there are of each, how much is decided in one, and how quickly.

The lengths are the medians of reference volumes: a child who was left behind and is monitored has
some 12 events, a protection case within one country 45, a child between two countries 120. What
programs record (routing, plans, releases) is part of that, so fewer decisions are planned.

The shares are not those of a year. There nine of ten cases are monitored and one of sixty crosses
a border; of those hardly one in a short run would. What the ledger is about is over-represented.
Access events, four to six for each other event in a year, are rarer here for the same reason.
"""

from __future__ import annotations

from dataclasses import dataclass

MONITORED, DOMESTIC, CROSSING = "monitored", "domestic", "crossing"


@dataclass(frozen=True)
class Kind:
    """One kind of case."""

    name: str
    #: So many of twenty cases are of this kind.
    share: int
    #: Fewest and most turns where the case begins, and in the other country.
    here: tuple[int, int]
    there: tuple[int, int] = (0, 0)
    #: Mean pause between two of them.
    pause_s: float = 0.05

    @property
    def crosses(self) -> bool:
        """Whether another country plays a part."""
        return self.there[1] > 0


KINDS = (
    Kind(MONITORED, 14, here=(6, 12)),
    Kind(DOMESTIC, 4, here=(22, 36)),
    Kind(CROSSING, 2, here=(45, 75), there=(30, 50), pause_s=0.2),
)
