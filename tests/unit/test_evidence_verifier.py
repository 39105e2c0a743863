"""The verifier of a bundle against what others have published, and against our own writers."""

import ast
import builtins
import subprocess
import sys
from hashlib import sha256
from importlib.resources import files
from random import Random
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl.signing import SigningKey

from events.codec import MAGIC
from events.codes import DataScope
from events.registry import BY_NAME, NEWEST, SCHEMAS
from ledger.keys.seal import SCOPE_NUMBER, event_key, seal
from ledger.keys.sealing import place_of
from ledger.log.merkle import root_of
from ledger.log.tree import Tree
from node.evidence.range_bundle import range_text
from node.evidence.single import verifier_source
from node.evidence.verifier.aes_gcm import aes_gcm_opened
from node.evidence.verifier.avro import EventStamp, header_of, long_at, stamp_of
from node.evidence.verifier.checks import tile_path
from node.evidence.verifier.ed25519 import ed25519_is_signed
from node.evidence.verifier.merkle import RangeTree, is_consistent, is_included
from node.evidence.verifier.notes import NoteKey, SignedTree, base64_bytes, decimal
from node.evidence.verifier.opening import ACCESSED, SCOPES, EventKey
from node.evidence.verifier.quorum import Trust
from tests.given import NOON

#: RFC 8032, section 7.1, tests 1 to 3: public key, message, signature.
RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032, ids="123")
def test_published_signatures_are_good_and_no_bit_may_change(public, message, signature):
    given = [bytes.fromhex(one) for one in (public, message, signature)]
    assert ed25519_is_signed(*given)
    for at in range(0, 512, 37):
        wrong = bytearray(given[2])
        wrong[at // 8] ^= 1 << at % 8
        assert not ed25519_is_signed(given[0], given[1], bytes(wrong))
    assert not ed25519_is_signed(given[0], given[1] + b"x", given[2])


def test_a_signature_has_one_form_and_a_key_of_small_order_signs_nothing():
    key = SigningKey(sha256(b"one").digest())
    signature = key.sign(b"text").signature
    public = bytes(key.verify_key)
    assert ed25519_is_signed(public, b"text", signature)
    order = 2**252 + 27742317777372353535851937790883648493
    larger = int.from_bytes(signature[32:], "little") + order
    assert not ed25519_is_signed(public, b"text", signature[:32] + larger.to_bytes(32, "little"))
    neutral = (1).to_bytes(32, "little")
    assert not ed25519_is_signed(neutral, b"any", neutral + bytes(32))


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda one: f"{one.name}-{one.version}")
def test_a_schema_names_its_events_by_the_same_ten_bytes(schema):
    folder = files("events") / "schemas"
    texts = (path.read_bytes() for path in folder.iterdir() if path.name.endswith(".avsc"))
    text = next(one for one in texts if sha256(one).hexdigest() == schema.sha256)
    assert header_of(text) == MAGIC + schema.fingerprint


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 255, 256, 257, 700])
def test_proofs_of_the_log_are_accepted_and_no_others(size):
    leaves = [sha256(bytes([at % 256, at // 256])).digest() for at in range(size)]
    tree = Tree(leaves)
    for index in {0, size // 2, size - 1}:
        proof = tree.inclusion(index)
        assert is_included(index, size, leaves[index], proof, tree.root())
        assert not is_included(index, size, sha256(b"other").digest(), proof, tree.root())
        assert not is_included(index + size, size, leaves[index], proof, tree.root())
    for old in {1, size // 2, size} - {0}:
        proof = tree.consistency(old)
        assert is_consistent(old, size, tree.root(old), tree.root(), proof)
        assert not is_consistent(old, size, sha256(b"other").digest(), tree.root(), proof)
        assert not is_consistent(old, size, tree.root(old), tree.root(), [*proof, bytes(32)])


def test_any_range_is_completed_to_the_root():
    leaves = [sha256(at.to_bytes(4, "big")).digest() for at in range(2_000)]
    chance = Random(5)
    for _ in range(200):
        size = chance.randrange(1, 2_000)
        begin = chance.randrange(0, size, 256)
        end = chance.randrange(begin + 1, size + 1)
        lines = range_text(Tree(leaves[:size]), begin, end).decode().split("\n")
        middle = lines.index("", 2)
        tree = RangeTree()
        tree.take_rest(map(base64_bytes, lines[2:middle]), begin)
        for at in range(begin, end, 256):
            tree.take_leaves(leaves[at : min(at + 256, end)])
        tree.take_rest(map(base64_bytes, lines[middle + 1 : -1]), size)
        assert tree.root == root_of(leaves[:size])


def test_the_example_of_the_specification_is_verified():
    """c2sp.org/signed-note, "Example": a key and what it signed; its text is no checkpoint."""
    key = NoteKey.parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    text = b"This is an example message.\n"
    line = (
        "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3"
        "mFXmRKuwHjG1Yu72IneyaQM="
    )
    raw = base64_bytes(line)
    assert raw[:4] == key.key_id
    assert ed25519_is_signed(key.public, text, raw[4:])


@pytest.mark.parametrize(
    "text", ["01", "-1", "+1", "1 ", "", "1_0", "\u0661", "9" * 20], ids=range(8)
)
def test_a_number_has_one_form(text):
    with pytest.raises(ValueError, match="decimal"):
        decimal(text)


@pytest.mark.parametrize("text", ["AA", "AB==", "A A=", "AA==\n"], ids=range(4))
def test_base64_has_one_form(text):
    with pytest.raises(ValueError, match="base64"):
        base64_bytes(text)


@pytest.mark.parametrize(
    "note",
    [
        b"log\n1\n" + b"A" * 43 + b"=\n",
        b"log\n01\n" + b"A" * 43 + b"=\n\n\xe2\x80\x94 log AAAAAAA=\n",
        b"log\n1\nAAAA\n\n\xe2\x80\x94 log AAAAAAA=\n",
        b"log\n1\n" + b"A" * 43 + b"=\n\n- log AAAAAAA=\n",
        b"log\n1\t\n" + b"A" * 43 + b"=\n\n\xe2\x80\x94 log AAAAAAA=\n",
    ],
    ids=["unsigned", "zero in front", "short root", "other dash", "control character"],
)
def test_what_is_no_checkpoint_is_refused(note):
    with pytest.raises(ValueError, match=r"."):
        SignedTree.parse(note)


@pytest.mark.parametrize(
    "text",
    ["", "quorum a\n", "quorum none\nquorum none\n", "group g any\nquorum g\n", "wit\n"],
    ids=["empty", "unknown", "twice", "no members", "unknown word"],
)
def test_what_is_no_policy_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        Trust.parse(text)


def test_tiles_have_the_paths_of_the_specification():
    """c2sp.org/tlog-tiles, "Merkle Tree": its own example, and partial tiles."""
    assert tile_path(1234067, 256) == "x001/x234/067"
    assert (tile_path(0, 256), tile_path(273, 112)) == ("000", "273.p/112")


def test_the_verifier_is_one_file_of_the_standard_library_alone():
    tree = ast.parse(verifier_source())
    modules = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [one.name for one in node.names] if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        )
    }  # fmt: skip
    assert modules <= set(sys.stdlib_module_names)
    names = [
        target
        for node in tree.body
        for target in (
            [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef)
            else [one.id for one in node.targets if isinstance(one, ast.Name)]
            if isinstance(node, ast.Assign) else []
        )
    ]  # fmt: skip
    assert len(names) == len(set(names))
    assert not set(names) & set(dir(builtins))


def test_something_that_is_no_bundle_is_refused_in_words(tmp_path):
    program, file = tmp_path / "verify.py", tmp_path / "no.zip"
    program.write_text(verifier_source())
    file.write_bytes(b"nothing of the kind")
    for argument, code in ((file, 3), (tmp_path / "missing", 2), (tmp_path, 3)):
        done = subprocess.run(
            [sys.executable, "-I", program, argument], capture_output=True, text=True, check=False
        )
        assert done.returncode == code
        assert "Traceback" not in done.stderr


def test_a_number_without_end_is_none():
    """Ten bytes are a long; what goes on is not added up, which would take hours."""
    assert long_at(b"\xff" * 9 + b"\x01", 0) == (-(2**63), 10)
    with pytest.raises(ValueError, match="no stamp"):
        stamp_of(MAGIC + bytes(8) + b"\xff" * 3_000_000)


#: McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B, test cases 13, 14 and 16.
GCM = [
    ("00" * 32, "00" * 12, "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
    (
        "00" * 32,
        "00" * 12,
        "00" * 16,
        "",
        "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
    ),
    (
        "feffe9928665731c6d6a8f9467308308" * 2,
        "cafebabefacedbaddecaf888",
        (
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
        ),
        "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        (
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
            "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
            "76fc6ece0f4e1768cddf8853bb2d551b"
        ),
    ),
]


@pytest.mark.parametrize(("key", "nonce", "text", "bound", "box"), GCM)
def test_boxes_open_as_they_do_elsewhere(key, nonce, text, bound, box):
    key, nonce, text, bound, box = map(bytes.fromhex, (key, nonce, text, bound, box))
    assert aes_gcm_opened(key, nonce, box, bound) == text
    for at in range(len(box)):
        wrong = bytearray(box)
        wrong[at] ^= 1
        with pytest.raises(ValueError, match="does not open"):
            aes_gcm_opened(key, nonce, bytes(wrong), bound)
    with pytest.raises(ValueError, match="does not open"):
        aes_gcm_opened(key, nonce, box, bound + b"\0")


def test_what_the_verifier_knows_of_places_is_what_boxes_are_bound_to():
    """Its constants stand in a file of its own, which imports nothing of ours."""
    numbers = {name: number for number, name in enumerate(SCOPES)}
    assert numbers == {"envelope": 0} | {
        str(scope): number for scope, number in SCOPE_NUMBER.items() if number
    }
    assert MAGIC + BY_NAME["PersonalDataAccessed", 1].fingerprint == ACCESSED
    # A newer version has to be read by the verifier, too, before anybody writes it.
    assert NEWEST["PersonalDataAccessed"].version == 1
    dek, event, schema = bytes(range(32)), uuid4(), bytes(32)
    place = place_of(event, uuid4(), "KZ", DataScope.HEALTH, schema, 7)
    box = seal(dek, place, b"what it says", size=64)
    key = EventKey(str(event), "health", "", 7, schema, event_key(dek, place))
    stamp = EventStamp(str(event), str(place.case_id), "KZ", 1, bytes(32), *[NOON] * 2)
    assert key.opened(stamp, box) == b"what it says"
    for text in (b"", b"a"):  # sealed without its length, as nobody honest does
        nonce = bytes(12)
        raw = AESGCM(key.key).encrypt(nonce, text, place.aad)
        with pytest.raises(ValueError, match="padded"):
            key.opened(stamp, box[:18] + nonce + raw)
    for wrong in (
        (key._replace(epoch=8), stamp), (key._replace(scope="contact"), stamp),
        (key, stamp._replace(origin="KG")), (key, stamp._replace(event_id=str(uuid4()))),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="does not open"):
            wrong[0].opened(wrong[1], box)
