"""No withheld figure can be worked out: every other set of numbers is looked for by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from node.statistics.shapes import SHAPES, SUMS, with_totals
from node.statistics.suppression import LEAST, Key, Sum, withheld

TOTAL = "total"


def grid(name: str, counts: Sequence[Sequence[int]], grand: Key | None = None):
    """Return the cells and sums of a table with totals of its rows, columns and of everything."""
    rows = [f"r{at}" for at in range(len(counts))]
    columns = [f"c{at}" for at in range(len(counts[0]))]
    whole = grand or (name, TOTAL, TOTAL)
    cells: dict[Key, int] = {
        (name, row, column): counts[at][to]
        for (at, row), (to, column) in product(enumerate(rows), enumerate(columns))
    }
    sums = [Sum((name, row, TOTAL), tuple((name, row, one) for one in columns)) for row in rows]
    sums += [Sum((name, TOTAL, one), tuple((name, row, one) for row in rows)) for one in columns]
    sums += [Sum(whole, tuple((name, row, TOTAL) for row in rows))]
    sums += [Sum(whole, tuple((name, TOTAL, one) for one in columns))]
    for one in sums:
        cells[one.total] = sum(cells[key] for key in one.parts)
    return cells, sums


def other_numbers(
    cells: Mapping[Key, int], sums: Sequence[Sum], hidden: frozenset[Key], key: Key
) -> bool:
    """Say whether numbers fit what is told in which a withheld one is another (a small one: none).

    It knows nothing of how cells were chosen: it tries all numbers, the nearest first.
    """
    under = atoms_under(sums)
    truth, most = cells[key], max(cells.values()) + LEAST
    others = (value for value in range(most + 1) if value != truth)
    wanted = range(LEAST, most + 1) if truth < LEAST else sorted(others, key=near(truth))
    atoms = [one for one in cells if one not in under]
    told = {one: count for one, count in cells.items() if one not in hidden}
    for value in wanted:
        known = [(under.get(one, {one}), count) for one, count in ({**told, key: value}).items()]
        if solved(atoms, cells, known, {}):
            return True
    return False


def near(truth: int):
    return lambda value: (abs(value - truth), value)


def solved(
    atoms: Sequence[Key],
    cells: Mapping[Key, int],
    known: Sequence[tuple[set[Key], int]],
    said: dict[Key, int],
) -> bool:
    """Say whether there are numbers for all atoms that give every known sum."""
    if len(said) == len(atoms):
        return True
    atom = atoms[len(said)]
    least, most = 0, cells[atom] + LEAST
    for parts, total in known:
        if atom in parts:
            rest = total - sum(said.get(part, 0) for part in parts)
            most = min(most, rest) if len(parts) > 1 else rest
            if parts <= {*said, atom}:  # the last one of a sum
                least, most = max(least, rest), rest
    values = range(least, most + 1)
    return any(
        solved(atoms, cells, known, {**said, atom: value})
        for value in sorted(values, key=near(cells[atom]))
    )


def atoms_under(sums: Sequence[Sum]) -> dict[Key, set[Key]]:
    found: dict[Key, set[Key]] = {}
    for _ in range(3):
        for one in sums:
            found[one.total] = {atom for part in one.parts for atom in found.get(part, {part})}
    return found


def check(cells: Mapping[Key, int], sums: Sequence[Sum]) -> frozenset[Key]:
    hidden = withheld(cells, sums)
    assert {key for key, count in cells.items() if count < LEAST} <= hidden
    assert hidden <= cells.keys()
    for key in hidden:
        assert other_numbers(cells, sums, hidden, key), (key, cells, sorted(hidden))
    return hidden


counts = st.one_of(st.integers(0, 6), st.sampled_from([0, 0, 5, 9]))
grids = st.tuples(st.integers(1, 3), st.integers(1, 3)).flatmap(
    lambda size: st.lists(
        st.lists(counts, min_size=size[1], max_size=size[1]), min_size=size[0], max_size=size[0]
    )
)


@settings(max_examples=60, deadline=None)
@given(grids)
def test_nothing_can_be_worked_out_within_a_table(told):
    check(*grid("table", told))


@settings(max_examples=60, deadline=None)
@given(grids, st.lists(counts, min_size=1, max_size=3))
def test_nor_between_tables_that_share_a_total(told, parts):
    cells, sums = grid("table", told)
    rest = sum(parts)
    whole = cells["table", TOTAL, TOTAL]
    shared = [*parts, whole - rest] if rest <= whole else [whole]
    second = {("other", f"r{at}", "c0"): count for at, count in enumerate(shared)}
    cells |= second
    check(cells, [*sums, Sum(("table", TOTAL, TOTAL), tuple(second))])


def determined(sums: Sequence[Sum], hidden: frozenset[Key]) -> set[Key]:
    """Return the withheld cells that the told ones fix, by elimination over fractions."""
    names = sorted(hidden)
    rows = []
    for one in sums:
        signs = {**dict.fromkeys(one.parts, 1), one.total: -1}
        rows.append([Fraction(signs.get(name, 0)) for name in names])
    done = 0
    for column in range(len(names)):
        pivot = next((at for at in range(done, len(rows)) if rows[at][column]), None)
        if pivot is None:
            continue
        rows[done], rows[pivot] = rows[pivot], rows[done]
        head = [one / rows[done][column] for one in rows[done]]
        rows[done] = head
        for at, row in enumerate(rows):
            if at != done and (times := row[column]):
                rows[at] = [a - times * b for a, b in zip(row, head, strict=True)]
        done += 1
    return {names[row.index(1)] for row in rows[:done] if sum(map(bool, row)) == 1}


whole_numbers = st.sampled_from([0, 3, 11, 40, 300])


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_nor_in_the_tables_that_are_really_told(data):
    totals = {name: data.draw(whole_numbers) for name in ("opened", "closed", "open_at_end")}
    counted: dict[Key, int] = {}
    for shape in SHAPES:
        for column in shape.columns:
            tied = column in shape.shares or shape.name == "cases"
            rest = totals[column] if tied else data.draw(whole_numbers)
            for row in shape.rows[1:]:
                counted[shape.name, row, column] = part = data.draw(st.integers(0, rest))
                rest -= part
            counted[shape.name, shape.rows[0], column] = rest
    cells = with_totals(counted)
    hidden = withheld(cells, SUMS)
    assert {key for key, count in cells.items() if count < LEAST} <= hidden
    assert set() == determined(SUMS, hidden)
    for one in SUMS:  # what is told leaves something to share out: else each part would be 0
        open_parts = [key for key in one.parts if key in hidden]
        if one.total not in hidden and open_parts:
            assert sum(cells[key] for key in open_parts) >= LEAST


def test_elimination_finds_what_a_total_gives_away():
    cells, sums = grid("table", [[3, 50], [20, 30]])
    small = frozenset({("table", "r0", "c0")})
    assert small == determined(sums, small)
    assert set() == determined(sums, withheld(cells, sums))


def test_a_table_without_small_figures_is_told_whole():
    assert frozenset() == withheld(*grid("table", [[5, 9], [40, 7]]))


def test_one_small_figure_takes_three_others_with_it():
    cells, sums = grid("table", [[3, 50, 60], [20, 30, 70], [40, 80, 90]])
    hidden = check(cells, sums)
    assert ("table", "r0", "c0") in hidden
    assert 4 == len(hidden), "it, another one of its row, one of its column, one where they cross"


def test_the_search_by_hand_finds_what_subtraction_gives_away():
    """A control: with small figures withheld alone, and with two zeros under a told total."""
    cells, sums = grid("table", [[3, 50], [20, 30]])
    alone = frozenset({("table", "r0", "c0")})
    assert not other_numbers(cells, sums, alone, ("table", "r0", "c0"))
    cells, sums = grid("table", [[0, 0, 7], [9, 9, 9]])
    both = frozenset({("table", "r0", "c0"), ("table", "r0", "c1")})
    assert not other_numbers(cells, sums, both, ("table", "r0", "c0"))
    check(cells, sums)
