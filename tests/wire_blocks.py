"""The computed parts of docs/wire-format.md: `python -m tests.wire_blocks` writes them anew."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from events import contract
from events.compiled import shape
from events.registry import BY_FINGERPRINT, SCHEMAS
from tests.vectors import FOLDER

DOCUMENT = Path(__file__).parents[1] / "docs" / "wire-format.md"
HISTORY, AT = "referral_completed", 2


def record() -> Mapping[str, Any]:
    """Return the record that the document opens with: a referral from KZ to KG."""
    history = json.loads((FOLDER / "histories" / f"{HISTORY}.json").read_text())
    found: Mapping[str, Any] = history["records"][AT]
    return found


class _Pen:
    """Cuts a value into the pieces a person can follow."""

    def __init__(self, value: bytes) -> None:
        self.value, self.at = value, 0
        self.lines: list[str] = []

    def take(self, size: int) -> bytes:
        self.at += size
        return self.value[self.at - size : self.at]

    def number(self) -> int:
        shift = found = 0
        while True:
            byte = self.take(1)[0]
            found |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return (found >> 1) ^ -(found & 1)

    def note(self, start: int, meaning: str) -> None:
        """Write down the bytes since `start`, thirty-two to a line, and what they say."""
        piece = self.value[start : self.at]
        if len(piece) <= 10:
            self.lines.append(f"{start:5}  {piece.hex():20}  {meaning}")
        else:
            rows = [piece[at : at + 32].hex() for at in range(0, len(piece), 32)]
            self.lines += [f"{start:5}  {'':20}  {meaning}", *(f"       {row}" for row in rows)]


def _field(pen: _Pen, name: str, kind: Any, named: dict[str, Any]) -> None:
    what, found = shape(kind, named)
    start = pen.at
    match what:
        case "record":
            for inner in found["fields"]:
                _field(pen, f"{name}.{inner['name']}", inner["type"], named)
        case "union":
            branch = pen.number()
            pen.note(start, f"{name}: {'null' if branch == 0 else 'not null'}")
            if branch:
                _field(pen, name, found, named)
        case "array":
            count = pen.number()
            pen.note(start, f"{name}: {count} items" if count else f"{name}: none")
            for at in range(count):
                _field(pen, f"{name}[{at}]", found["items"], named)
            if count:
                start = pen.at
                pen.take(1)
                pen.note(start, f"{name}: end")
        case "fixed":
            pen.take(found["size"])
            pen.note(start, f"{name}: {found['size']} bytes")
        case "uuid" | "string":
            size = pen.number()
            text = pen.take(size).decode()
            pen.note(start, f"{name}: {size} bytes, {json.dumps(text)}")
        case "enum":
            number = pen.number()
            pen.note(start, f"{name}: {found['symbols'][number]}")
        case _:
            number = pen.number()
            pen.note(start, f"{name}: {_MEANING.get(what, str)(number)}")


def _named(kind: Any) -> dict[str, Any]:
    """Return the named types inside a type."""
    match kind:
        case dict():
            inner = {n: found for value in kind.values() for n, found in _named(value).items()}
            return inner | {kind["name"]: kind} if "type" in kind and "name" in kind else inner
        case list():
            return {n: found for value in kind for n, found in _named(value).items()}
    return {}


_MEANING: Mapping[str, Callable[[int], str]] = {
    "date": lambda days: f"{days} days, {date(1970, 1, 1) + timedelta(days=days)}",
    "timestamp-micros": lambda micros: (
        f"{micros} µs, {datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)}"
    ),
}


def annotated() -> str:
    """Return the record, cut into pieces."""
    said = record()
    value, log = bytes.fromhex(said["hex"]), bytes.fromhex(said["log"])
    index, signature = contract.split_log_header(log)
    case_id = UUID(said["event"]["case_id"])
    pen = _Pen(value)
    pen.take(2)
    pen.note(0, "magic of Avro's single-object encoding")
    schema = BY_FINGERPRINT[pen.take(8)]
    pen.note(2, f"CRC-64-AVRO fingerprint, little endian: {schema.name} version {schema.version}")
    named = _named([field["type"] for field in schema.document["fields"]])
    for field in schema.document["fields"]:
        _field(pen, field["name"], field["type"], named)
    assert pen.at == len(value)
    lines = [
        f"topic      referral.ledger, partition {contract.partition_of(case_id, 12)} of 12",
        f"key        {case_id.bytes.hex()}",
        f"ce_type    {said['ce_type']}",
        f"log        {index.to_bytes(8, 'big').hex()}  index {index} in referral.ledger/KZ",
        f"           {signature[:32].hex()}",
        f"           {signature[32:].hex()}",
        f"value      {len(value)} bytes; leaf hash {said['leaf']}",
        "",
        *pen.lines,
    ]
    return "```\n" + "\n".join(lines) + "\n```\n"


def types() -> str:
    """Return the table of released schemas."""
    rows = [
        f"| {s.name} | {s.version} | {s.visibility} | `{s.fingerprint.hex()}` |" for s in SCHEMAS
    ]
    head = ["| type | version | visibility | fingerprint |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *rows]) + "\n"


def partitions() -> str:
    """Return the table of partitions."""
    cases = json.loads((FOLDER / "partitions.json").read_text())["cases"]
    rows = [f"| `{c['case_id']}` | {c['of_1']} | {c['of_12']} | {c['of_64']} |" for c in cases[:3]]
    head = ["| case_id | of 1 | of 12 | of 64 |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *rows]) + "\n"


BLOCKS: Mapping[str, Callable[[], str]] = {
    "record": annotated,
    "types": types,
    "partitions": partitions,
}
_BLOCK = re.compile(r"(<!-- computed: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def written(text: str) -> str:
    """Return the document with its computed parts as they have to be."""
    return _BLOCK.sub(lambda found: found[1] + BLOCKS[found[2]]() + found[3], text)


def blocks(text: str) -> Iterator[str]:
    """Yield the names of the computed parts of the document."""
    return (found[2] for found in _BLOCK.finditer(text))


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text()))
