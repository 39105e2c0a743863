"""A reader that shares no code with us: Apache's own Avro library and nothing but events/schemas.

What it needs to know beyond Avro is in docs/wire-format.md: the ten bytes in front, and how days,
moments and ids are written in JSON.
"""

from __future__ import annotations

import io
import json
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import avro.errors
import avro.io
import avro.schema
import pytest

EVENTS = Path(__file__).parents[2] / "events"
FRAMES = sorted((EVENTS / "vectors" / "frames").glob("*.json"))
PRIMITIVES = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
HISTORIES = sorted((EVENTS / "vectors" / "histories").glob("*.json"))


def crc64_avro(text: bytes) -> bytes:
    """Return the fingerprint as the Avro specification defines it, little endian."""
    empty = fingerprint = 0xC15D213AA4D7A795
    for byte in text:
        fingerprint ^= byte
        for _ in range(8):
            fingerprint = (fingerprint >> 1) ^ (empty if fingerprint & 1 else 0)
    return fingerprint.to_bytes(8, "little")


def canonical(kind: Any, namespace: str = "") -> str:
    """Return the Parsing Canonical Form, written from the specification.

    Apache's library for Python (1.12.2) keeps `{"type": "string"}` where a logical type was,
    against the rules STRIP and PRIMITIVES; so its own fingerprints are of no use here.
    """
    match kind:
        case str():
            return json.dumps(("" if kind in PRIMITIVES else namespace) + kind)
        case list():
            return "[" + ",".join(canonical(branch, namespace) for branch in kind) + "]"
        case {"type": str(primitive)} if primitive in PRIMITIVES:
            return json.dumps(primitive)
        case {"type": "array"}:
            return '{"type":"array","items":' + canonical(kind["items"], namespace) + "}"
    namespace = f"{kind['namespace']}." if "namespace" in kind else namespace
    head = f'{{"name":"{namespace}{kind["name"]}","type":"{kind["type"]}"'
    match kind["type"]:
        case "record":
            fields = (
                f'{{"name":"{field["name"]}","type":{canonical(field["type"], namespace)}}}'
                for field in kind["fields"]
            )
            return f'{head},"fields":[{",".join(fields)}]}}'
        case "enum":
            return f'{head},"symbols":{json.dumps(kind["symbols"], separators=(",", ":"))}}}'
    return f'{head},"size":{kind["size"]}}}'


def schemas() -> dict[bytes, avro.schema.Schema]:
    """Return the schema files by their fingerprint."""
    texts = [path.read_text() for path in (EVENTS / "schemas").glob("*.avsc")]
    return {crc64_avro(canonical(json.loads(t)).encode()): avro.schema.parse(t) for t in texts}


SCHEMAS = schemas()


def said(value: Any) -> Any:
    """Return a value that Apache's reader found as the vectors say it."""
    match value:
        case datetime():
            return value.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
        case date():
            return value.isoformat()
        case UUID():
            return str(value)
        case bytes():
            return value.hex()
        case list():
            return [said(item) for item in value]
        case dict():
            return {name: said(item) for name, item in value.items()}
    return value


def read(value: bytes) -> dict[str, Any]:
    """Return what one event says."""
    assert value[:2] == b"\xc3\x01"
    source = io.BytesIO(value)
    source.seek(10)
    schema = SCHEMAS[value[2:10]]
    found = avro.io.DatumReader(schema).read(avro.io.BinaryDecoder(source))
    assert source.tell() == len(value)
    fields: dict[str, Any] = said(found)
    return fields


@pytest.mark.parametrize("path", FRAMES, ids=lambda path: path.stem)
def test_another_library_reads_every_frame(path: Path) -> None:
    """The topic is a door for readers in any language, with no server of ours behind it."""
    vector = json.loads(path.read_text())
    assert SCHEMAS[bytes.fromhex(vector["fingerprint"])].name == vector["type"]
    for frame in vector["frames"]:
        assert read(bytes.fromhex(frame["hex"])) == frame["event"]


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_another_library_reads_every_history(path: Path) -> None:
    """Every record that is an event; one that we find unreadable, it finds unreadable too."""
    for record in json.loads(path.read_text())["records"]:
        value = bytes.fromhex(record["hex"])
        if record["verdict"] == "unreadable":
            with pytest.raises((avro.errors.AvroException, IndexError)):
                read(value)
        else:
            event = {name: found for name, found in record["event"].items() if name != "type"}
            assert read(value) == event
