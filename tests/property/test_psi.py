"""Private set intersection: who learns what, and what is refused."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.errors import RecordRejected
from ledger.keys.psi import Holder, Seeker

TOKENS = st.frozensets(st.binary(min_size=1, max_size=40), max_size=12)


def met(sought: frozenset[bytes], held: frozenset[bytes]) -> frozenset[bytes]:
    seeker, holder = Seeker(sought), Holder(held, bucket=4)
    return holder.hits(seeker.sought, seeker.answer(holder.held))


@given(TOKENS, TOKENS, TOKENS)
def test_the_holder_learns_what_both_have_and_nothing_else(mine, theirs, both):
    assert met(mine | both, theirs | both) == (mine | both) & (theirs | both)


@pytest.mark.parametrize("many", [0, 1, 8, 9])
def test_how_many_children_are_held_is_not_told(many):
    holder = Holder((b"%d" % one for one in range(many)), bucket=8)
    assert len(holder.held) == -(-many // 8) * 8


def test_points_tell_nothing_across_comparisons():
    """Whoever keeps what was sent cannot find the same child in the next comparison."""
    one, other = Seeker([b"child"]), Seeker([b"child"])
    assert set(one.sought).isdisjoint(other.sought)


def test_the_order_of_what_is_held_is_of_chance():
    """Else a place in the list would be a child."""
    tokens = [b"%d" % one for one in range(50)]
    assert Holder(tokens, bucket=4)._own != Holder(tokens, bucket=4)._own


NO_POINTS = {
    "short": os.urandom(31),
    "identity": bytes([1]) + bytes(31),
    "of order two": (2**255 - 20).to_bytes(32, "little"),
    "not on the curve": (2).to_bytes(32, "little"),
    "not canonical": (2**255 - 18).to_bytes(32, "little"),
}


@pytest.mark.parametrize("point", NO_POINTS.values(), ids=NO_POINTS)
def test_what_is_no_point_of_the_group_is_refused(point):
    """Multiplied, it would tell of the secret."""
    seeker, holder = Seeker([b"a"]), Holder([b"a"], bucket=4)
    with pytest.raises(RecordRejected, match="point 0"):
        seeker.answer([point])
    with pytest.raises(RecordRejected, match="point 0"):
        holder.hits([point], seeker.answer(holder.held))
    answered = [point, *seeker.answer(holder.held)[1:]]
    with pytest.raises(RecordRejected, match="point 0"):
        holder.hits(seeker.sought, answered)


def test_an_answer_to_something_else_is_refused():
    seeker, holder = Seeker([b"a"]), Holder([b"a"], bucket=4)
    with pytest.raises(RecordRejected, match="came back"):
        holder.hits(seeker.sought, seeker.answer(holder.held)[1:])


def test_no_secret_is_shown():
    assert repr(Seeker([b"a"])._secret) == "_Secret()"
