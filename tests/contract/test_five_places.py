"""A new event type touches five places, and this test asks for them in their order.

1. its schema in events/schemas/   2. its class in events/   3. its effect and its decision in
ledger/case/   4. an opinion of every read model in projections/   5. golden bytes and a history.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from events import policy, release
from events.registry import CLASSES, ENVELOPES, NEWEST
from ledger.case.fold import EFFECTS
from projections.models import SHOWN
from tests.vectors import FOLDER

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Places:
    """What there is of each event type, by the type's name."""

    schemas: Mapping[str, Mapping[str, Any]]
    classes: frozenset[str]
    effects: frozenset[str]
    drafted: frozenset[str]
    opinions: Mapping[str, frozenset[str]]
    frames: frozenset[str]
    histories: frozenset[str]

    def next(self, name: str) -> str | None:
        """Return what the next place of an event type is, or None if it has them all."""
        if name not in self.schemas:
            return f"1. write the schema of {name} in events/schemas/ (docs/wire-format.md)"
        part = self.schemas[name]["step"]["part"]
        file = policy.file_name(self.schemas[name], 1)
        if name not in self.classes:
            return f"2. write class {name} in events/{part}.py, then release it"
        if name not in self.effects:
            return f"3. give {name} a line in EFFECTS of ledger/case/{_PART.get(part, part)}.py"
        if name not in self.drafted:
            return f"3. write the decision that drafts {name} in ledger/case/"
        for model, named in self.opinions.items():
            if name not in named:
                return f"4. give {model} in projections/ an opinion on {name} (nothing is one too)"
        if file not in self.frames:
            return f"5. freeze bytes of {name}: python -m tests.vectors"
        if name not in self.histories:
            return f"5. tell a history with {name} in tests/histories.py, and freeze it"
        return None


#: The part of a case that is named otherwise than its module in ledger/case/.
_PART = {"case": "identity"}


def _drafted() -> frozenset[str]:
    """Names that stand as arguments of calls in the modules of a case: what can be drafted."""
    calls = [
        node
        for path in (ROOT / "ledger" / "case").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    ]
    names = {arg.id for call in calls for arg in call.args if isinstance(arg, ast.Name)}
    return frozenset(names & set(CLASSES))


def _told() -> frozenset[str]:
    histories = [json.loads(path.read_text()) for path in FOLDER.glob("histories/*.json")]
    return frozenset(record["event"]["type"] for h in histories for record in h["records"])


TREE = Places(
    schemas={n: s.document for n, s in NEWEST.items() if s.visibility != "envelope"},
    classes=frozenset(CLASSES),
    effects=frozenset(kind.__name__ for kind in EFFECTS),
    drafted=_drafted(),
    opinions={
        model.table.name: frozenset(kind.__name__ for kind in model.opinions) for model in SHOWN
    },
    frames=frozenset(path.stem + ".avsc" for path in FOLDER.glob("frames/*.json")),
    histories=_told(),
)


@pytest.mark.parametrize("name", sorted({*CLASSES, *NEWEST} - {*ENVELOPES}))
def test_every_event_type_has_its_five_places(name):
    """Deploy readers before writers: an event that no reader knows parks its case."""
    assert TREE.next(name) is None


@pytest.mark.parametrize(
    ("taken_away", "next_place"),
    [
        ("schemas", "1. write the schema of ChildFound"),
        ("classes", "2. write class ChildFound in events/case.py"),
        ("effects", "3. give ChildFound a line in EFFECTS of ledger/case/identity.py"),
        ("drafted", "3. write the decision that drafts ChildFound"),
        ("opinions", "4. give audit_trail in projections/ an opinion on ChildFound"),
        ("frames", "5. freeze bytes of ChildFound: python -m tests.vectors"),
        ("histories", "5. tell a history with ChildFound in tests/histories.py"),
    ],
)
def test_the_next_place_is_named(taken_away, next_place):
    """A newcomer follows the messages and needs no list."""
    emptied: Any = {} if taken_away == "schemas" else frozenset()
    if taken_away == "opinions":
        emptied = dict.fromkeys(TREE.opinions, frozenset())
    found = replace(TREE, **{taken_away: emptied}).next("ChildFound")
    assert found is not None
    assert found.startswith(next_place)


def test_a_draft_schema_says_that_its_class_comes_next(tmp_path):
    """The first message that a newcomer sees."""
    (tmp_path / "RELEASED").write_text((release.SCHEMAS / "RELEASED").read_text())
    for path in release.SCHEMAS.glob("*.avsc"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    document = {**NEWEST["ChildFound"].document, "name": "ChildSeen"}
    (tmp_path / "child_seen.v1.avsc").write_text(json.dumps(document))

    (problem,) = release.draft_problems("child_seen.v1.avsc", tmp_path)
    assert problem.startswith("write class ChildSeen in the module of its part in events/")
