"""The released schemas: frozen, complete, and each with the class that reads it."""

from __future__ import annotations

import json
import shutil
from copy import deepcopy
from dataclasses import MISSING, dataclass, fields
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints
from uuid import UUID

import pytest

from events import codes, policy, registry, release, stamp
from events.codec import wire_fields
from events.compiled import shape
from events.errors import Misconfigured
from events.registry import BY_FINGERPRINT, CLASSES, ENVELOPES, NEWEST, SCHEMAS
from events.stamp import Event
from ledger.case.conditions import CONDITIONS, WHO
from ledger.case.fold import EFFECTS
from ledger.case.steps import STEPS, Kind

STAMP = SCHEMAS[0].document["fields"][: policy.STAMP_FIELDS]
PYTHON = {
    "boolean": bool, "int": int, "long": int, "string": str, "bytes": bytes, "fixed": bytes,
    "uuid": UUID, "date": date, "timestamp-micros": datetime,
}  # fmt: skip


def title(schema: registry.Schema) -> str:
    return f"{schema.name}.v{schema.version}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of events/schemas that a test may change."""
    return Path(shutil.copytree(release.SCHEMAS, tmp_path / "schemas"))


def test_no_released_schema_was_changed_and_none_waits():
    """A changed file would judge old events by new rules; a draft is in nobody's registry."""
    assert release.changed() == []
    assert release.drafts() == [], "run: python -m events.release"


@pytest.mark.parametrize("schema", SCHEMAS, ids=title)
def test_every_schema_follows_the_policy(schema):
    """Self-contained, stamp first, every field documented and public, every enum with UNKNOWN."""
    assert policy.problems(schema.document, STAMP) == []
    for other in SCHEMAS:
        if other.name == schema.name and other.version < schema.version:
            assert policy.evolution_problems(other.document, schema.document) == []


@pytest.mark.parametrize("schema", [s for s in SCHEMAS if s.visibility != "envelope"], ids=title)
def test_every_step_row_can_be_resolved(schema):
    """A name that no reader knows would be found at the first event, years later."""
    step = STEPS[schema.name, schema.version]
    assert step.by in WHO
    assert set(step.requires) <= set(CONDITIONS)
    assert step.kind in Kind
    assert schema.event_class in EFFECTS
    if schema.visibility != "shared":
        assert step.kind is Kind.PLAIN, "only shared events restrain what other countries may do"


def expected(kind: Any, named: dict[str, Any]) -> Any:
    """The Python type that stands for an Avro type."""
    what, found = shape(kind, named)
    match what:
        case "union":
            return {expected(found, named), NoneType}
        case "array":
            return (tuple, expected(found["items"], named))
        case "record":
            made = getattr(stamp, found["name"])
            inner = {f["name"]: expected(f["type"], named) for f in found["fields"]}
            assert inner == get_type_hints(made)
            return made
        case "enum":
            return getattr(codes, found["name"])
        case _:
            return PYTHON[what]


def declared(hint: Any) -> Any:
    """The same of a class's annotation."""
    arguments = get_args(hint)
    if NoneType in arguments:
        return set(arguments)
    return (tuple, arguments[0]) if arguments else hint


@pytest.mark.parametrize("schema", NEWEST.values(), ids=title)
def test_every_schema_has_a_class_with_the_same_fields(schema):
    """Same names, same order, same types: the class is the schema in Python."""
    assert release.class_problems(schema.document, {**CLASSES, **ENVELOPES}) == []
    hints = get_type_hints(schema.event_class)
    named: dict[str, Any] = {}
    for field in schema.document["fields"]:
        assert declared(hints[field["name"]]) == expected(field["type"], named), field["name"]


def test_every_class_has_a_schema():
    """A class without one could be decided and never recorded."""
    assert {*CLASSES, *ENVELOPES} == set(NEWEST)


@pytest.mark.parametrize("made", CLASSES.values(), ids=lambda made: made.__name__)
def test_event_classes_hold_no_code_and_default_like_their_schema(made):
    """Readers fill in the fields themselves, so nothing may hide in a constructor."""
    assert not hasattr(made, "__post_init__")
    defaults = {f["name"]: f["default"] for f in NEWEST[made.__name__].document["fields"]
                if "default" in f}  # fmt: skip
    for field in fields(made):
        if field.name in wire_fields(made) and field.default is not MISSING:
            empty = () if defaults[field.name] == [] else defaults[field.name]
            assert field.default == empty, field.name


def test_fingerprints_are_unique():
    """The fingerprint selects the schema; it does not see logical types, so RELEASED has more."""
    assert len(BY_FINGERPRINT) == len(SCHEMAS) == len({s.sha256 for s in SCHEMAS})


def test_the_fingerprint_does_not_see_logical_types():
    """Why logical types never change, and why RELEASED holds a hash of the whole file."""
    document = deepcopy(dict(SCHEMAS[0].document))
    assert registry.crc64_fingerprint(registry.plain(document)) == SCHEMAS[0].fingerprint


WRONG = {
    "its first fields have to be the stamp": lambda d: d["fields"].pop(3),
    "needs a step row": lambda d: d.pop("step"),
    "subject": lambda d: d["step"].update(subject="nobody"),
    "kind has to be": lambda d: d["step"].update(kind="lenient"),
    "protective_if": lambda d: d["step"].update(protective_if={"status": "never"}),
    "visibility has to be": lambda d: d.update(visibility="secret"),
    "namespace referral.events": lambda d: d.update(namespace="events"),
    "it needs a doc": lambda d: d.pop("doc"),
    "stands twice": lambda d: d["fields"].append(d["fields"][-1]),
    "rider: needs a doc": {"name": "rider", "type": "int", "sensitivity": "public"},
    "rider: needs a sensitivity": {"name": "rider", "type": "int", "doc": "x"},
    "inside `sealed`": {"name": "rider", "type": "int", "sensitivity": "personal"},
    "null by default": {"name": "rider", "type": ["null", "int"]},
    "names are lower case": {"name": "Rider", "type": "int"},
    "is not defined before it": {"name": "rider", "type": "Hat"},
    "a union is null and one other type": {"name": "rider", "type": ["null", "int", "string"]},
    "is defined once": {"name": "rider", "type": {"type": "fixed", "name": "LeafHash", "size": 4}},
    "begins with UNKNOWN": {
        "name": "rider",
        "type": {"type": "enum", "name": "Hat", "symbols": ["top", "UNKNOWN"]},
    },
    "takes no bytes": {
        "name": "rider",
        "type": {"type": "array", "items": {"type": "record", "name": "Hat", "fields": []}},
    },
    "type null is not": {"name": "rider", "type": {"type": "array", "items": "null"}},
    "type double is not": {"name": "rider", "type": "double"},
    "type map is not": {"name": "rider", "type": {"type": "map", "values": "int"}},
    "does not stand on long": {
        "name": "rider",
        "type": {"type": "long", "logicalType": "timestamp-millis"},
    },
}


@pytest.mark.parametrize("problem", WRONG)
def test_the_policy_names_what_is_wrong(problem):
    """Each rule, broken once."""
    document = deepcopy(dict(NEWEST["StatusChanged"].document))
    change = WRONG[problem]
    if callable(change):
        change(document)
    else:
        default = {} if "type" in change and isinstance(change["type"], list) else {"default": 0}
        document["fields"].append({**default, **change})
    found = policy.problems(document, STAMP)
    assert any(problem in one for one in found), found


def draft(folder: Path, file_name: str, /, **changes: Any) -> Path:
    """Put a changed copy of a released schema beside the others."""
    document = {**deepcopy(dict(NEWEST["CaseClosed"].document)), **changes}
    path = folder / file_name
    path.write_text(json.dumps(document))
    return path


def test_a_new_version_is_released_by_one_line_at_the_end(folder):
    """And every line before it stays as it was."""
    before = (folder / "RELEASED").read_text()
    closed = NEWEST["CaseClosed"]
    added = {"name": "urgent", "type": "boolean", "default": False, "doc": "Whether it hurried.",
             "sensitivity": "public"}  # fmt: skip
    path = draft(folder, "case_closed.v2.avsc", fields=[*closed.document["fields"], added])

    @dataclass(frozen=True, slots=True, kw_only=True)
    class CaseClosed(Event):
        urgent: bool = False

    assert release.release(folder, {**CLASSES, "CaseClosed": CaseClosed}) == [path.name]
    line = f"{sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
    assert (folder / "RELEASED").read_text() == before + line
    assert release.drafts(folder) == []


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("case_closed.avsc", {}, "its name has to be the event in snake case"),
        ("case_shut.v1.avsc", {}, "its name has to be case_closed.v1.avsc"),
        ("case_closed.v3.avsc", {}, "version 2 is not released"),
        ("case_closed.v2.avsc", {}, "it has the fingerprint of case_closed.v1.avsc"),
        ("case_closed.v2.avsc", {"fields": STAMP[:10]}, "field sealed was removed"),
        ("case_shut.v1.avsc", {"name": "CaseShut"}, "write class CaseShut"),
        ("case_closed.v2.avsc", {"type": "recrd"}, "it is no Avro schema"),
    ],
)
def test_a_draft_that_is_not_ready_is_refused_with_what_to_do(folder, name, changes, message):
    """Nothing is written to RELEASED then."""
    before = (folder / "RELEASED").read_text()
    draft(folder, name, **changes)
    with pytest.raises(Misconfigured) as refused:
        release.release(folder)
    assert f"{name}: {message}" in str(refused.value)
    assert (folder / "RELEASED").read_text() == before


def test_a_released_schema_cannot_be_changed_and_released_again(folder):
    """Not even by a space."""
    path = folder / "case_closed.v1.avsc"
    path.write_text(path.read_text() + " ")
    with pytest.raises(Misconfigured, match=r"case_closed\.v1\.avsc; restore"):
        release.release(folder)
    with pytest.raises(Misconfigured, match="was changed; restore it"):
        registry._load(path.name, path.read_bytes(), NEWEST["CaseClosed"].sha256)


def test_two_schemas_with_one_fingerprint_stop_the_program():
    """The fingerprint is forgeable in milliseconds; of two, nobody could say which was meant."""
    with pytest.raises(Misconfigured, match="share a fingerprint"):
        registry._by_fingerprint((SCHEMAS[0], deepcopy(SCHEMAS[0])))
