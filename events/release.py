"""Release new schemas and code lists: `python -m events.release` checks them and freezes them.

A released schema never changes again, a released list only grows. What was recorded under a schema
is judged by its step row and read by its fields for ever, so this is the one moment at which a
mistake costs nothing.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastavro.schema import SchemaParseException

from events import code_lists, policy
from events.codec import wire_fields
from events.errors import LedgerError, Misconfigured
from events.registry import CLASSES, ENVELOPES, crc64_fingerprint, released
from events.stamp import Event

SCHEMAS = Path(str(files("events") / "schemas"))
LISTS = Path(str(code_lists.FOLDER))
_WRITTEN: Mapping[str, type[Event]] = {**CLASSES, **ENVELOPES}
_VERSIONED = re.compile(r"[a-z0-9_]+\.v([1-9][0-9]*)\.avsc")


def drafts(folder: Path = SCHEMAS) -> list[str]:
    """Return the names of schema files that are not released yet."""
    listed = released((folder / "RELEASED").read_text())
    return sorted(path.name for path in folder.glob("*.avsc") if path.name not in listed)


def changed(folder: Path = SCHEMAS) -> list[str]:
    """Return the names of released schema files that are gone or not what was released."""
    return [
        name
        for name, digest in released((folder / "RELEASED").read_text()).items()
        if not (folder / name).is_file()
        or sha256((folder / name).read_bytes()).hexdigest() != digest
    ]


def draft_problems(
    name: str, folder: Path = SCHEMAS, classes: Mapping[str, type[Event]] = _WRITTEN
) -> list[str]:
    """Return what keeps one schema file from being released, each with what to do about it."""
    versioned = _VERSIONED.fullmatch(name)
    if versioned is None:
        return ["its name has to be the event in snake case and a version: case_opened.v1.avsc"]
    version = int(versioned[1])
    listed = released((folder / "RELEASED").read_text())
    others = {other: json.loads((folder / other).read_text()) for other in listed}
    try:
        document = json.loads((folder / name).read_text())
        fingerprint = crc64_fingerprint(document)
        stamp = next(iter(others.values()))["fields"][: policy.STAMP_FIELDS]
        found = policy.problems(document, stamp)
    except (ValueError, KeyError, TypeError, SchemaParseException) as error:
        return [f"it is no Avro schema: {error}"]
    if name != policy.file_name(document, version):
        found.append(f"its name has to be {policy.file_name(document, version)}")
    for earlier in range(1, version):
        before = others.get(policy.file_name(document, earlier))
        found += (
            [f"version {earlier} is not released"]
            if before is None
            else policy.evolution_problems(before, document)
        )
    twins = {crc64_fingerprint(other): twin for twin, other in others.items()}
    if twin := twins.get(fingerprint):
        found.append(f"it has the fingerprint of {twin}: rename a field")
    return found + class_problems(document, classes)


def class_problems(document: Mapping[str, Any], classes: Mapping[str, type[Event]]) -> list[str]:
    """Return how the event class differs from the newest version of its schema."""
    name = document["name"]
    if name not in classes:
        return [f"write class {name} in the module of its part in events/, fields in this order"]
    written = tuple(field["name"] for field in document["fields"])
    expected = wire_fields(classes[name])
    return [] if written == expected else [f"class {name} has fields {expected}, not {written}"]


def release(folder: Path = SCHEMAS, classes: Mapping[str, type[Event]] = _WRITTEN) -> list[str]:
    """Freeze every new schema and return their names; Misconfigured if one is not ready."""
    if touched := changed(folder):
        raise Misconfigured(
            f"released schemas were changed: {', '.join(touched)}; restore them, and put the"
            " change in a new version",
            rule="schema_released",
        )
    new = drafts(folder)
    found = [f"{n}: {problem}" for n in new for problem in draft_problems(n, folder, classes)]
    if found:
        raise Misconfigured("\n".join(found), rule="schema_policy")
    with (folder / "RELEASED").open("a") as listed:
        for name in new:
            listed.write(f"{sha256((folder / name).read_bytes()).hexdigest()}  {name}\n")
    return new


def release_lists(folder: Path = LISTS) -> list[str]:
    """Freeze every list that is new or has grown, and return their ids and versions."""
    frozen = (folder / "RELEASED").read_text()
    lists = code_lists.load(folder)
    last = {line.split()[1]: int(line.split()[2]) for line in frozen.splitlines()}
    new = [one for one in lists.values() if code_lists.release_line(one) not in frozen]
    found = code_lists.changes(lists, frozen) + [
        f"code list {one.id} begins with {code_lists.UNKNOWN}, and this is its version"
        f" {last.get(one.id, 0) + 1}"
        for one in new
        if next(iter(one.codes)) != code_lists.UNKNOWN or one.version != last.get(one.id, 0) + 1
    ]
    if found:
        raise Misconfigured("\n".join(found), rule="code_list_released")
    with (folder / "RELEASED").open("a") as listed:
        listed.writelines(f"{code_lists.release_line(one)}\n" for one in new)
    return [f"{one.id} version {one.version}" for one in new]


if __name__ == "__main__":
    try:
        for made in release() + release_lists():
            sys.stdout.write(f"released {made}\n")
    except LedgerError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
