"""Two shares and a key-encryption key open a set; any two of the three open nothing."""

import os
from dataclasses import replace
from uuid import uuid4

import pytest

from events.errors import KeysGone
from ledger.keys.kek import Kek
from ledger.keys.keyset import KeySet, Kind
from ledger.keys.memory import Memory
from ledger.keys.wrapping import opens, unwrap, wrap

CASE, SET = uuid4(), uuid4()
KEK, SLOT = Kek(os.urandom(32)), os.urandom(32)
KEYS = (os.urandom(32), os.urandom(32))
WRAPPED = wrap(KEYS, KEK, SLOT, CASE, SET)


def test_all_three_open():
    assert unwrap(WRAPPED, KEK, SLOT, CASE, SET) == KEYS
    assert opens(WRAPPED, KEK, SLOT, CASE, SET)


@pytest.mark.parametrize(
    ("wrapped", "kek", "slot", "case_id", "set_id"),
    [
        (WRAPPED, KEK, os.urandom(32), CASE, SET),
        (WRAPPED, KEK, bytes(32), CASE, SET),
        (WRAPPED, Kek(os.urandom(32)), SLOT, CASE, SET),
        (WRAPPED._replace(share_db=os.urandom(32)), KEK, SLOT, CASE, SET),
        (WRAPPED, KEK, SLOT, uuid4(), SET),
        (WRAPPED, KEK, SLOT, CASE, uuid4()),
    ],
)
def test_without_one_of_them_nothing_opens(wrapped, kek, slot, case_id, set_id):
    assert unwrap(wrapped, kek, slot, case_id, set_id) is None
    assert not opens(wrapped, kek, slot, case_id, set_id)


def test_keys_or_canary_alone_count_as_open():
    """An erasure is attested when neither opens: one of them may have been spoilt by accident."""
    broken = bytes(len(WRAPPED.keys))
    assert opens(WRAPPED._replace(keys=broken), KEK, SLOT, CASE, SET)
    assert opens(WRAPPED._replace(canary=bytes(len(WRAPPED.canary))), KEK, SLOT, CASE, SET)


def test_the_same_keys_never_look_the_same_twice():
    again = wrap(KEYS, KEK, SLOT, CASE, SET)
    assert not {WRAPPED.share_db, WRAPPED.keys, WRAPPED.canary} & set(again)


def key_set(**more) -> KeySet:
    made = KeySet(
        uuid4(), Kind.OWN, CASE, 1, {1: b"n" * 16, 2: b"m" * 16}, dict(enumerate(KEYS, 1))
    )
    return replace(made, **more)


def test_a_set_gives_the_keys_it_has_and_shows_none():
    keys = key_set()
    assert keys.scopes == (1, 2)
    assert keys.dek(2) == KEYS[1]
    with pytest.raises(KeysGone, match="no own key of scope 3"):
        keys.dek(3)
    shown = f"{keys!r} {keys} {WRAPPED!r}"
    assert not any(secret in shown for key in KEYS for secret in (repr(key), key.hex()))


def test_memory_forgets_after_a_while():
    now = [100.0]
    memory = Memory(seconds=300, most=8, clock=lambda: now[0])
    keys = key_set()
    memory.put(keys)
    now[0] += 299
    assert memory.get(keys.set_id) is keys
    now[0] += 1
    assert memory.get(keys.set_id) is None
    assert len(memory) == 0


def test_memory_counts_from_the_last_time_a_set_was_opened():
    """The first opening's time is over earlier; it must take neither this set nor another away."""
    now = [100.0]
    memory = Memory(seconds=300, most=8, clock=lambda: now[0])
    again, once = key_set(), key_set()
    memory.put(again)
    now[0] += 200
    memory.put(once)
    memory.put(again)
    now[0] += 299
    assert [again, once] == [memory.get(again.set_id), memory.get(once.set_id)]
    now[0] += 1
    assert len(memory) == 0


def test_memory_is_small_and_drops_what_was_used_least():
    memory = Memory(seconds=300, most=2)
    first, second, third = key_set(), key_set(), key_set()
    memory.put(first)
    memory.put(second)
    memory.get(first.set_id)
    memory.put(third)
    assert [True, False, True] == [bool(memory.get(one.set_id)) for one in (first, second, third)]


def test_memory_never_takes_back_what_was_destroyed():
    """Whoever had opened the set before it was destroyed comes too late to keep it here."""
    memory, keys = Memory(seconds=300, most=2), key_set()
    memory.put(keys)
    memory.drop(keys.set_id)
    assert memory.get(keys.set_id) is None
    memory.put(keys)
    assert memory.get(keys.set_id) is None
    assert "Memory(0 key sets)" == repr(memory)
