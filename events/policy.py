"""The rules that a schema follows to be released, and that a new version follows to replace one.

Apache's compatibility checker lets pass what would change meaning without a word: another logical
type, another scale, string for bytes, a uuid for any text, another namespace. So versions are
append-only here: everything stays as it is, except a field with a default at the end, and a symbol
at the end of an enum that has a default. A rule of the step table may change with the version.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

NAMESPACE = "referral.events"
VISIBILITIES = frozenset({"shared", "national", "restricted", "envelope"})
SENSITIVITIES = frozenset({"public", "quasi", "personal", "special"})
#: Avro types that may stand in a schema; floats and maps have no canonical bytes.
PRIMITIVES = frozenset({"boolean", "int", "long", "string", "bytes"})
LOGICAL = {"uuid": "string", "timestamp-micros": "long", "date": "int"}
STEP_KEYS = frozenset({"part", "subject", "from", "to", "by", "kind", "requires"})
KINDS = frozenset({"plain", "protective", "permissive"})
#: How many fields the stamp has (events/stamp.py); they stand first in every schema.
STAMP_FIELDS = 11

_HEADER = ("type", "name", "namespace", "visibility")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
Document = Mapping[str, Any]


def file_name(document: Document, version: int) -> str:
    """Return the name of a schema's file: the event in snake case, and the version."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", document["name"]).lower()
    return f"{snake}.v{version}.avsc"


def problems(document: Document, stamp: Sequence[Document]) -> list[str]:
    """Return what keeps a schema from being released; `stamp` is the frozen prefix."""
    fields: Sequence[Document] = document["fields"]
    found: list[str] = []
    if document["type"] != "record" or document.get("namespace") != NAMESPACE:
        found.append(f"it has to be a record in namespace {NAMESPACE}")
    if document.get("visibility") not in VISIBILITIES:
        found.append(f"visibility has to be one of {', '.join(sorted(VISIBILITIES))}")
    if not document.get("doc"):
        found.append("it needs a doc: one sentence that says what happened")
    if len({field["name"] for field in fields}) != len(fields):
        found.append("a field stands twice")
    found += _stamp_problems(fields, stamp)
    found += _step_problems(document)
    defined: dict[str, Document] = {}
    for field in fields:
        found += _field_problems(field, defined)
    return found


def _stamp_problems(fields: Sequence[Document], stamp: Sequence[Document]) -> Iterator[str]:
    prefix = fields[: len(stamp)]
    same = [field["name"] for field in prefix] == [field["name"] for field in stamp]
    if not same or any(_changes(old, new) for old, new in zip(stamp, prefix, strict=True)):
        yield "its first fields have to be the stamp, unchanged (copy them from any schema)"


def _step_problems(document: Document) -> Iterator[str]:
    step = document.get("step")
    if document.get("visibility") == "envelope":
        if step is not None:
            yield "an envelope has no step row: what it carries has one"
        return
    if not isinstance(step, Mapping) or set(step) - {"protective_if"} != STEP_KEYS:
        yield f"it needs a step row with {', '.join(sorted(STEP_KEYS))}"
        return
    by_name = {field["name"]: field for field in document["fields"]}
    if step["subject"] not in by_name:
        yield f"step: subject {step['subject']} is no field of it"
    if step["kind"] not in KINDS:
        yield f"step: kind has to be one of {', '.join(sorted(KINDS))}"
    for name, symbol in step.get("protective_if", {}).items():
        kind = by_name.get(name, {}).get("type")
        if not isinstance(kind, Mapping) or symbol not in kind.get("symbols", ()):
            yield f"step: protective_if names {name} = {symbol}, which cannot be"


def _field_problems(field: Document, defined: dict[str, Document]) -> Iterator[str]:
    name = field["name"]
    if not _NAME.fullmatch(name):
        yield f"{name}: names are lower case"
    if not field.get("doc"):
        yield f"{name}: needs a doc"
    if field.get("sensitivity") not in SENSITIVITIES:
        yield f"{name}: needs a sensitivity"
    elif field["sensitivity"] != "public":
        yield f"{name}: what is not public stands inside `sealed`, nowhere else"
    if isinstance(field["type"], list) and field.get("default", "none") is not None:
        yield f"{name}: what may be null is null by default, from version 1"
    for problem in _type_problems(field["type"], defined):
        yield f"{name}: {problem}"


def _type_problems(kind: Any, defined: dict[str, Document]) -> Iterator[str]:
    if isinstance(kind, str):
        if kind not in PRIMITIVES and kind not in defined:
            yield f"type {kind} is not defined before it in this file"
        return
    if isinstance(kind, list):
        if len(kind) != 2 or kind[0] != "null" or kind[1] == "null":
            yield "a union is null and one other type"
        for branch in kind[1:]:
            yield from _type_problems(branch, defined)
        return
    if "name" in kind:
        yield from _named_problems(kind, defined)
        defined[kind["name"]] = kind
    match kind["type"]:
        case "array":
            yield from _type_problems(kind["items"], defined)
        case "record":
            for field in kind["fields"]:
                yield from _field_problems(field, defined)
        case "enum" | "fixed":
            pass
        case primitive if primitive not in PRIMITIVES:
            yield f"type {primitive} is not used here"
        case primitive if LOGICAL.get(kind.get("logicalType", "")) != primitive:
            yield f"logical type {kind.get('logicalType')} does not stand on {primitive}"


def _named_problems(kind: Document, defined: Mapping[str, Document]) -> Iterator[str]:
    if kind["name"] in defined or "namespace" in kind or "." in kind["name"]:
        yield f"{kind['name']} is defined once, in the namespace of the event"
    if kind["type"] == "enum":
        if kind["symbols"][0] != "UNKNOWN" or kind.get("default") != "UNKNOWN":
            yield f"enum {kind['name']} begins with UNKNOWN and has it as default"
    # An array of nothing takes no bytes: fifty million items in six.
    elif not (kind.get("fields") or kind.get("size")):
        yield f"{kind['name']} takes no bytes"


def evolution_problems(old: Document, new: Document) -> list[str]:
    """Return what keeps `new` from being a later version of `old`."""
    found = [f"{key} changed" for key in _HEADER if old.get(key) != new.get(key)]
    before, after = old["fields"], new["fields"]
    for at, field in enumerate(before):
        if at >= len(after) or after[at]["name"] != field["name"]:
            found.append(f"field {field['name']} was removed, renamed or moved")
        else:
            found += [f"field {field['name']}: {change}" for change in _changes(field, after[at])]
    found += [
        f"new field {field['name']} needs a default"
        for field in after[len(before) :]
        if "default" not in field
    ]
    return found


def _changes(old: Any, new: Any) -> list[str]:
    """Return what differs between two fields or types, but for docs and symbols at the end."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        found = [
            change
            for key in sorted(old.keys() | new.keys())
            if key not in {"doc", "symbols"}
            for change in (_changes(old[key], new[key]) if key in old and key in new else [key])
        ]
        before, after = old.get("symbols", ()), new.get("symbols", ())
        if before != after[: len(before)] or (before != after and "default" not in old):
            found.append("symbols changed, or grew without a default")
        return found
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [change for a, b in zip(old, new, strict=True) for change in _changes(a, b)]
    return [] if type(old) is type(new) and old == new else [f"{old} became {new}"]
