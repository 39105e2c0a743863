"""The released schemas: which exist, what they look like, and which event class reads them.

Readers decode released schemas only, never one that arrives on the wire: the 8-byte Avro
fingerprint is forgeable, so it selects among files whose SHA-256 is committed in RELEASED.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Any

from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form

import events.access
import events.block
import events.care
import events.case
import events.consent
import events.data
import events.duplicate
import events.erasure
import events.governance
import events.measure
import events.monitoring
import events.notice
import events.plan
import events.referral
import events.routing
import events.transfer
from events.errors import Misconfigured
from events.national import NationalEvent
from events.stamp import Event

#: Event classes by name, from the modules that define them.
CLASSES: Mapping[str, type[Event]] = {
    name: found
    for module in (
        events.case,
        events.consent,
        events.referral,
        events.transfer,
        events.data,
        events.duplicate,
        events.care,
        events.routing,
        events.plan,
        events.monitoring,
        events.measure,
        events.access,
        events.block,
        events.erasure,
        events.governance,
        events.notice,
    )
    for name, found in vars(module).items()
    if isinstance(found, type) and issubclass(found, Event) and found is not Event
}
#: What carries an event in sealed form. Nobody decides one: it is made around what was decided.
ENVELOPES: Mapping[str, type[Event]] = {"NationalEvent": NationalEvent}


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """One released schema: a type of event in one version."""

    name: str
    version: int
    fingerprint: bytes
    sha256: str
    #: SHA-256 of the parsing canonical form: what a sealed field is bound to.
    canonical_sha256: bytes
    #: "shared", "national" or "restricted" (design §6); "envelope" for what carries an event.
    visibility: str
    #: The row of the step table, released with the schema and never changed (design §3). An
    #: envelope has none.
    step: Mapping[str, Any]
    #: The schema as written, for readers that want documentation and logical types.
    document: Mapping[str, Any]
    #: The same for fastavro, parsed once and without logical types: identical bytes, in less time.
    plain: Any
    event_class: type[Event]


def plain(schema: Any) -> Any:
    """Return a schema without logical types; its bytes and its fingerprint are the same."""
    if isinstance(schema, dict):
        return {key: plain(value) for key, value in schema.items() if key != "logicalType"}
    if isinstance(schema, list):
        return [plain(branch) for branch in schema]
    return schema


def crc64_fingerprint(document: Mapping[str, Any]) -> bytes:
    """Return the 8 fingerprint bytes (CRC-64-AVRO, little endian) of a single-object header."""
    canonical = to_parsing_canonical_form(dict(document))
    return bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO"))


def released(text: str) -> Mapping[str, str]:
    """Return file name -> SHA-256 from the text of RELEASED."""
    return {name: digest for digest, name in (line.split() for line in text.splitlines())}


def _load(file_name: str, content: bytes, digest: str) -> Schema:
    if sha256(content).hexdigest() != digest:
        raise Misconfigured(
            f"released schema {file_name} was changed; restore it, and put the change in a new"
            " version",
            rule="schema_released",
        )
    document = json.loads(content)
    name: str = document["name"]
    version = int(file_name.removesuffix(".avsc").rsplit(".v", 1)[1])
    event_class = CLASSES.get(name) or ENVELOPES.get(name)
    if event_class is None:
        raise Misconfigured(f"schema {file_name} has no class {name} in events/", rule="class")
    return Schema(
        name=name,
        version=version,
        fingerprint=crc64_fingerprint(document),
        sha256=digest,
        canonical_sha256=sha256(to_parsing_canonical_form(document).encode()).digest(),
        visibility=document["visibility"],
        step=document.get("step", {}),
        document=document,
        plain=parse_schema(plain(document)),
        event_class=event_class,
    )


def _load_all() -> tuple[Schema, ...]:
    folder = files("events") / "schemas"
    listed = released((folder / "RELEASED").read_text())
    return tuple(
        _load(name, (folder / name).read_bytes(), digest) for name, digest in listed.items()
    )


def _by_fingerprint(schemas: tuple[Schema, ...]) -> Mapping[bytes, Schema]:
    found: dict[bytes, Schema] = {}
    for schema in schemas:
        twin = found.setdefault(schema.fingerprint, schema)
        if twin is not schema:
            raise Misconfigured(
                f"{schema.name} v{schema.version} and {twin.name} v{twin.version} share a"
                " fingerprint; rename a field of the newer one",
                rule="fingerprint_unique",
            )
    return found


SCHEMAS: tuple[Schema, ...] = _load_all()
BY_FINGERPRINT: Mapping[bytes, Schema] = _by_fingerprint(SCHEMAS)
BY_NAME: Mapping[tuple[str, int], Schema] = {(s.name, s.version): s for s in SCHEMAS}
#: The newest version of each type: the one that is written.
NEWEST: Mapping[str, Schema] = {s.name: s for s in sorted(SCHEMAS, key=lambda s: s.version)}
