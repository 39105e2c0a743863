"""Sealed fields: what opens, what does not, and what an error never says."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from eventsourcing.cryptography import AESCipher
from eventsourcing.utils import Environment

from events.codes import DataScope
from events.errors import NotEncodable, SealBroken
from ledger.keys import seal as seals
from ledger.keys.seal import Place, event_key, key_id, padded, seal, unseal, unseal_with_event_key
from tests import by_hand, seal_vectors

PAGE = (Path(__file__).parents[2] / "docs" / "wire-format.md").read_text()
VECTOR = json.loads(seal_vectors.FILE.read_text())
FIELDS = {field["name"]: field for field in VECTOR["sealed_fields"]}
SUITES = [seals.DIRECT, seals.PER_EVENT, seals.CHACHA]

DEK, OTHER = bytes(range(32)), bytes(range(1, 33))
PLACE = Place(
    event_id=UUID("018f0000-0000-7000-8000-000000000001"),
    case_id=UUID("4b1c7f6e-0000-4000-8000-000000000002"),
    scope=seals.SCOPE_NUMBER[DataScope.HEALTH],
    epoch=3,
    schema_sha256=bytes(31) + b"\1",
    path="sealed",
    origin="KZ",
)
TEXT = "у ребёнка астма".encode()
BOX = seal(DEK, PLACE, TEXT, size=64)

#: PLACE, each time with one thing that is another.
ELSEWHERE = {
    "event": replace(PLACE, event_id=UUID("018f0000-0000-7000-8000-000000000003")),
    "case": replace(PLACE, case_id=UUID("4b1c7f6e-0000-4000-8000-000000000004")),
    "scope": replace(PLACE, scope=5),
    "epoch": replace(PLACE, epoch=4),
    "schema": replace(PLACE, schema_sha256=bytes(31) + b"\2"),
    "field": replace(PLACE, path="sealed2"),
    "origin": replace(PLACE, origin="KG"),
    "end of the field": replace(PLACE, path="seale", origin="dKZ"),
}


def place_of(field: dict) -> Place:
    return Place(
        event_id=UUID(field["event_id"]),
        case_id=UUID(field["case_id"]),
        scope=field["scope"],
        epoch=field["epoch"],
        schema_sha256=bytes.fromhex(field["schema_sha256"]),
        path=field["path"],
        origin=field["origin"],
    )


def by_hand_box(suite: int, padded_text: bytes, dek: bytes = DEK) -> bytes:
    """A box that says what our writer never would."""
    key = dek if suite == 1 else event_key(dek, PLACE)
    return seal_vectors.box(suite, dek, key, bytes(12), padded_text, PLACE.aad)


def test_the_frozen_vector_comes_from_the_standards():
    """A writer that shares no line with ours makes the same bytes; nobody fitted the file to us."""
    assert json.loads(json.dumps(seal_vectors.vector())) == VECTOR
    frozen = (seal_vectors.FOLDER / "FROZEN").read_text()
    assert f"{sha256(seal_vectors.FILE.read_bytes()).hexdigest()}  seal.json" in frozen


@pytest.mark.parametrize("name", FIELDS)
def test_what_was_frozen_opens_for_ever(name):
    field = FIELDS[name]
    dek, box, place = bytes.fromhex(field["data_key"]), bytes.fromhex(field["box"]), place_of(field)
    key = bytes.fromhex(field["event_key"])

    assert place.aad.hex() == field["aad"]
    assert event_key(dek, place) == key
    assert seals.commitment(dek).hex() == field["commitment"]
    assert seals.key_id_of(box).hex() == field["commitment"][:32]
    assert unseal(dek, place, box).hex() == field["text"]
    if box[1] != seals.DIRECT:
        assert unseal_with_event_key(key, place, box).hex() == field["text"]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("size", seals.BUCKETS[:3])
def test_what_we_seal_is_what_the_standards_seal(suite, size):
    box = seal(DEK, PLACE, TEXT, size=size, suite=suite)
    key = DEK if suite == seals.DIRECT else by_hand.hkdf_expand(DEK, info(PLACE), 32)
    text = seal_vectors.padded(TEXT, size)

    assert box == seal_vectors.box(suite, DEK, key, box[18:30], text, PLACE.aad)
    assert unseal(DEK, PLACE, box) == TEXT
    assert len(box) == size + 46 == size + seals.OVERHEAD


def info(place: Place) -> bytes:
    return b"xref/v1/event-key\0" + place.event_id.bytes + bytes([place.scope])


def test_the_key_of_an_event_is_hkdf():
    """Also as the library has it, which takes longer."""
    expected = HKDFExpand(hashes.SHA256(), 32, info(PLACE)).derive(DEK)
    assert event_key(DEK, PLACE) == expected
    assert event_key(DEK, ELSEWHERE["case"]) == expected
    others = {event_key(DEK, ELSEWHERE["event"]), event_key(DEK, ELSEWHERE["scope"])}
    assert len({expected, event_key(OTHER, PLACE), *others}) == 4


def test_the_key_ids_are_the_beginning_of_the_commitment():
    assert seals.commitment(DEK) == sha256(b"xref/v1/key-commit\0" + DEK).digest()
    assert key_id(DEK) == seals.commitment(DEK)[:16] == seals.key_id_of(BOX)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("what", ELSEWHERE)
def test_a_box_opens_at_its_place_only(suite, what):
    """Whoever may write to a database cannot make one child's record say what another's says."""
    box = seal(DEK, PLACE, TEXT, size=64, suite=suite)
    with pytest.raises(SealBroken, match="moved here, changed or cut") as raised:
        unseal(DEK, ELSEWHERE[what], box)
    assert raised.value.rule == "seal"
    assert str(ELSEWHERE[what].event_id) in str(raised.value)
    if suite != seals.DIRECT:
        with pytest.raises(SealBroken):
            unseal_with_event_key(event_key(DEK, PLACE), ELSEWHERE[what], box)


def test_the_cipher_of_the_library_below_us_lets_a_text_move():
    """Why there is a cipher of ours: case B's answer over case A's is read without an error."""
    cipher = AESCipher(Environment("x", {"CIPHER_KEY": AESCipher.create_key(32)}))
    stored = {"A": cipher.encrypt(b"HIGH"), "B": cipher.encrypt(b"low")}
    stored["A"] = stored["B"]
    assert cipher.decrypt(stored["A"]) == b"low"

    ours = {"A": seal(DEK, PLACE, b"HIGH", size=64)}
    ours["A"] = seal(DEK, ELSEWHERE["case"], b"low", size=64)
    with pytest.raises(SealBroken):
        unseal(DEK, PLACE, ours["A"])


def test_another_key_is_named_and_not_tried():
    """A reader learns which key to ask for; both names stand in boxes anyway."""
    with pytest.raises(SealBroken) as raised:
        unseal(OTHER, PLACE, BOX)
    assert key_id(DEK).hex() in str(raised.value)
    assert key_id(OTHER).hex() in str(raised.value)


def test_a_box_that_claims_to_be_under_another_key_does_not_open_under_it():
    """The name is compared, and then it has to be true."""
    claimed = BOX[:2] + key_id(OTHER) + BOX[18:]
    with pytest.raises(SealBroken, match="not under"):
        unseal(DEK, PLACE, claimed)
    with pytest.raises(SealBroken, match="changed or cut"):
        unseal(OTHER, PLACE, claimed)


@pytest.mark.parametrize(
    ("what", "box"),
    [
        ("nothing", b""),
        ("only a head", BOX[:30]),
        ("without its text", BOX[:47]),
        ("cut by a byte", BOX[:-1]),
        ("a byte too long", BOX + b"\0"),
        ("version 2", b"\2" + BOX[1:]),
        ("version 0", b"\0" + BOX[1:]),
        ("suite 0", BOX[:1] + b"\0" + BOX[2:]),
        ("suite 4", BOX[:1] + b"\4" + BOX[2:]),
        ("another suite", BOX[:1] + b"\3" + BOX[2:]),
        ("the suite of the key itself", BOX[:1] + b"\1" + BOX[2:]),
    ],
)
def test_what_is_no_whole_box_is_refused(what, box):
    with pytest.raises(SealBroken):
        unseal(DEK, PLACE, box)
    with pytest.raises(SealBroken):
        unseal_with_event_key(event_key(DEK, PLACE), PLACE, box)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize(
    "wrong",
    [
        b"\0\5asthma".ljust(64, b"\0"),  # the text goes on behind its length
        b"\0\6asthma".ljust(63, b"\0") + b"\1",  # something hides at the end
        b"\0\x3fasthma".ljust(64, b"\0"),  # longer than what there is
        b"\xff\xffasthma".ljust(64, b"\0"),
        b"\0\6asthma\x80" + bytes(55),  # another padding
    ],
)
def test_a_text_has_one_padded_form(suite, wrong):
    """What hides behind the text would be seen by nobody who looks at texts."""
    with pytest.raises(SealBroken, match="wrongly padded"):
        unseal(DEK, PLACE, by_hand_box(suite, wrong))
    assert unseal(DEK, PLACE, by_hand_box(suite, b"\0\6asthma".ljust(64, b"\0"))) == b"asthma"


@pytest.mark.parametrize("size", sorted({*seals.BUCKETS, *seals.NATIONAL_BUCKETS}))
def test_a_text_fits_up_to_two_bytes_less_than_its_size(size):
    full = b"\xff" * (size - 2)
    assert unseal(DEK, PLACE, seal(DEK, PLACE, full, size=size)) == full
    with pytest.raises(NotEncodable, match=f"{size - 1} bytes are too many .* {size - 2} fit"):
        seal(DEK, PLACE, full + b"\xff", size=size)


def test_padding_takes_the_smallest_size_that_holds_the_text():
    assert [padded(n) for n in (0, 62, 63, 254, 255, 4094)] == [64, 64, 256, 256, 1024, 4096]
    assert [padded(n, seals.NATIONAL_BUCKETS) for n in (0, 1022, 1023, 61438)] == [
        1024, 1024, 4096, 61440,
    ]  # fmt: skip
    for n, buckets in ((4095, seals.BUCKETS), (61439, seals.NATIONAL_BUCKETS)):
        with pytest.raises(NotEncodable, match=f"{n} bytes .* {n - 1} fit"):
            padded(n, buckets)


def test_a_size_or_a_suite_of_ones_own_is_refused():
    """A size that only one kind of text has would tell which kind it is."""
    for size in (0, 63, 300, 61441):
        with pytest.raises(NotEncodable, match="padded sizes"):
            seal(DEK, PLACE, b"", size=size)
    for suite in (0, 4):
        with pytest.raises(NotEncodable, match="suite"):
            seal(DEK, PLACE, b"", size=64, suite=suite)


def test_equal_texts_are_sealed_into_unlike_boxes():
    """No token of a child that is the same twice (threat T21), and no length that tells."""
    boxes = [seal(DEK, PLACE, text, size=64) for text in (b"", b"a", TEXT, TEXT)]
    assert len({box[18:] for box in boxes}) == 4
    assert {len(box) for box in boxes} == {110}
    assert len({box[:18] for box in boxes}) == 1


def test_an_auditor_opens_one_item_with_its_key_and_no_other():
    key = event_key(DEK, PLACE)
    assert unseal_with_event_key(key, PLACE, BOX) == TEXT
    another = ELSEWHERE["event"]
    with pytest.raises(SealBroken):
        unseal_with_event_key(key, another, seal(DEK, another, TEXT, size=64))
    with pytest.raises(SealBroken, match="no key of one event opens it"):
        unseal_with_event_key(key, PLACE, seal(DEK, PLACE, TEXT, size=64, suite=seals.DIRECT))


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_of_another_length_is_none(size):
    """AES would take 16 bytes in silence and be another cipher."""
    short = bytes(size)
    for use in (
        lambda: seals.commitment(short),
        lambda: key_id(short),
        lambda: event_key(short, PLACE),
        lambda: seal(short, PLACE, TEXT, size=64),
        lambda: unseal(short, PLACE, BOX),
        lambda: unseal_with_event_key(short, PLACE, BOX),
    ):
        with pytest.raises(SealBroken, match="32 bytes"):
            use()


@pytest.mark.parametrize(
    "wrong",
    [
        {"scope": 256},
        {"scope": -1},
        {"epoch": -1},
        {"epoch": 2**32},
        {"schema_sha256": bytes(31)},
        {"schema_sha256": bytes(33)},
        {"path": "x" * 65_536},
        {"origin": "\ud800"},
    ],
    ids=str,
)
def test_a_place_that_cannot_be_is_refused_by_name(wrong):
    """Numbers come from events that others wrote: a reader is not stopped by surprise."""
    with pytest.raises(SealBroken, match=str(PLACE.event_id)):
        replace(PLACE, **wrong)


def test_no_error_says_what_was_sealed_or_under_what():
    """Messages reach logs, metrics and screens of people who may not read the field."""
    key, long = event_key(DEK, PLACE), TEXT * 9
    for use in (
        lambda: seal(DEK, PLACE, long, size=64),
        lambda: unseal(OTHER, PLACE, BOX),
        lambda: unseal(DEK, ELSEWHERE["case"], BOX),
        lambda: unseal(DEK, PLACE, by_hand_box(2, b"\0\1" + TEXT.ljust(62, b"\0"))),
        lambda: unseal_with_event_key(key, ELSEWHERE["event"], BOX),
    ):
        with pytest.raises((SealBroken, NotEncodable)) as raised:
            use()
        said = f"{raised.value!r} {raised.value.__cause__!r}"
        assert raised.value.__suppress_context__ or raised.value.__context__ is None
        for secret in (DEK, OTHER, key, TEXT):
            assert secret.hex() not in said
            assert repr(secret)[2:-1] not in said
        assert TEXT.decode() not in said


def test_scopes_have_their_numbers_for_ever():
    """They stand in boxes that nobody can write again."""
    assert {str(scope): number for scope, number in seals.SCOPE_NUMBER.items()} == {
        "UNKNOWN": 0, "identity": 1, "contact": 2, "location": 3, "health": 4, "protection": 5,
        "family": 6, "documents": 7, "legal_status": 8, "narrative": 9, "photo": 10, "preview": 11,
    }  # fmt: skip


def test_a_key_seals_many_places():
    """One event's boxes share a key: their nonces are random, so neither is spent by the other."""
    places = [replace(PLACE, event_id=uuid4(), path=f"sealed.{at}") for at in range(20)]
    boxes = [seal(DEK, place, bytes([at]), size=64) for at, place in enumerate(places)]
    assert [unseal(DEK, *pair)[0] for pair in zip(places, boxes, strict=True)] == [*range(20)]
    assert len({box[18:30] for box in boxes}) == 20


def test_the_page_tells_a_box_byte_by_byte():
    """Each row of the table on the page is the piece that it says, of a frozen box."""
    field = FIELDS["usual"]
    box, size = bytes.fromhex(field["box"]), 256
    section = PAGE.split("## Sealed fields and capsules")[1].split("\n## ")[0]
    table = section.split("**A capsule**")[0]
    rows = re.findall(r"^\| (\d+|30 \+ n) \| (\d+|n) \| (.+?) \|", table, re.MULTILINE)
    found, numbers = {}, {"n": size, "30 + n": 30 + size}
    for offset, length, what in rows:
        start, many = (numbers.get(said) or int(said) for said in (offset, length))
        found[what] = box[start : start + many]
    assert b"".join(found.values()) == box
    assert list(found.values())[:4] == [
        b"\1", b"\2", bytes.fromhex(field["commitment"])[:16], bytes.fromhex(field["nonce"]),
    ]  # fmt: skip
    for suite in SUITES:
        assert f"`{suite:02x}`" in section
    for said in (*seals.BUCKETS, *seals.NATIONAL_BUCKETS, f"{seals.OVERHEAD} bytes"):
        assert re.search(rf"\b{said}\b", section.replace(",", "")), said
    scopes = re.findall(r"(\d+) ([a-z_]+)", section.split("Scopes:")[1].split(".")[0])
    assert {name: int(number) for number, name in scopes} == {
        str(scope): number for scope, number in seals.SCOPE_NUMBER.items() if number
    }
    for domain in ("key-commit", "event-key", "capsule"):
        assert f'`"xref/v1/{domain}\\0"`' in section
    for domain in ("xref/aad/v1", "xref/v1/grant"):
        assert f'"{domain}" ‖ 00 ‖' in section
