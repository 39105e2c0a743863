"""One key in the place of another: by both, by a pinned one only, at one place of the log."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.errors import RecordRejected
from events.governance import SigningKeyReplaced
from events.stamp import NOTHING_SEEN, Actor
from ledger.log.note import Note
from ledger.log.signature import LogSigner
from ledger.log.succession import Succession, Turns, have_successors, said_by_both
from tests.unit.test_step_matrix import CASE, MOMENT, SUBJECT

SIGNERS = [LogSigner("KZ-log", sha256(bytes([at])).digest()) for at in range(4)]
KEYS = [one.verifier.render() for one in SIGNERS]
ELSE = LogSigner("other", sha256(b"other").digest())


def event(note: str) -> SigningKeyReplaced:
    return SigningKeyReplaced(
        event_id=SUBJECT, case_id=CASE, origin="KZ", version=1, seen=NOTHING_SEEN,
        occurred_at=MOMENT, recorded_at=MOMENT, schema_version=1, note=note,
        actor=Actor(id="a", role="system", organisation="o"),
    )  # fmt: skip


def follows(old: int, new: int) -> SigningKeyReplaced:
    return event(said_by_both(SIGNERS[old], SIGNERS[new]))


def test_a_note_names_both_keys_and_is_signed_by_both():
    note = said_by_both(SIGNERS[0], SIGNERS[1])
    assert Succession(KEYS[0], KEYS[1]) == Succession.parse(note)
    lines = Note.parse(note.encode())
    assert lines.text == f"referral/key/v1\n{KEYS[0]}\n{KEYS[1]}\n"
    assert [one.key_id for one in lines.signatures] == [one.verifier.key_id for one in SIGNERS[:2]]


@pytest.mark.parametrize("missing", [0, 1])
def test_one_key_alone_says_nothing(missing):
    note = Note.parse(said_by_both(SIGNERS[0], SIGNERS[1]).encode())
    alone = Note.of(note.text, note.signatures[1 - missing]).render().decode()
    with pytest.raises(RecordRejected, match="not both"):
        Succession.parse(alone)


def test_keys_of_different_names_or_one_key_twice_are_no_succession():
    for old, new in ((SIGNERS[0], ELSE), (SIGNERS[0], SIGNERS[0])):
        with pytest.raises(RecordRejected):
            said_by_both(old, new)


def test_the_announcement_is_signed_by_the_old_key_and_what_follows_by_the_new_one():
    turns = Turns(KEYS[:2])
    turns.learn(7, follows(0, 1))
    assert [turns.is_turn(KEYS[0], at) for at in (0, 6, 7, 8)] == [True, True, True, False]
    assert [turns.is_turn(KEYS[1], at) for at in (0, 6, 7, 8)] == [False, False, False, True]
    assert [turns.may_seal(KEYS[0], size) for size in (7, 8, 9)] == [True, True, False]
    assert [turns.may_seal(KEYS[1], size) for size in (7, 8, 9)] == [False, True, True]
    assert turns.newest(KEYS) == KEYS[1]
    assert not turns.refused


def test_a_stolen_old_key_takes_nothing_over():
    """Neither with a key that nobody has pinned, nor after its turn, nor back to a retired one."""
    turns = Turns(KEYS[:3])
    turns.learn(2, follows(0, 3))
    turns.learn(4, follows(0, 1))
    turns.learn(6, follows(0, 2))
    turns.learn(8, follows(1, 0))
    turns.learn(9, event("referral/key/v1"))
    assert turns.refused == [2, 6, 8, 9]
    assert turns.newest(KEYS) == KEYS[1]


def test_without_successors_nobody_has_to_ask():
    assert not have_successors([KEYS[0], ELSE.verifier.render()])
    assert have_successors(KEYS[:2])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=12), st.data())
def test_whatever_is_said_each_place_is_one_keys(said, data):
    turns = Turns(KEYS)
    for at, (old, new) in enumerate(said):
        turns.learn(3 * at, follows(old, new) if old != new else event("nothing"))
    place = data.draw(st.integers(0, 40))
    assert 1 == sum(turns.is_turn(key, place) for key in KEYS)
