"""The wheel: five generic names that nobody else may own, and every file they need."""

import json
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"events", "ledger", "projections", "consumers", "node"}

OWNERS = """
import json, sys
sys.path.insert(0, sys.argv[1])
from importlib.metadata import entry_points, packages_distributions
import events, node
owners = packages_distributions()
print(json.dumps({
    "owners": {name: sorted(set(owners[name])) for name in sys.argv[2:]},
    "from": [events.__file__, node.__file__],
    "script": sorted({e.value for e in entry_points(group="console_scripts", name="ledger")}),
}))
"""


def run(*command: object, **options) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_five_packages_whole_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as opened:
        held = {name for name in opened.namelist() if ".dist-info/" not in name}
    wanted = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted == held
    for data in ("py.typed", "kafka_jars.sha256", "log4j2.properties", ".avsc"):
        assert any(name.endswith(data) for name in held), data


def test_an_index_would_refuse_the_wheel(wheel):
    with zipfile.ZipFile(wheel) as opened:
        (metadata,) = (n for n in opened.namelist() if n.endswith(".dist-info/METADATA"))
        lines = opened.read(metadata).decode().splitlines()
    assert "Classifier: Private :: Do Not Upload" in lines
    assert "License-Expression: Apache-2.0" in lines


def test_once_installed_the_five_names_are_ours_alone(wheel, tmp_path):
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    run(*pip, "--no-index", "--no-deps", "--target", tmp_path, wheel)
    told = json.loads(run(sys.executable, "-I", "-c", OWNERS, tmp_path, *sorted(PACKAGES)))
    assert told["owners"] == {name: ["referral-ledger"] for name in PACKAGES}
    assert all(file.startswith(str(tmp_path)) for file in told["from"])
    assert told["script"] == ["node.cli:main"]


def test_no_other_distribution_of_this_environment_brings_one_of_the_names():
    owners = packages_distributions()
    assert {} == {
        name: owners[name]
        for name in PACKAGES
        if name in owners and set(owners[name]) != {"referral-ledger"}
    }
