"""Two countries hear one topic at their own pace: they differ if and only if their orders do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from events.stamp import leaf_hash
from ledger.log.order import Difference, HeardOrder

#: Who takes a step: one of two countries hears the next event, or says how far it has come.
STEPS = st.lists(st.sampled_from(["A hears", "B hears", "A says", "B says"]), max_size=120)
MANY = st.integers(min_value=1, max_value=40)


class Country:
    """One country, and what it has found in the notes of the other."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.leaves = leaves
        self.heard = HeardOrder()
        self.found: list[Difference] = []
        self.told: set[int] = set()

    def hears(self) -> None:
        if self.heard.size < len(self.leaves):
            self.found += self.heard.append(self.leaves[self.heard.size])

    def is_told(self, other: Country) -> None:
        head = other.heard.head
        self.told.add(head.size)
        if head.size > self.heard.size:
            self.heard.waits_for("other", head)
        else:
            found = self.heard.compared("other", head, self.heard.roots_at([head.size])[head.size])
            self.found += [found] if found else []


def played(one: list[bytes], other: list[bytes], steps: list[str]) -> tuple[Country, Country]:
    """Let two countries hear and talk in some interleaving, and then to the end."""
    a, b = Country(one), Country(other)
    act = {
        "A hears": a.hears,
        "B hears": b.hears,
        "A says": lambda: b.is_told(a),
        "B says": lambda: a.is_told(b),
    }
    for step in steps:
        act[step]()
    for _ in range(max(len(one), len(other))):
        a.hears()
        b.hears()
        a.is_told(b)
        b.is_told(a)
    return a, b


def leaves_of(many: int) -> list[bytes]:
    return [leaf_hash(b"%d" % number) for number in range(many)]


@given(MANY, MANY, STEPS)
def test_of_one_order_nobody_says_a_word(many, more, steps):
    """One of them may have heard less: its order begins the other's."""
    leaves = leaves_of(max(many, more))
    a, b = played(leaves[:many], leaves[:more], steps)
    assert ([], []) == (a.found, b.found)


@given(MANY, st.data(), STEPS)
def test_of_two_orders_both_learn(many, data, steps):
    """Swapped, dropped, added or another: whoever reaches a size that the other has signed."""
    leaves = leaves_of(many)
    at = data.draw(st.integers(0, many - 1))
    a, b = played(leaves, data.draw(st.sampled_from(forked(leaves, at))), steps)
    assert a.found or b.found
    for one in (a, b):
        beyond = [size for size in one.told if at < size <= one.heard.size]
        assert bool(beyond) == bool(one.found)
        for found in one.found:
            # It lies where it is said to lie: nobody is blamed for what both have heard alike.
            assert found.agreed <= at < found.size


def forked(leaves: list[bytes], at: int) -> list[list[bytes]]:
    """Return other orders, the first difference of each at one place."""
    new = leaf_hash(b"new")
    ways = [[*leaves[:at], new, *leaves[at + 1 :]], [*leaves[:at], new, *leaves[at:]]]
    if at + 1 < len(leaves):
        ways.append([*leaves[:at], *leaves[at + 1 :]])
        ways.append([*leaves[:at], leaves[at + 1], leaves[at], *leaves[at + 2 :]])
    return ways
