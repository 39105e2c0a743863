"""Imports go one way: the contracts hold, and each of them is able to fail."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ["events", "ledger", "projections", "consumers", "node"]
LINT = Path(sys.executable).with_name("lint-imports")

ONE_WAY = "Imports go one way"
PURE = "The case is pure: state, fold and guards do no I/O"
READERS = "Readers use only the reading side of the ledger"
READING_SIDE = {"case", "fetching", "keys", "log", "mirror", "names"}
READING_SIDE |= {"reaching", "rules", "watchdog"}
PURE_PARTS = {"case", "names", "rules"}


def lint(folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [LINT, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )


def contracts() -> dict:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return {contract["name"]: contract for contract in settings["contracts"]}


def parts_of_the_ledger() -> set[str]:
    modules = {path.stem for path in (ROOT / "ledger").glob("*.py")} - {"__init__"}
    folders = {path.parent.name for path in (ROOT / "ledger").glob("*/__init__.py")}
    return modules | folders


@pytest.fixture
def copy(tmp_path):
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", "vectors")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_tree_keeps_its_contracts():
    found = lint(ROOT)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("events/planted.py", "import ledger.case", ONE_WAY),
        ("ledger/planted.py", "from projections import store", ONE_WAY),
        ("projections/planted.py", "import consumers", ONE_WAY),
        ("consumers/planted.py", "def late():\n    import node.cli", ONE_WAY),
        ("ledger/case/planted.py", "import psycopg", PURE),
        ("ledger/case/planted.py", "from time import time", PURE),
        ("ledger/case/planted.py", "from ledger.store import *", PURE),
        ("projections/planted.py", "import ledger.service", READERS),
        ("consumers/planted.py", "from ledger import relay", READERS),
    ],
)
def test_a_planted_violation_is_caught(copy, module, line, contract):
    (copy / module).write_text(f'"""Planted."""\n\n{line}\n')
    found = lint(copy)
    assert found.returncode == 1, found.stdout + found.stderr
    assert f"{contract} BROKEN" in found.stdout


def test_every_part_of_the_ledger_is_for_readers_or_forbidden_to_them():
    """A new module is on one side or the other by decision, not by having been forgotten."""
    forbidden = {name.partition(".")[2] for name in contracts()[READERS]["forbidden_modules"]}
    assert parts_of_the_ledger() - READING_SIDE == forbidden


def test_every_pure_part_is_under_the_contract_of_purity():
    pure = {name.partition(".")[2] for name in contracts()[PURE]["source_modules"]}
    assert pure == parts_of_the_ledger() & PURE_PARTS
