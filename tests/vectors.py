"""Write golden vectors: `python -m tests.vectors` adds what is missing and never changes one.

events/vectors/ is for readers in any language: bytes of every released schema with what they say,
and histories with the verdict and the state after each event. FROZEN holds the hash of each file;
a vector is frozen with the release of its schema, and decodes for ever. (Before a schema has gone
out, a line taken from FROZEN lets its vector be made anew.)
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from events import codes, contract, policy, stamp
from events.codec import encode
from events.compiled import shape
from events.registry import BY_NAME, SCHEMAS, Schema
from events.stamp import Event, leaf_hash

FOLDER = Path(__file__).parents[1] / "events" / "vectors"

#: Three values of each kind: a short one, a usual one, and one that takes unusually many bytes.
DAYS = (date(2026, 3, 1), date(2026, 11, 24), date(2099, 12, 31))
MOMENTS = (
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2026, 11, 24, 12, 34, 56, 789012, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
)
NUMBERS = (1, 2, 2**31 - 1)
LONGS = (0, 70_000, 2**63 - 1)
COUNTRIES = ("KZ", "KG", "UZ")
TEXTS: Mapping[str, tuple[str, str, str]] = {
    "origin": COUNTRIES,
    "responsible": COUNTRIES,
    "recipient": ("KG", "UZ", "KZ"),
    "holder": ("KG", "UZ", "KZ"),
    "with_country": ("KG", "UZ", "KZ"),
    "id": ("c", "cw-4f2a", "қамқоршы-7"),
    "role": ("system", "caseworker", "focal_point"),
    "organisation": ("o", "focal-point-KG", "focal-point-" + "UZ" * 40),
    "rules": ("", "kz-public/3", "kz-public/3/" + "ab" * 32),
    "assignee": ("c", "cw-4f2a", "cw-" + "0f" * 16),
    "requested_by": ("c", "cw-4f2a", "cw-" + "0f" * 16),
    "decision": ("a", "approve_override", "approve_override_for_transfer"),
    "rule": ("a", "four_eyes", "best_interests_first"),
    "giver": ("a", "aunt-1", "aunt-" + "0f" * 16),
    "language": ("k", "ky", "kk-Cyrl"),
    "withheld_from": ("a", "uncle-1", "org-" + "0f" * 16),
    "override_reason": ("a", "court_order", "giver_is_alleged_perpetrator"),
    "why": ("a", "override_in_force", "excluded_person"),
    "door": ("a", "read", "break_glass"),
    "method": ("a", "overwritten", "overwritten_in_place"),
    "countries": ("KG", "UZ", "TJ"),
    "log": ("l", "t.ledger/KZ", "referral.national.KZ/KZ"),
    "retired": ("a", "kek-1", "0f" * 16),
    "current": ("b", "kek-2", "1f" * 16),
    "note": ("n", "referral/key/v1\n", "referral/key/v1\n" + "ab" * 200),
    "service": ("s", "kz-almaty-casework", "kz-" + "0f" * 16),
    "declined_for": ("a", "no_capacity", "incomplete_information"),
    "name": ("K", "KZ", "kz-" + "0f" * 16),
    "guideline": ("g", "unaccompanied", "g-" + "0f" * 16),
    "step": ("risk", "first_contact", "closure_decision"),
    "reason": ("other", "child_no_longer_contactable", "overall_goal_of_the_case_plan"),
    "against": ("a", "cw-4f2a", "cw-" + "0f" * 16),
    "desk": ("d", "duty", "d-" + "0f" * 16),
    "roles": ("a", "caseworker", "data_protection_officer"),
    "persons": ("a", "uncle-1", "uncle-" + "0f" * 16),
}


def invented(seed: str, size: int) -> bytes:
    """Return bytes that follow from a text, so that a vector can be made again."""
    blocks = (sha256(f"{seed}/{at}".encode()).digest() for at in range(size // 32 + 1))
    return b"".join(blocks)[:size]


def invented_uuid(seed: str, version: int = 4) -> UUID:
    """Return a UUID that follows from a text."""
    raw = bytearray(invented(seed, 16))
    raw[6] = version << 4 | raw[6] & 15  # Python 3.11 knows versions 1 to 5 only
    raw[8] = 0b10 << 6 | raw[8] & 63
    return UUID(bytes=bytes(raw))


def _value(kind: Any, name: str, seed: str, at: int, named: dict[str, Any]) -> Any:
    what, found = shape(kind, named)
    match what:
        case "union":
            inner = _value(found, name, seed, at, named)  # also defines what it names
            return None if at == 0 else inner
        case "array":
            items = [_value(found["items"], name, f"{seed}/{i}", i, named) for i in range(3)]
            return tuple(items[:1] * at if at < 2 else items)
        case "record":
            made = getattr(stamp, found["name"])
            inner = {
                f["name"]: _value(f["type"], f["name"], f"{seed}.{f['name']}", at, named)
                for f in found["fields"]
            }
            return made(**inner)
        case "enum":
            listed = list(getattr(codes, found["name"]))
            return listed[(1, 2, len(found["symbols"]) - 1)[at]]
        case "uuid":
            return invented_uuid(seed, 7 if name == "event_id" else 4)
        case "date" | "timestamp-micros" | "int" | "long":
            told = {"date": DAYS, "timestamp-micros": MOMENTS, "int": NUMBERS, "long": LONGS}
            return told[what][at]
        case "boolean":
            return at > 0
        case "bytes":
            return invented(seed, (0, 46, 300)[at])
        case "fixed":
            return bytes(found["size"]) if at == 0 else invented(seed, found["size"])
        case _:
            return TEXTS[name][at]


def sample(schema: Schema, at: int) -> Event:
    """Return the invented event number 0, 1 or 2 of a schema."""
    named: dict[str, Any] = {}
    values = {
        f["name"]: _value(f["type"], f["name"], f"{schema.name}.{f['name']}/{at}", at, named)
        for f in schema.document["fields"]
    }
    return schema.event_class(**values, schema_version=schema.version)


def readable(value: Any) -> Any:
    """Return a value as JSON says it: ids and days as text, moments in UTC, bytes in hex."""
    match value:
        case Enum():
            return value.value
        case UUID():
            return str(value)
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case bytes():
            return value.hex()
        case tuple() | list():
            return [readable(item) for item in value]
        case Event():  # as its schema version knows it, whatever the class has learnt since
            schema = BY_NAME[type(value).__name__, value.schema_version]
            names = [f["name"] for f in schema.document["fields"]]
            return {name: readable(getattr(value, name)) for name in names}
        case _ if is_dataclass(value):
            names = [f.name for f in fields(value) if f.name != "schema_version"]
            return {name: readable(getattr(value, name)) for name in names}
    return value


def _frame(event: Event) -> dict[str, Any]:
    value = encode(event)
    return {"hex": value.hex(), "leaf": leaf_hash(value).hex(), "event": readable(event)}


def frames(schema: Schema) -> dict[str, Any]:
    """Return the vector of one schema: three events, in bytes and in words."""
    return {
        "type": schema.name,
        "version": schema.version,
        "fingerprint": schema.fingerprint.hex(),
        "schema_sha256": schema.sha256,
        "frames": [_frame(sample(schema, at)) for at in range(3)],
    }


def stem(schema: Schema) -> str:
    """Return the name of a schema's file without its ending."""
    return policy.file_name(schema.document, schema.version).removesuffix(".avsc")


def partitions() -> dict[str, Any]:
    """Return where cases stand: the client's own partitioner would say something else."""
    cases = [invented_uuid(f"partition/{at}") for at in range(8)]
    return {
        "rule": "int(SHA-256(16 bytes of case_id)[:8], big endian) mod N",
        "cases": [
            {
                "case_id": str(case),
                **{f"of_{n}": contract.partition_of(case, n) for n in (1, 12, 64)},
            }
            for case in cases
        ],
    }


def vectors() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every vector there should be, by its path under events/vectors/."""
    from tests.histories import HISTORIES  # histories use the invented values above

    for schema in SCHEMAS:
        yield f"frames/{stem(schema)}.json", frames(schema)
    yield "partitions.json", partitions()
    for history in HISTORIES:
        yield f"histories/{history.name}.json", history.vector()


def frozen(folder: Path = FOLDER) -> dict[str, str]:
    """Return the SHA-256 of every frozen vector, by its path."""
    lines = (folder / "FROZEN").read_text().splitlines()
    return {path: digest for digest, path in (line.split("  ") for line in lines)}


def freeze(folder: Path = FOLDER) -> list[str]:
    """Write and freeze the vectors that are missing; return their paths."""
    listed = frozen(folder)
    new = {path: vector for path, vector in vectors() if path not in listed}
    for path, vector in new.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(vector, indent=1, ensure_ascii=False) + "\n")
    with (folder / "FROZEN").open("a") as file:
        for path in new:
            file.write(f"{sha256((folder / path).read_bytes()).hexdigest()}  {path}\n")
    return list(new)


if __name__ == "__main__":
    for made in freeze():
        sys.stdout.write(f"froze {made}\n")
