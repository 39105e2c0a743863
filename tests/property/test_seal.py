"""Sealed fields and capsules, whatever is in them and whatever is done to them."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.codes import DataScope
from events.errors import SealBroken
from ledger.keys.capsule import Key, Release, carried, one_time_key, split, unwrap, wrap
from ledger.keys.seal import (
    BUCKETS,
    CHACHA,
    DIRECT,
    NATIONAL_BUCKETS,
    OVERHEAD,
    PER_EVENT,
    Place,
    event_key,
    key_id_of,
    padded,
    seal,
    unseal,
    unseal_with_event_key,
)

UNHURRIED = settings(deadline=None)
SCOPES = [scope for scope in DataScope if scope is not DataScope.UNKNOWN]

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
places = st.builds(
    Place,
    event_id=st.uuids(),
    case_id=st.uuids(),
    scope=st.integers(0, 255),
    epoch=st.integers(0, 2**32 - 1),
    schema_sha256=st.binary(min_size=32, max_size=32),
    path=names,
    origin=names,
)
keys = st.binary(min_size=32, max_size=32)
suites = st.sampled_from([DIRECT, PER_EVENT, CHACHA])
releases = st.builds(
    Release,
    case_id=st.uuids(),
    grant_id=st.uuids(),
    sender=names,
    recipient=names,
    basis_leaf=keys,
    accept_leaf=keys,
)
released = st.lists(
    st.builds(Key, st.sampled_from(SCOPES), st.integers(0, 2**32 - 1), keys),
    min_size=1,
    unique_by=lambda key: (key.scope, key.epoch),
)


@UNHURRIED
@given(keys, places, st.binary(max_size=5000), suites)
def test_what_was_sealed_comes_back(dek, place, text, suite):
    """Any bytes: also ones that look like padding."""
    size = padded(len(text), NATIONAL_BUCKETS if len(text) > BUCKETS[-1] - 2 else BUCKETS)
    box = seal(dek, place, text, size=size, suite=suite)
    assert len(box) == size + OVERHEAD
    assert unseal(dek, place, box) == text
    if suite != DIRECT:
        assert unseal_with_event_key(event_key(dek, place), place, box) == text


@UNHURRIED
@given(places, places)
def test_two_places_never_share_their_bytes(one, other):
    """Lengths stand before names, so that no end of one can be the beginning of the next."""
    assert (one == other) == (one.aad == other.aad)


@UNHURRIED
@given(names, names, st.integers(1, 20))
def test_names_that_run_together_are_two_places(path, origin, moved):
    """The same letters, divided elsewhere."""
    whole = path + origin
    found = {
        Place(
            event_id=UUID(int=0), case_id=UUID(int=0), scope=1, epoch=1, schema_sha256=bytes(32),
            path=whole[:at], origin=whole[at:],
        ).aad
        for at in range(min(moved, len(whole)) + 1)
    }  # fmt: skip
    assert len(found) == min(moved, len(whole)) + 1


@UNHURRIED
@given(keys, places, st.binary(max_size=200), suites, st.data())
def test_one_flipped_bit_is_noticed(dek, place, text, suite, data):
    """Anywhere: in the head, the nonce, the text or the tag."""
    box = bytearray(seal(dek, place, text, size=256, suite=suite))
    at = data.draw(st.integers(0, len(box) * 8 - 1))
    box[at // 8] ^= 1 << at % 8
    with pytest.raises(SealBroken):
        unseal(dek, place, bytes(box))


@UNHURRIED
@given(keys, places, suites, st.integers(0, 109))
def test_a_box_cut_anywhere_is_none(dek, place, suite, length):
    box = seal(dek, place, b"text", size=64, suite=suite)
    with pytest.raises(SealBroken):
        unseal(dek, place, box[:length])
    with pytest.raises(SealBroken):
        unseal(dek, place, box[length + 1 :])


@UNHURRIED
@given(keys, places, places, st.binary(max_size=60), suites)
def test_a_box_opens_nowhere_else(dek, place, other, text, suite):
    box = seal(dek, place, text, size=64, suite=suite)
    if place != other:
        with pytest.raises(SealBroken):
            unseal(dek, other, box)


@UNHURRIED
@given(keys, places, st.binary(max_size=200), suites)
def test_garbage_is_refused_by_name(dek, place, garbage, suite):
    """A topic carries whatever its writers write: nothing stops a reader by surprise."""
    for box in (garbage, bytes((1, suite)) + garbage):
        with suppress(SealBroken):
            key_id_of(box)
        for key in (dek, event_key(dek, place)):
            with pytest.raises(SealBroken):
                unseal(key, place, box)
            with pytest.raises(SealBroken):
                unseal_with_event_key(key, place, box)


@UNHURRIED
@given(released, releases, keys)
def test_what_was_wrapped_comes_back_to_its_recipient(wrapped, release, salt):
    private, public = one_time_key()
    capsule = wrap(wrapped, release, public)
    assert unwrap(capsule, release, private) == tuple(wrapped)
    assert len(capsule) == 48 + 37 * len(wrapped)
    assert split(carried(salt, capsule)) == (salt, capsule)
    with pytest.raises(SealBroken):
        unwrap(capsule, release, one_time_key()[0])


@UNHURRIED
@given(released, releases, releases, st.data())
def test_a_capsule_that_was_changed_or_is_of_another_release_stays_shut(
    wrapped, release, other, data
):
    private, public = one_time_key()
    capsule = bytearray(wrap(wrapped, release, public))
    if release != other:
        with pytest.raises(SealBroken):
            unwrap(bytes(capsule), other, private)
    at = data.draw(st.integers(0, len(capsule) * 8 - 1))
    capsule[at // 8] ^= 1 << at % 8
    with pytest.raises(SealBroken):
        unwrap(bytes(capsule), release, private)
