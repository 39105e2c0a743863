"""How long other countries have not said in which order they heard what is here.

Whoever shows two countries two orders has to keep their order notes from each other. That breaks
no signature; but the notes stay away, while every country says one each second with news.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, NamedTuple

from consumers.witness_measures import ORDER_LAG

#: So many moments of one partition are remembered; of more, every second one is forgotten.
_MOST: Final = 4_000


class _Grown(NamedTuple):
    size: int
    at: float


class OrderLag:
    """The lag of every other country's order notes behind what is here."""

    def __init__(
        self, country: str, others: Iterable[str], partitions: int, clock: Callable[[], float]
    ) -> None:
        self._clock = clock
        self._grown: list[deque[_Grown]] = [deque() for _ in range(partitions)]
        self._said: dict[str, list[int]] = {}
        for other in others:
            self._said[other] = [0] * partitions
            gauge = ORDER_LAG.labels(country, other)
            gauge.set_function(partial(self.lag, other))

    def grew(self, partition: int, size: int) -> None:
        """Note that so many events of a partition are here now."""
        grown = self._grown[partition]
        if not grown or size > grown[-1].size:
            grown.append(_Grown(size, self._clock()))
        if len(grown) > _MOST:
            # The oldest stays: since when somebody is behind must not be forgotten.
            self._grown[partition] = deque(list(grown)[::2])

    def said(self, country: str, partition: int, size: int) -> None:
        """Note how much of a partition a country says that it has heard."""
        sizes = self._said.get(country)
        if sizes is None or partition >= len(sizes):
            return
        sizes[partition] = max(sizes[partition], size)
        everybody = min(one[partition] for one in self._said.values())
        grown = self._grown[partition]
        while grown and grown[0].size <= everybody:
            grown.popleft()

    def lag(self, country: str) -> float:
        """Return for how many seconds something is here that a country has not spoken of."""
        sizes = self._said[country]
        since = (
            next((one.at for one in tuple(grown) if one.size > size), None)
            for grown, size in zip(tuple(self._grown), sizes, strict=True)
        )
        first = min((at for at in since if at is not None), default=None)
        return 0.0 if first is None else self._clock() - first
