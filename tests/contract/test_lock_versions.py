"""The versions on which the keys rest: a resolver that goes back would be seen here.

It has happened: a package that wants `cryptography <41` takes 50 away without a word.
"""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = [ROOT / "requirements.lock", ROOT / "ops" / "image" / "requirements.lock"]
#: HPKE as RFC 9180 says, with OpenSSL inside the wheel.
LEAST = {"cryptography": (50,)}


def parsed(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))


def locked(text: str, name: str) -> list[str]:
    """Every version of a package that a lock file names."""
    return re.findall(rf"^{name}==([\d.]+)", text, re.MULTILINE)


@pytest.mark.parametrize("name", LEAST)
@pytest.mark.parametrize("lock", LOCKS, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_lock_names_one_version_that_is_new_enough_with_its_hashes(lock, name):
    text = lock.read_text()
    (found,) = locked(text, name)
    assert parsed(found) >= LEAST[name]
    entry = text.partition(f"{name}=={found}")[2].partition("\n\n")[0].split("\n")
    assert "--hash=sha256:" in "".join(entry[:2])


@pytest.mark.parametrize("name", LEAST)
def test_what_the_package_asks_for_lets_no_resolver_go_back(name):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (asked,) = [one for one in project["dependencies"] if one.startswith(name)]
    bound = re.fullmatch(rf"{name}>=(\d+)(,.*)?", asked)
    assert bound
    assert parsed(bound[1]) >= LEAST[name]


@pytest.mark.parametrize("name", LEAST)
def test_what_is_installed_here_is_new_enough(name):
    assert parsed(version(name)) >= LEAST[name]


def test_a_step_back_would_be_seen():
    assert parsed("40.0.2") < LEAST["cryptography"]
    assert locked("cryptography==40.0.2 \\\ncryptography==50.0.2 \\\n", "cryptography") == [
        "40.0.2",
        "50.0.2",
    ]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_pin_has_hashes(lock):
    """Without them a package index may give other bytes under the same number."""
    text = lock.read_text()
    pins = re.findall(r"^[\w.-]+==[^\n]*\\\n\s+(\S+)", text, re.MULTILINE)
    assert len(pins) == len(re.findall(r"^[\w.-]+==", text, re.MULTILINE)) > 0
    assert all(first.startswith("--hash=sha256:") for first in pins)
