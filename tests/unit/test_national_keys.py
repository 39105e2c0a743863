"""The country's own keys: what stands on a national topic, and what opens it."""

from dataclasses import replace
from functools import partial
from uuid import uuid4

import pytest

from events.access import PersonalDataAccessed
from events.block import BlockPlaced
from events.care import ViewsRecorded
from events.codec import encode
from events.codes import DataScope, Purpose
from events.errors import KeyUnknown, LedgerError, Misconfigured, RecordRejected, SealBroken
from events.registry import BY_NAME
from events.stamp import leaf_hash
from ledger.case.plane import VoidReason, empty
from ledger.case.reading import read_on
from ledger.keys.national import COUNTRY, NationalKeys, opened
from ledger.keys.seal import Place, key_id_of, unseal_with_event_key
from tests.given import NOON, SUPERVISOR

CASE = uuid4()


def stamp(version=1):
    return {
        "event_id": uuid4(), "case_id": CASE, "origin": "KZ", "version": version,
        "seen": bytes(32), "occurred_at": NOON, "recorded_at": NOON, "actor": SUPERVISOR,
    }  # fmt: skip


def heard(version=1):
    return ViewsRecorded(**stamp(version), views_id=uuid4())


def blocked():
    return BlockPlaced(**stamp(), block_id=uuid4(), countries=("KG",), persons=("uncle-1",))


def accessed(scopes=(DataScope.HEALTH,)):
    return PersonalDataAccessed(
        **stamp(), access_id=uuid4(), scopes=scopes, purpose=Purpose.SERVICE, basis_id=None,
        about=None, door="read",
    )  # fmt: skip


EVENTS = [heard, blocked, accessed]


@pytest.fixture(scope="module")
def keys():
    return NationalKeys.drawn()


@pytest.fixture
def blocks_are_restricted(monkeypatch):
    """No released schema is restricted yet: one that is, is sealed twice from its first event."""
    name = ("BlockPlaced", 1)
    monkeypatch.setitem(BY_NAME, name, replace(BY_NAME[name], visibility="restricted"))


@pytest.mark.parametrize("made", EVENTS)
def test_what_was_put_into_an_envelope_comes_out(keys, made):
    event = made()
    envelope = keys.envelope(event)
    assert keys.open(envelope) == event
    assert opened(envelope, keys) == event
    assert opened(event, keys) == event


@pytest.mark.usefixtures("blocks_are_restricted")
def test_an_envelope_tells_neither_what_it_holds_nor_who_decided(keys):
    """One type, one size, one actor; whether it is restricted cannot be seen either."""
    envelopes = [keys.envelope(made()) for made in EVENTS]
    assert {len(encode(one)) for one in envelopes} == {len(encode(envelopes[0]))}
    assert {(one.actor.id, one.actor.organisation) for one in envelopes} == {("", "")}
    assert len({key_id_of(one.box) for one in envelopes}) == 1


@pytest.mark.usefixtures("blocks_are_restricted")
def test_without_the_second_key_a_restricted_event_stays_closed_and_others_open(keys):
    lines = [line for line in keys.render().splitlines() if line.startswith(COUNTRY)]
    half = NationalKeys.parse("\n".join(lines))
    assert half.open(keys.envelope(event := heard())) == event
    restricted = keys.envelope(blocked())
    with pytest.raises(KeyUnknown):
        half.open(restricted)
    with pytest.raises(KeyUnknown):
        half.envelope(blocked())


def test_newer_keys_seal_and_older_ones_still_open(keys):
    newer = keys.rotated()
    before, after = heard(), heard(2)
    assert newer.open(keys.envelope(before)) == before
    sealed = newer.envelope(after)
    assert newer.open(sealed) == after
    with pytest.raises(KeyUnknown):
        keys.open(sealed)
    with pytest.raises(KeyUnknown):
        NationalKeys.drawn().open(sealed)
    with pytest.raises(KeyUnknown):
        opened(sealed, None)


def test_a_box_that_was_moved_changed_or_cut_does_not_open(keys):
    envelope, other = keys.envelope(heard()), keys.envelope(heard())
    for broken in (
        replace(envelope, box=other.box),
        replace(envelope, box=envelope.box[:-1]),
        replace(envelope, box=envelope.box[:40]),
        replace(envelope, box=b""),
        replace(envelope, box=envelope.box[:-1] + bytes([envelope.box[-1] ^ 1])),
        replace(envelope, case_id=uuid4()),
        replace(envelope, event_id=uuid4()),
        replace(envelope, origin="KG"),
    ):
        with pytest.raises(SealBroken):
            keys.open(broken)


@pytest.mark.parametrize("field", [{"version": 7}, {"seen": bytes([1]) * 32}])
def test_an_envelope_says_of_its_event_what_the_event_says(keys, field):
    """What is not bound to the box is compared."""
    with pytest.raises(RecordRejected) as refused:
        keys.open(replace(keys.envelope(heard()), **field))
    assert refused.value.rule == "envelope"


def test_an_envelope_in_an_envelope_is_none(keys):
    inner = keys.envelope(heard())
    with pytest.raises(LedgerError):
        keys.open(keys.envelope(inner))


def test_a_tampered_envelope_is_void_and_the_case_goes_on(keys):
    """It stops nobody: only a key that is not here yet makes the case wait."""
    good, bad, last = (keys.envelope(heard(version)) for version in (1, 2, 3))
    bad = replace(bad, box=good.box)
    plane, found = empty(CASE, shared=False), []
    for one in (good, bad, last):
        value = encode(one)
        plane, verdict, event = read_on(
            plane, value, leaf_hash(value), origin="KZ", version=one.version,
            unsealed=partial(opened, keys=keys),
        )  # fmt: skip
        found.append((verdict.void, event is not None))
    assert found[1] == (VoidReason.UNREADABLE, False)
    assert [event for _, event in found] == [True, False, True]
    assert plane.count == 3
    assert plane.versions == {"KZ": 3}
    value = encode(last)
    with pytest.raises(KeyUnknown):
        read_on(plane, value, leaf_hash(value), origin="KZ", version=3,
                unsealed=partial(opened, keys=NationalKeys.drawn()))  # fmt: skip


def test_a_key_file_is_made_once_readable_for_its_owner_and_never_shown(keys, tmp_path):
    path = tmp_path / "national.key"
    made = NationalKeys.create(path)
    assert path.stat().st_mode & 0o777 == 0o400
    assert NationalKeys.load(path).render() == made.render()
    with pytest.raises(FileExistsError):
        NationalKeys.create(path)
    secrets = [line.split()[2] for line in keys.render().splitlines()]
    assert not [one for one in secrets if one in repr(keys)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "restricted 1 " + "A" * 43 + "=",
        "country 1 short",
        "country one " + "A" * 43 + "=",
        "other 1 " + "A" * 43 + "=",
        "country 1",
    ],
)
def test_a_file_that_is_no_key_file_is_named_and_not_quoted(tmp_path, text):
    path = tmp_path / "national.key"
    path.write_text(text)
    with pytest.raises(Misconfigured) as refused:
        NationalKeys.load(path)
    assert "AAAA" not in str(refused.value)
    with pytest.raises(Misconfigured):
        NationalKeys.load(tmp_path / "nothing")


def test_the_key_of_one_envelope_opens_that_one_and_of_a_restricted_event_there_is_none(
    keys, blocks_are_restricted
):
    one, other = keys.envelope(heard()), keys.envelope(heard(2))
    given = keys.item_key(one)
    for envelope, opens in ((one, True), (other, False)):
        place = Place(
            event_id=envelope.event_id, case_id=CASE, scope=0, epoch=given.epoch,
            schema_sha256=given.schema_sha256, path="box", origin="KZ",
        )  # fmt: skip
        if opens:
            assert unseal_with_event_key(given.key, place, envelope.box)[:1] == b"\0"
        else:
            with pytest.raises(SealBroken):
                unseal_with_event_key(given.key, place, envelope.box)
    with pytest.raises(RecordRejected) as refused:
        keys.item_key(keys.envelope(blocked()))
    assert refused.value.rule == "restricted"
