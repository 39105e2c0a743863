"""A country that uses a key which it said is gone contradicts itself, for every reader to see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from events.codec import encode
from events.codes import DataScope
from events.data import ErasureAttested
from events.stamp import SealedEntry, leaf_hash
from ledger.case.encoding import plane_from_json, plane_to_json
from ledger.case.fold import fold
from ledger.case.plane import Plane
from tests.data_histories import key, keys_said_gone
from tests.history import History

TOLD = keys_said_gone()


def after(count: int, history: History = TOLD) -> Plane:
    """Return the plane after so many records."""
    return history.folded()[count - 1][1]


def types(history: History = TOLD) -> list[str]:
    return [type(entry.event).__name__ for entry in history.entries]


def goes_on(plane: Plane, origin: str, name: bytes) -> Plane:
    """Let a country put one more sealed entry on the topic, under the key of this name."""
    last = next(e for e in TOLD.entries if type(e.event).__name__ == "ReferralSent").event
    box = b"\x01\x02" + name + bytes(80)
    event = replace(
        last,
        event_id=TOLD.entries[0].event.event_id,
        origin=origin,
        version=plane.versions[origin] + 1,
        sealed=(SealedEntry(scope=DataScope.PREVIEW, box=box),),
    )
    return fold(plane, event, leaf_hash(encode(event)))[0]


def test_an_attestation_that_is_kept_contradicts_nothing():
    at = types().index("ErasureAttested") + 2
    plane = after(at)
    assert set(plane.attested) == {"KZ", "KG"}
    assert "KZ" not in plane.contradicted


@pytest.mark.parametrize(
    ("origin", "name", "found"),
    [
        ("KZ", key("second/identity")[:16], True),
        ("KZ", key("another")[:16], False),
        # What KZ attests says nothing about what KG seals under.
        ("KG", key("second/health")[:16], True),  # KG attested, too: its grants are destroyed
        ("KG", key("another")[:16], False),
    ],
)
def test_a_sealed_entry_under_a_key_said_gone_is_seen_without_any_key(origin, name, found):
    at = types().index("ErasureAttested") + 2
    plane = goes_on(after(at), origin, name)
    assert (origin in plane.contradicted) is found


def test_who_never_said_that_keys_are_gone_may_use_them():
    at = types().index("KeysDestroyed")
    plane = goes_on(after(at), "KZ", key("second/identity")[:16])
    assert {} == plane.contradicted


def test_a_void_event_is_signed_and_counts():
    at = types().index("KeysDestroyed") + 2
    assert TOLD.entries[at - 1].void == "wrong_country"
    assert {"KG": TOLD.entries[at - 1].event.event_id} == after(at).contradicted


def test_a_key_that_was_given_again_is_no_contradiction():
    """A recipient destroyed its keys and gets the same ones anew: it may seal under them."""
    history = keys_said_gone()
    again = types(history).index("ErasureAttested") + 4  # KZ has released the same keys again
    plane = after(again, history)
    assert plane.releases
    assert "KG" not in goes_on(plane, "KG", key("second/identity")[:16]).contradicted


def test_only_another_erasure_settles_it():
    repeated, anew = after(len(TOLD.entries) - 1), after(len(TOLD.entries))
    assert isinstance(TOLD.entries[-2].event, ErasureAttested)
    assert "KZ" in repeated.contradicted
    assert {} == anew.contradicted


def test_a_contradiction_survives_being_stored():
    plane = after(len(TOLD.entries) - 1)
    assert plane == plane_from_json(plane_to_json(plane))
