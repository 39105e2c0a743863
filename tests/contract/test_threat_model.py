"""docs/threat-model.md names a test for every control, and every test that it names is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "threat-model.md"
#: Threats whose control is a later part (witnesses, order notes): said so, and not shown.
LATER: set[str] = set()
#: The list that the design starts from; it may grow and never shrink.
ASKED = {f"T{number}" for number in range(1, 24)}

ROWS = {
    row[0]: row[1:]
    for line in PAGE.read_text().splitlines()
    if re.match(r"\| T\d+ \|", line)
    for row in [[cell.strip() for cell in line.strip("|").split("|")]]
}
NAMED = sorted(
    {(threat, one) for threat, row in ROWS.items() for one in re.findall(r"`([^`]+)`", row[2])}
)


@cache
def functions_of(file: Path) -> frozenset[str]:
    """Every test function of a file."""
    tree = ast.parse(file.read_text())
    found = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return frozenset(node.name for node in found if node.name.startswith("test_"))


def exists(named: str) -> bool:
    file, _, function = named.partition("::")
    path = ROOT / "tests" / file
    return path.is_file() and function in functions_of(path)


@pytest.mark.parametrize(("threat", "named"), NAMED)
def test_a_test_that_is_named_is_there(threat, named):
    assert exists(named), f"{threat}: tests/{named}"


def test_a_name_that_leads_nowhere_would_be_seen():
    assert not exists("contract/test_threat_model.py::test_of_nothing")
    assert not exists("contract/test_nothing.py::test_a_test_that_is_named_is_there")
    assert exists("contract/test_threat_model.py::test_a_test_that_is_named_is_there")


def test_every_threat_that_was_asked_about_is_answered():
    assert set(ROWS) >= ASKED
    assert list(ROWS) == [f"T{number}" for number in range(1, len(ROWS) + 1)]


@pytest.mark.parametrize("threat", ROWS)
def test_a_threat_has_a_control_that_is_shown_or_is_said_to_be_open(threat):
    what, control, shown = ROWS[threat]
    assert what
    assert control
    assert (shown == "not yet") == (threat in LATER)
    assert shown == "not yet" or "`" in shown
