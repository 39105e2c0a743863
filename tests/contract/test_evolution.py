"""Which new version of a schema may be released: a matrix, beside what Apache's checker says.

Apache's checker (the one schema registries use) asks whether bytes can still be read. We ask
whether they still mean the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse

from events.policy import evolution_problems

FIRST = {
    "type": "record",
    "name": "MeetingHeld",
    "namespace": "referral.events",
    "visibility": "national",
    "step": {"from": ["open"]},
    "fields": [
        {"name": "meeting_id", "type": {"type": "string", "logicalType": "uuid"}, "doc": "Which."},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}, "doc": "When."},
        {"name": "people", "type": "int", "doc": "How many came."},
        {"name": "note", "type": ["null", "string"], "default": None, "doc": "More."},
        {
            "name": "kind",
            "type": {"type": "enum", "name": "Kind", "symbols": ["UNKNOWN", "first", "review"],
                     "default": "UNKNOWN"},
            "doc": "Which kind.",
        },
        {"name": "level", "type": {"type": "enum", "name": "Level", "symbols": ["a", "b"]}},
        {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 32}, "doc": "Of it."},
        {"name": "cost", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9,
                                  "scale": 2}, "doc": "In all."},
        {"name": "topics", "type": {"type": "array", "items": "string"}, "doc": "About what."},
        {"name": "place", "type": {"type": "record", "name": "Place", "fields": [
            {"name": "room", "type": "string", "doc": "Where."}]}, "doc": "Where."},
    ],
}  # fmt: skip
MEETING_ID, AT, PEOPLE, NOTE, KIND, LEVEL, HASH, COST, TOPICS, PLACE = range(10)

Change = Callable[[dict[str, Any]], object]


def field(at: int, **values: Any) -> Change:
    """Change properties of a field."""
    return lambda schema: schema["fields"][at].update(values)


def inside(at: int, **values: Any) -> Change:
    """Change properties of a field's type."""
    return lambda schema: schema["fields"][at]["type"].update(values)


def added(**values: Any) -> Change:
    """Add a field at the end."""
    return lambda schema: schema["fields"].append({"doc": "New.", **values})


def inner_field(**values: Any) -> Change:
    """Add a field to the record inside."""
    return lambda schema: schema["fields"][PLACE]["type"]["fields"].append(values)


RELEASED: dict[str, Change] = {
    "nothing": lambda _: None,
    "doc": field(AT, doc="When it began."),
    "step row": lambda schema: schema.update(step={"from": ["open", "closed"]}),
    "field added with a default": added(name="x", type="int", default=0),
    "null added by default": added(name="x", type=["null", "int"], default=None),
    "symbol added where a default is": inside(KIND, symbols=["UNKNOWN", "first", "review", "last"]),
}
#: What any checker refuses.
BROKEN: dict[str, Change] = {
    "field added without a default": added(name="x", type="int"),
    "field removed that had no default": lambda schema: schema["fields"].pop(PEOPLE),
    "field renamed": field(PEOPLE, name="persons"),
    "field renamed with an alias": field(PEOPLE, name="persons", aliases=["people"]),
    "symbol added where no default is": inside(LEVEL, symbols=["a", "b", "c"]),
    "symbol removed where no default is": inside(LEVEL, symbols=["a"]),
    "number widened": field(PEOPLE, type="long"),
    "number became text": field(PEOPLE, type="string"),
    "field may now be null": field(PEOPLE, type=["null", "int"], default=None),
    "union lost a branch": field(NOTE, type=["null"]),
    "union got a branch": field(NOTE, type=["null", "string", "long"]),
    "fixed resized": inside(HASH, size=16),
    "items changed": inside(TOPICS, items="int"),
    "inner field added without a default": inner_field(name="floor", type="int"),
    "event renamed": lambda schema: schema.update(name="MeetingHeld2"),
}
#: What Apache's checker lets pass because bytes can be read, and we do not: first the five that
#: change the meaning of bytes without a word.
SILENT: dict[str, Change] = {
    "moments in milliseconds": inside(AT, logicalType="timestamp-millis"),
    "uuid became any text": field(MEETING_ID, type="string"),
    "text became bytes": inside(TOPICS, items="bytes"),
    "scale of a decimal": inside(COST, scale=3),
    "namespace": lambda schema: schema.update(namespace="referral.elsewhere"),
    "logical type dropped": field(AT, type="long"),
    "field removed that had a default": lambda schema: schema["fields"].pop(NOTE),
    "fields exchanged": lambda schema: schema["fields"].reverse(),
    "field added before the end": lambda schema: schema["fields"].insert(
        0, {"name": "x", "type": "int", "default": 0}
    ),
    "default of a field": field(NOTE, type=["null", "string"], default="x"),
    "symbols exchanged": inside(KIND, symbols=["UNKNOWN", "review", "first"]),
    "symbol removed where a default is": inside(KIND, symbols=["UNKNOWN", "first"]),
    "default of an enum": inside(KIND, default="first"),
    "visibility": lambda schema: schema.update(visibility="shared"),
    "sensitivity": field(NOTE, sensitivity="public"),
    "inner field added": inner_field(name="floor", type="int", default=0),
}


def apache_says(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether Apache's checker finds each able to read the other."""
    schemas = [parse(json.dumps(schema)) for schema in (old, new)]
    both = [tuple(schemas), tuple(reversed(schemas))]
    compatible = SchemaCompatibilityType.compatible
    checker = ReaderWriterCompatibilityChecker()
    return all(checker.get_compatibility(*pair).compatibility is compatible for pair in both)


def after(change: Change) -> dict[str, Any]:
    """The schema after one change."""
    new = deepcopy(FIRST)
    change(new)
    return new


@pytest.mark.parametrize("what", RELEASED)
def test_a_new_version_may_add_at_the_end(what):
    """Full-transitive: the rule holds between any two versions because it only ever appends."""
    new = after(RELEASED[what])
    assert evolution_problems(FIRST, new) == []
    assert apache_says(FIRST, new)


@pytest.mark.parametrize("what", BROKEN)
def test_what_breaks_readers_is_refused_as_apache_does(what):
    """A schema registry beside us would refuse the same."""
    new = after(BROKEN[what])
    assert evolution_problems(FIRST, new) != []
    assert not apache_says(FIRST, new)


@pytest.mark.parametrize("what", SILENT)
def test_what_changes_meaning_without_breaking_is_refused_too(what):
    """If Apache's checker begins to see one of these, it moves to the table above."""
    new = after(SILENT[what])
    assert evolution_problems(FIRST, new) != []
    assert apache_says(FIRST, new)
