"""Code lists only grow, and say the same in every country."""

from __future__ import annotations

import shutil
from enum import StrEnum
from pathlib import Path

import pytest

from events import code_lists, codes, release
from events.code_lists import UNKNOWN, code_list
from events.errors import CodeUnknown, Misconfigured
from events.registry import SCHEMAS

LISTS = code_lists.code_lists()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of events/lists that a test may change."""
    return Path(shutil.copytree(release.LISTS, tmp_path / "lists"))


def edit(folder: Path, list_id: str, old: str, new: str) -> None:
    path = folder / f"{list_id}.toml"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_every_list_is_released_as_it_stands():
    """A list that changed without a release would mean two things in two countries."""
    frozen = (release.LISTS / "RELEASED").read_text()
    assert code_lists.changes(LISTS, frozen) == []
    assert code_lists.unreleased(LISTS, frozen) == [], "run: python -m events.release"


@pytest.mark.parametrize("listed", LISTS.values(), ids=lambda listed: listed.id)
def test_every_list_is_complete(listed):
    """Each has UNKNOWN first, one label per code, and says where it comes from."""
    assert next(iter(listed.codes)) == UNKNOWN
    assert len(set(listed.codes.values())) == len(listed.codes)
    assert all(code == UNKNOWN or code == code.lower() for code in listed.codes)
    assert all(label.strip() == label and label for label in listed.codes.values())
    assert listed.title
    assert listed.source
    assert (release.LISTS / f"{listed.id}.toml").is_file()


def test_trafficking_is_never_the_same_code_as_slavery_or_abduction():
    """One code for all of them would hide which procedure the child is owed."""
    concerns = code_list("concern").codes
    assert {"trafficking", "smuggling", "abduction", "slavery_or_sale"} <= set(concerns)
    assert not any("traffick" in label.lower() for code, label in concerns.items()
                   if code != "trafficking")  # fmt: skip


def test_a_transfer_is_no_closure():
    """Responsibility moved; the case goes on."""
    assert not any(code.startswith("transfer") for code in code_list("closure_reason").codes)


def test_an_unknown_code_is_refused_by_the_name_of_its_list():
    """The message helps, and does not repeat what may be a name."""
    assert code_list("concern").require("neglect") == "neglect"
    with pytest.raises(CodeUnknown, match="'concern'") as refused:
        code_list("concern").require("Aigerim")
    assert "Aigerim" not in str(refused.value)
    assert refused.value.rule == "code_list.concern"
    with pytest.raises(CodeUnknown, match="no code list 'shoe_size'"):
        code_list("shoe_size")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('low = "Low"\n', ""),
        ('low = "Low"', 'low = "Lowest"'),
        ('low = "Low"', 'lower = "Low"'),
        ('high = "High"\nmedium = "Medium"', 'medium = "Medium"\nhigh = "High"'),
        ('high = "High"', 'high = "High"\nhigher = "Higher"'),
    ],
    ids=["removed", "relabelled", "renamed", "exchanged", "inserted"],
)
def test_a_released_list_only_grows_at_its_end(folder, old, new):
    """The label counts: `poverty` shown as "Abducted" is a change of the list."""
    edit(folder, "risk_level", old, new)
    with pytest.raises(Misconfigured, match="risk_level: the first 4 codes"):
        release.release_lists(folder)


def test_a_released_list_cannot_disappear(folder):
    """Old events still use its codes."""
    (folder / "risk_level.toml").unlink()
    with pytest.raises(Misconfigured, match="risk_level was released and is gone"):
        release.release_lists(folder)


def test_a_longer_list_is_a_new_version(folder):
    """And the old hash still names its first codes."""
    before = (folder / "RELEASED").read_text()
    last = 'other_vulnerable_child = "Other vulnerable child"'
    edit(folder, "uasc_status", last, last + '\nnobody = "Nobody"')
    with pytest.raises(Misconfigured, match="its version 2"):
        release.release_lists(folder)

    edit(folder, "uasc_status", "version = 1", "version = 2")
    assert release.release_lists(folder) == ["uasc_status version 2"]
    after = (folder / "RELEASED").read_text()
    assert after.startswith(before)
    assert code_lists.changes(code_lists.load(folder), after) == []
    assert release.release_lists(folder) == []


def test_a_list_that_is_not_what_was_released_stops_the_program(folder, monkeypatch):
    """Before the first decision, not at the first wrong label in another country."""
    edit(folder, "concern", 'neglect = "Neglect"', 'neglect = "Poverty"')
    monkeypatch.setattr(code_lists, "FOLDER", folder)
    code_lists.code_lists.cache_clear()
    try:
        with pytest.raises(Misconfigured, match="concern"):
            code_list("concern")
    finally:
        code_lists.code_lists.cache_clear()


def _enums(kind: object) -> list[tuple[str, tuple[str, ...]]]:
    match kind:
        case {"type": "enum", "name": str(name), "symbols": list(symbols)}:
            return [(name, tuple(symbols))]
        case dict():
            return [found for value in kind.values() for found in _enums(value)]
        case list():
            return [found for value in kind for found in _enums(value)]
    return []


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda s: f"{s.name}.v{s.version}")
def test_codes_in_python_are_those_of_the_schemas(schema):
    """A symbol that Python does not know could not be read; the newest schema knows them all."""
    for name, symbols in _enums(schema.document):
        members = tuple(member.value for member in getattr(codes, name))
        assert members[: len(symbols)] == symbols


def test_every_code_in_an_event_has_an_unknown():
    """A reader older than the writer says UNKNOWN and goes on."""
    used = {name for schema in SCHEMAS for name, _ in _enums(schema.document)}
    for name in used:
        listed: type[StrEnum] = getattr(codes, name)
        assert next(iter(listed)).value == UNKNOWN
