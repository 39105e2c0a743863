"""Capsules: keys for one release and one recipient."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest

from events.codes import DataScope
from events.errors import NotEncodable, SealBroken
from ledger.keys import capsule as capsules
from ledger.keys.capsule import Key, Release, check_commitments, one_time_key, unwrap, wrap
from ledger.keys.seal import SCOPE_NUMBER, Place, commitment, seal, unseal
from tests import by_hand, seal_vectors

PAGE = (Path(__file__).parents[2] / "docs" / "wire-format.md").read_text()
CAPSULES = {one["name"]: one for one in json.loads(seal_vectors.FILE.read_text())["capsules"]}

RELEASE = Release(
    case_id=UUID("4b1c7f6e-0000-4000-8000-000000000002"),
    grant_id=UUID("018f0000-0000-7000-8000-000000000001"),
    sender="KZ",
    recipient="KG",
    basis_leaf=bytes(31) + b"\1",
    accept_leaf=bytes(31) + b"\2",
)
KEYS = (
    Key(DataScope.IDENTITY, 1, bytes(range(32))),
    Key(DataScope.HEALTH, 2, bytes(range(1, 33))),
    Key(DataScope.HEALTH, 1, bytes(range(2, 34))),
)
PRIVATE, PUBLIC = one_time_key()
CAPSULE = wrap(KEYS, RELEASE, PUBLIC)
SALT = bytes(range(100, 132))

#: RELEASE, each time with one thing that is another.
OTHERS = {
    "case": replace(RELEASE, case_id=UUID("4b1c7f6e-0000-4000-8000-000000000003")),
    "grant": replace(RELEASE, grant_id=UUID("018f0000-0000-7000-8000-000000000004")),
    "sender": replace(RELEASE, sender="UZ"),
    "recipient": replace(RELEASE, recipient="UZ"),
    "direction": replace(RELEASE, sender="KG", recipient="KZ"),
    "basis": replace(RELEASE, basis_leaf=bytes(31) + b"\3"),
    "acceptance": replace(RELEASE, accept_leaf=bytes(31) + b"\3"),
    "end of the sender": replace(RELEASE, sender="K", recipient="ZKG"),
}


@pytest.mark.parametrize("name", CAPSULES)
def test_what_was_frozen_opens_for_ever(name):
    """Written by RFC 9180 without the library that we use."""
    said = {key: value for key, value in CAPSULES[name].items() if key != "keys"}
    raw = {k: bytes.fromhex(v) for k, v in said.items() if re.fullmatch("([0-9a-f]{2}){20,}", v)}
    release = Release(
        case_id=UUID(said["case_id"]),
        grant_id=UUID(said["grant_id"]),
        sender=said["sender"],
        recipient=said["recipient"],
        basis_leaf=raw["basis_leaf"],
        accept_leaf=raw["accept_leaf"],
    )
    found = unwrap(raw["capsule"], release, raw["private_key"])

    assert release.info == raw["info"]
    assert [
        {"scope": SCOPE_NUMBER[key.scope], "epoch": key.epoch, "data_key": key.dek.hex()}
        for key in found
    ] == CAPSULES[name]["keys"]
    assert capsules.capsule_hash(raw["salt"], raw["capsule"]) == raw["capsule_hash"]
    assert capsules.carried(raw["salt"], raw["capsule"]) == raw["carried"]
    assert len(raw["capsule"]) == 48 + 37 * len(found)


def test_what_we_wrap_is_opened_by_the_standard():
    sent, sealed = CAPSULE[:32], CAPSULE[32:]
    shared = by_hand.x25519(PRIVATE, sent)
    key, nonce = by_hand.hpke_key(shared, sent, PUBLIC, RELEASE.info)
    text = b"".join(
        bytes([SCOPE_NUMBER[one.scope]]) + one.epoch.to_bytes(4, "big") + one.dek for one in KEYS
    )
    assert by_hand.public_of(PRIVATE) == PUBLIC
    assert sealed == by_hand.aes_gcm(key, nonce, text, b"")
    assert unwrap(CAPSULE, RELEASE, PRIVATE) == KEYS


@pytest.mark.parametrize("what", OTHERS)
def test_a_capsule_opens_for_its_release_only(what):
    """Replayed under another consent, another acceptance or another case it is worth nothing."""
    with pytest.raises(SealBroken, match=re.escape(str(OTHERS[what].grant_id))) as raised:
        unwrap(CAPSULE, OTHERS[what], PRIVATE)
    assert raised.value.rule == "seal"


@pytest.mark.parametrize(
    ("what", "private"),
    [("another", one_time_key()[0]), ("zeros", bytes(32)), ("short", PRIVATE[:31]), ("no", b"")],
)
def test_a_capsule_opens_with_its_one_time_key_only(what, private):
    """Once that key is destroyed, a kept copy is noise."""
    with pytest.raises(SealBroken, match="does not open"):
        unwrap(CAPSULE, RELEASE, private)


@pytest.mark.parametrize("size", [0, 1, 31, 32, 47, 48, 85, len(CAPSULE) - 37, len(CAPSULE) - 1])
def test_a_capsule_that_was_cut_is_refused(size):
    with pytest.raises(SealBroken):
        unwrap(CAPSULE[:size], RELEASE, PRIVATE)
    with pytest.raises(SealBroken):
        unwrap(CAPSULE + CAPSULE[:size] + b"\0", RELEASE, PRIVATE)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        bytes([1]) + bytes(35),
        bytes([0]) + bytes(36),  # no scope of a child's data
        bytes([12]) + bytes(36),  # none that this release knows
        (bytes([1]) + bytes(36)) * 2,  # two keys for one place
        bytes([1]) + bytes(37),
    ],
)
def test_what_is_in_it_has_to_be_a_list_of_keys(text):
    """Who knows the one-time public key can put anything in, and is not a friend for that."""
    capsule = by_hand.hpke_sealed(text, PUBLIC, RELEASE.info, bytes(range(32)))
    with pytest.raises(SealBroken, match=r"no list of keys|unknown, or in it twice"):
        unwrap(capsule, RELEASE, PRIVATE)


@pytest.mark.parametrize(
    "public",
    [
        b"",
        PUBLIC[:31],
        PUBLIC + b"\0",
        bytes(32),
        b"\1" + bytes(31),
        bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
        (2**255 - 20).to_bytes(32, "little"),
        (2**255 - 19).to_bytes(32, "little"),
        (2**255 - 18).to_bytes(32, "little"),
    ],
)
def test_no_key_is_wrapped_to_what_is_no_public_key(public):
    """Points of small order give a secret that everybody knows: the capsule would be in clear."""
    with pytest.raises(SealBroken, match="one-time key is none"):
        wrap(KEYS, RELEASE, public)


@pytest.mark.parametrize(
    "keys",
    [
        (),
        (Key(DataScope.UNKNOWN, 1, bytes(32)),),
        (Key(DataScope.HEALTH, -1, bytes(32)),),
        (Key(DataScope.HEALTH, 2**32, bytes(32)),),
        (Key(DataScope.HEALTH, 1, bytes(31)),),
        (KEYS[0], replace(KEYS[0], dek=KEYS[1].dek)),
    ],
    ids=str,
)
def test_what_cannot_stand_in_a_capsule_is_not_wrapped(keys):
    with pytest.raises(NotEncodable, match=str(RELEASE.grant_id)) as raised:
        wrap(keys, RELEASE, PUBLIC)
    assert raised.value.rule == "capsule"


@pytest.mark.parametrize(
    "wrong",
    [
        {"basis_leaf": bytes(31)},
        {"accept_leaf": bytes(33)},
        {"basis_leaf": bytes(33), "accept_leaf": bytes(31)},
        {"recipient": "K" * 65_536},
        {"sender": "\ud800"},
    ],
    ids=str,
)
def test_a_release_that_cannot_be_is_refused_by_name(wrong):
    release = replace(RELEASE, **wrong)
    for use in (lambda: wrap(KEYS, release, PUBLIC), lambda: unwrap(CAPSULE, release, PRIVATE)):
        with pytest.raises(SealBroken, match=str(RELEASE.grant_id)):
            use()


def test_a_key_that_is_not_the_committed_one_is_refused():
    """A sender that gives two countries two keys is caught by both (threat T19)."""
    committed = {key.scope: commitment(key.dek) for key in KEYS[:2]}
    check_commitments(KEYS[:2], committed)
    other = Key(DataScope.HEALTH, 2, bytes(32))
    for keys, known in (
        ((KEYS[0], other), committed),
        (KEYS[:2], {DataScope.IDENTITY: committed[DataScope.IDENTITY]}),
        (KEYS[:2], committed | {DataScope.HEALTH: committed[DataScope.HEALTH][:16]}),
    ):
        with pytest.raises(SealBroken, match="health") as raised:
            check_commitments(keys, known)
        assert "identity" not in str(raised.value)


def test_a_key_is_in_no_repr_and_no_error():
    shown = [repr(KEYS), str(KEYS[0]), f"{RELEASE}"]
    for use in (
        lambda: wrap((*KEYS, KEYS[0]), RELEASE, PUBLIC),
        lambda: unwrap(CAPSULE, OTHERS["case"], PRIVATE),
        lambda: check_commitments(KEYS, {}),
        lambda: wrap(KEYS, RELEASE, bytes(32)),
    ):
        with pytest.raises((SealBroken, NotEncodable)) as raised:
            use()
        shown.append(f"{raised.value!r} {raised.value.__cause__!r}")
        assert raised.value.__suppress_context__ or raised.value.__context__ is None
    for secret in (PRIVATE, *(key.dek for key in KEYS)):
        for said in shown:
            assert secret.hex() not in said
            assert repr(secret)[2:-1] not in said


def test_the_hash_of_a_capsule_is_salted():
    """Without the salt nobody can say that two releases carried the same capsule."""
    assert capsules.capsule_hash(SALT, CAPSULE) == (
        sha256(b"xref/v1/capsule\0" + SALT + CAPSULE).digest()
    )
    assert capsules.capsule_hash(bytes(32), CAPSULE) != capsules.capsule_hash(SALT, CAPSULE)
    for salt in (b"", SALT[:31], SALT + b"\0"):
        for use in (capsules.capsule_hash, capsules.carried):
            with pytest.raises(SealBroken, match="salt"):
                use(salt, CAPSULE)


def test_salt_and_capsule_travel_together():
    value = capsules.carried(SALT, CAPSULE)
    assert capsules.split(value) == (SALT, CAPSULE)
    for cut in (0, 32, 80, 116, len(value) - 1):
        with pytest.raises(SealBroken, match=f"{cut} bytes"):
            capsules.split(value[:cut])


def test_one_time_keys_are_new_each_time():
    made = [one_time_key() for _ in range(3)]
    assert len({half for pair in made for half in pair}) == 6
    assert all(by_hand.public_of(private) == public for private, public in made)


def test_a_released_key_opens_what_was_sealed_under_it():
    """The whole way: seal, release, open abroad."""
    place = Place(
        event_id=RELEASE.grant_id,
        case_id=RELEASE.case_id,
        scope=SCOPE_NUMBER[DataScope.IDENTITY],
        epoch=1,
        schema_sha256=bytes(32),
        path="sealed",
        origin="KZ",
    )
    box = seal(KEYS[0].dek, place, b"name", size=64)
    (key, *_) = unwrap(CAPSULE, RELEASE, PRIVATE)
    assert unseal(key.dek, place, box) == b"name"


def test_the_page_tells_a_capsule_byte_by_byte():
    section = PAGE.split("## Sealed fields and capsules")[1].split("\n## ")[0]
    capsule = section.split("**A capsule**")[1]
    assert (
        f"{capsules.ENTRY_BYTES} bytes for each key and {capsules.CAPSULE_OVERHEAD} more" in capsule
    )
    assert "DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM" in capsule
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (.+?) \|", capsule, re.MULTILINE)
    entry = bytes([SCOPE_NUMBER[KEYS[1].scope]]) + (2).to_bytes(4, "big") + KEYS[1].dek
    assert {what: entry[int(at) : int(at) + int(size)] for at, size, what in rows} == {
        "scope": entry[:1],
        "epoch": entry[1:5],
        "data key": entry[5:],
    }
    assert sum(int(size) for _, size, _ in rows) == capsules.ENTRY_BYTES
