"""Which cells of published tables are withheld, so that nobody can work out a small one (ADR 43).

A pure function over cells and the sums that tie them together: the total of a table, a row of it, a
total that two tables share. A cell under LEAST is withheld, and then as many others as it takes.
What is left is proved cell by cell, by another set of numbers: it fits everything that is
published, and in it a small cell is no small one, and any other withheld cell is another number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

#: The smallest number that is told.
LEAST: Final = 5
#: Steps after which a search for other numbers is given up: then one cell more is withheld.
_PATIENCE: Final = 2_000
#: How many cells are withheld at most for the sake of one, before more is tried one by one.
_MOST_AT_ONCE: Final = 6

#: Table, row, column.
Key = tuple[str, str, str]


class Sum(NamedTuple):
    """One cell is the sum of others."""

    total: Key
    parts: tuple[Key, ...]

    @property
    def keys(self) -> tuple[Key, ...]:
        """Every cell of it."""
        return (self.total, *self.parts)


def withheld(cells: Mapping[Key, int], sums: Sequence[Sum]) -> frozenset[Key]:
    """Return the cells that must not be told: every small one, and what would give it away."""
    hidden = {key for key, count in cells.items() if count < LEAST}
    proved: set[Key] = set()
    while open_ := sorted(hidden - proved):
        search = _Search(cells, sums, hidden)
        shown = search.shown_otherwise(open_[0])
        proved |= shown & hidden
        if not shown:
            further = search.further(open_[0])
            # Where nothing is told that hangs together with it, nothing can be worked out.
            (hidden if further else proved).update(further or {open_[0]})
    return frozenset(hidden)


class _Search:
    """Looks for other numbers that fit what is told."""

    def __init__(self, cells: Mapping[Key, int], sums: Sequence[Sum], hidden: set[Key]) -> None:
        self._cells = cells
        self._sums = sums
        self._hidden = hidden
        self._totals = {one.total for one in sums}
        self._steps = 0

    def shown_otherwise(self, key: Key) -> frozenset[Key]:
        """Return the cells that other numbers prove: with `key` among them, or none at all."""
        if self._cells[key] >= LEAST:
            found = self._moved(self._cells, key, 1) or self._moved(self._cells, key, -1)
            return frozenset() if found is None else self._proved(found)
        values: Mapping[Key, int] | None = self._cells
        while values is not None and values[key] < LEAST:
            values = self._moved(values, key, 1)
        return frozenset() if values is None else self._proved(values)

    def further(self, key: Key) -> frozenset[Key]:
        """Return which cells are withheld, too, for the sake of one: as few as can be found.

        Small numbers before large ones, totals last; none if no cell is told that hangs together
        with it.
        """
        for spare in range(1, _MOST_AT_ONCE + 1):
            self._steps = 0
            moves = self._repaired(self._cells, {key: 1}, spare)
            if moves is not None and (told := moves.keys() - self._hidden):
                return frozenset(told)
        return self._nearest(key)

    def _nearest(self, key: Key) -> frozenset[Key]:
        reached, edge = {key}, {key}
        while edge:
            near = {one for each in self._sums if edge & {*each.keys} for one in each.keys}
            if told := near - self._hidden:
                return frozenset({min(told, key=self._dear)})
            edge = near - reached
            reached |= near
        return frozenset()

    def _proved(self, values: Mapping[Key, int]) -> frozenset[Key]:
        return frozenset(
            key
            for key, count in self._cells.items()
            if (values[key] >= LEAST if count < LEAST else values[key] != count)
        )

    def _moved(self, values: Mapping[Key, int], key: Key, by: int) -> Mapping[Key, int] | None:
        """Return numbers that still fit, with one cell moved by one; None if none are found."""
        self._steps = 0
        moves = self._repaired(values, {key: by}, 0)
        if moves is None:
            return None
        return {one: count + moves.get(one, 0) for one, count in values.items()}

    def _repaired(
        self, values: Mapping[Key, int], moves: Mapping[Key, int], spare: int
    ) -> Mapping[Key, int] | None:
        """Move more cells, each once and by one, until every sum is right again.

        Of cells that are told at most `spare`.
        """
        self._steps += 1
        if self._steps > _PATIENCE:
            return None
        wrong = next(((one, off) for one in self._sums if (off := _off(one, moves))), None)
        if wrong is None:
            return moves
        for key, by in self._repairs(*wrong, values, moves, spare):
            left = spare - (key not in self._hidden)
            if (found := self._repaired(values, {**moves, key: by}, left)) is not None:
                return found
        return None

    def _repairs(
        self, one: Sum, off: int, values: Mapping[Key, int], moves: Mapping[Key, int], spare: int
    ) -> Iterator[tuple[Key, int]]:
        """Yield the moves that bring a sum nearer to being right: of withheld cells first."""
        sign = 1 if off > 0 else -1
        for key in sorted(one.keys, key=self._dear):
            by = sign if key == one.total else -sign
            may = key in self._hidden or spare > 0
            if may and key not in moves and values[key] + by >= 0:
                yield key, by

    def _dear(self, key: Key) -> tuple[bool, bool, int, Key]:
        return key not in self._hidden, key in self._totals, self._cells[key], key


def _off(one: Sum, moves: Mapping[Key, int]) -> int:
    """Return by how much the parts of a sum are above its total after some moves."""
    return sum(moves.get(key, 0) for key in one.parts) - moves.get(one.total, 0)
