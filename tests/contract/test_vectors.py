"""Golden vectors: what was written once reads the same for ever, in every later release."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from events import contract
from events.codec import decode, encode
from events.compiled import UNREADABLE, reader
from events.errors import RecordRejected
from events.registry import BY_FINGERPRINT, CLASSES, SCHEMAS, crc64_fingerprint
from events.stamp import leaf_hash
from ledger.case.encoding import plane_from_json, plane_to_json, state_hash
from ledger.case.plane import VoidReason, empty
from ledger.case.reading import read_on
from ledger.log.signature import LogVerifier
from tests import vectors
from tests.vectors import FOLDER, readable, stem

FRAMES = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("frames/*"))}
HISTORIES = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("histories/*"))}


def test_no_frozen_vector_was_changed():
    """A vector that follows the code proves nothing."""
    found = {
        str(path.relative_to(FOLDER)): sha256(path.read_bytes()).hexdigest()
        for path in FOLDER.rglob("*.json")
    }
    assert found == vectors.frozen()


@pytest.mark.parametrize("schema", SCHEMAS, ids=stem)
def test_every_schema_version_has_bytes_that_decode_for_ever(schema):
    """Three events each: short, usual and long."""
    assert stem(schema) in FRAMES, "run: python -m tests.vectors"
    vector = FRAMES[stem(schema)]
    assert (vector["type"], vector["version"]) == (schema.name, schema.version)
    assert vector["fingerprint"] == schema.fingerprint.hex()
    assert vector["schema_sha256"] == schema.sha256, "a released schema and its hash were changed"
    for frame in vector["frames"]:
        value = bytes.fromhex(frame["hex"])
        event = decode(value)
        assert (type(event).__name__, event.schema_version) == (schema.name, schema.version)
        assert readable(event).items() >= frame["event"].items()  # a newer class may have more
        assert leaf_hash(value).hex() == frame["leaf"]
        assert encode(event) == value


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_comes_out_as_it_always_did(name):
    """Verdict and state after each event: any two releases agree on every prefix."""
    history = HISTORIES[name]
    shared = history["plane"] == "shared"
    plane = None
    for record in history["records"]:
        value, leaf = bytes.fromhex(record["hex"]), bytes.fromhex(record["leaf"])
        said = record["event"]
        plane = plane or empty(UUID(said["case_id"]), shared=shared)
        plane, verdict, event = read_on(
            plane, value, leaf,
            origin=said["origin"], version=said["version"],
        )  # fmt: skip
        assert (verdict.void or "effective") == record["verdict"]
        assert state_hash(plane).hex() == record["state"]
        assert plane_from_json(plane_to_json(plane)) == plane
        if event is not None:
            assert {**readable(event), "type": said["type"]}.items() >= said.items()


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_is_signed_by_its_origins(name):
    """Each origin's records carry index 0, 1, 2 … and verify under the key beside them."""
    history = HISTORIES[name]
    keys = {code: LogVerifier.parse(text) for code, text in history["log_keys"].items()}
    expected = dict.fromkeys(keys, 0)
    for record in history["records"]:
        origin = record["event"]["origin"]
        header = bytes.fromhex(record["log"])
        index, signature = contract.split_log_header(header)
        topic = (
            contract.shared_topic("referral")
            if history["plane"] == "shared"
            else contract.national_topic("referral", origin)
        )
        log = contract.log_name(topic, origin)
        assert len(header) == contract.LOG_HEADER_BYTES
        assert index == expected[origin]
        assert keys[origin].is_signed(log, index, bytes.fromhex(record["leaf"]), signature)
        expected[origin] += 1


def test_histories_cover_every_type_and_every_reason():
    """A rule that no history touches could change unseen."""
    verdicts = [
        (record["event"]["type"], record["verdict"])
        for history in HISTORIES.values()
        for record in history["records"]
    ]
    assert set(CLASSES) == {kind for kind, verdict in verdicts if verdict == "effective"}
    assert {*VoidReason, "effective"} == {verdict for _, verdict in verdicts}


def test_vectors_can_be_made_again_from_their_descriptions():
    """As long as a schema has one version; frozen ones stay when a newer one comes."""
    for path, vector in vectors.vectors():
        assert json.loads((FOLDER / path).read_text()) == json.loads(json.dumps(vector)), path


def test_freezing_adds_and_never_changes(tmp_path: Path):
    """A vector that is missing is written; one that is there is left alone."""
    folder = Path(shutil.copytree(FOLDER, tmp_path / "vectors"))
    before = (folder / "FROZEN").read_text()
    assert vectors.freeze(folder) == []

    line = next(line for line in before.splitlines() if "case_closed" in line)
    (folder / "FROZEN").write_text(before.replace(line + "\n", ""))
    assert vectors.freeze(folder) == ["frames/case_closed.v1.json"]
    assert sorted((folder / "FROZEN").read_text().splitlines()) == sorted(before.splitlines())


def test_cases_stand_where_the_contract_says():
    """Explicit, because client defaults disagree with each other."""
    for case in json.loads((FOLDER / "partitions.json").read_text())["cases"]:
        case_id = UUID(case["case_id"])
        hashed = int(sha256(case_id.bytes).hexdigest()[:16], 16)
        for partitions in (1, 12, 64):
            expected = case[f"of_{partitions}"]
            assert contract.partition_of(case_id, partitions) == expected == hashed % partitions


@dataclass(frozen=True, slots=True, kw_only=True)
class TestMessage:
    """The record of Apache's own single-object vector."""

    __test__ = False
    id: int
    name: str
    tags: tuple[str, ...]
    schema_version: int = 1


def test_a_message_written_by_java_is_read_by_our_framing():
    """Fingerprint, byte order and body of a vector that none of us wrote."""
    vector = json.loads((FOLDER / "outside" / "apache_message.json").read_text())
    value = bytes.fromhex(vector["hex"])

    assert value[:2] == b"\xc3\x01"
    assert value[2:10] == crc64_fingerprint(vector["schema"])
    assert (
        readable(reader(TestMessage, vector["schema"]["fields"], version=1)(value))
        == (vector["event"])
    )
    with pytest.raises(RecordRejected, match=value[2:10].hex()):
        decode(value)


#: Apache Avro's vectors that every decoder must reject (AVRO-4304): type, bytes.
MUST_REJECT: dict[str, tuple[Any, str]] = {
    "long never ends": ("long", "80808080808080808080"),
    "int never ends": ("int", "8080808080"),
    "count is the smallest long": ({"type": "array", "items": "int"}, "ffffffffffffffffff0102"),
    "length of bytes is negative": ("bytes", "01"),
    "length of a string is negative": ("string", "01"),
    "branch is negative": (["null", "int"], "01"),
    "branch is too large": (["null", "int"], "0a"),
    "symbol is negative": ({"type": "enum", "name": "Outcome", "symbols": ["UNKNOWN"]}, "01"),
    "symbol is too large": ({"type": "enum", "name": "Outcome", "symbols": ["UNKNOWN"]}, "0a"),
}


@pytest.mark.parametrize("name", MUST_REJECT)
def test_what_every_avro_decoder_must_reject_is_rejected(name):
    """Bounded, and by an error we know: these have crashed decoders of other languages."""
    kind, body = MUST_REJECT[name]
    read = reader(TestMessage, [{"name": "id", "type": kind}], version=None)
    with pytest.raises(UNREADABLE):
        read(b"\xc3\x01" + bytes(8) + bytes.fromhex(body))


def test_fingerprints_of_vectors_select_their_schemas():
    """A reader in another language starts from this table."""
    assert {bytes.fromhex(v["fingerprint"]) for v in FRAMES.values()} == set(BY_FINGERPRINT)
