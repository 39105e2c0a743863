"""Canonical code lists of the field: the same code means the same thing in every country.

Lists that each instance kept for itself have turned "abducted or trafficked" into "poverty" on the
way across a border. So a list only grows at its end, and its hash covers codes *and* labels, for
every length it ever had (`lists/RELEASED`): a label that means something else is another code.
Codes describe a child, so they stand in sealed or national data only.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from events.errors import CodeUnknown, Misconfigured

FOLDER: Traversable = files("events") / "lists"
UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeList:
    """One list in its newest version."""

    id: str
    version: int
    title: str
    #: Where codes and labels come from.
    source: str
    #: Code -> English label, in the order of the list.
    codes: Mapping[str, str]

    @property
    def sha256(self) -> str:
        """The hash that names this content: id, codes and labels."""
        return self.digest(len(self.codes))

    def digest(self, size: int) -> str:
        """Return the hash of the list as it was when it had its first `size` codes."""
        lines = [self.id, *(f"{code}\t{label}" for code, label in self.codes.items())]
        return sha256("\n".join(lines[: size + 1]).encode()).hexdigest()

    def require(self, code: str) -> str:
        """Return the code; CodeUnknown, naming the list, if it is not on it."""
        if code not in self.codes:
            # The code is not repeated: somebody may have typed a name into the wrong field.
            raise CodeUnknown(
                f"this code is not on the list {self.id!r} (version {self.version})",
                rule=f"code_list.{self.id}",
            )
        return code


def code_list(list_id: str) -> CodeList:
    """Return a list by its id; CodeUnknown if there is none."""
    found = code_lists().get(list_id)
    if found is None:
        raise CodeUnknown(f"there is no code list {list_id!r}", rule="code_list")
    return found


@cache
def code_lists() -> Mapping[str, CodeList]:
    """Return every list by id; Misconfigured if one is not what was released."""
    found = load(FOLDER)
    released = (FOLDER / "RELEASED").read_text()
    if wrong := changes(found, released) + unreleased(found, released):
        raise Misconfigured("\n".join(wrong), rule="code_list_released")
    return found


def load(folder: Traversable) -> dict[str, CodeList]:
    """Read every list of a folder, released or not."""
    paths = sorted((p for p in folder.iterdir() if p.name.endswith(".toml")), key=lambda p: p.name)
    found = [CodeList(**tomllib.loads(path.read_text(encoding="utf-8"))) for path in paths]
    return {listed.id: listed for listed in found}


def changes(lists: Mapping[str, CodeList], released: str) -> list[str]:
    """Return what was done to released lists other than adding codes at the end."""
    found: list[str] = []
    for line in released.splitlines():
        digest, list_id, version, size = line.split()
        listed = lists.get(list_id)
        if listed is None:
            found.append(f"code list {list_id} was released and is gone; restore it")
        elif listed.digest(int(size)) != digest:
            found.append(
                f"code list {list_id}: the first {size} codes or labels are not those of version"
                f" {version}; restore them, and put new codes at the end"
            )
    return found


def unreleased(lists: Mapping[str, CodeList], released: str) -> list[str]:
    """Return the lists whose newest version still has to be released."""
    known = {tuple(line.split()) for line in released.splitlines()}
    return [
        f"code list {listed.id} version {listed.version} is not released: python -m events.release"
        for listed in lists.values()
        if tuple(release_line(listed).split()) not in known
    ]


def release_line(listed: CodeList) -> str:
    """Return the line of RELEASED that freezes a list as it is now."""
    return f"{listed.sha256}  {listed.id} {listed.version} {len(listed.codes)}"
