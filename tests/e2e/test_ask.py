"""What an auditor types: every command of the page, and what cannot be answered."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "answer-an-auditor.md"


def commands() -> list[str]:
    """Return what the page says to type."""
    return re.findall(r"^\$ ledger (audit ask .*)$", PAGE.read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def asked_about(nodes):
    """A case that KG knows, too, and an event of it."""
    case = nodes.referred()
    history = nodes.does("case", "history", case)["events"]
    return {"CASE": case, "EVENT": history[0]["event_id"]}


@pytest.mark.parametrize("typed", commands())
def test_every_command_of_the_page_answers_a_person_and_a_program(nodes, asked_about, typed):
    words = [asked_about.get(word, word) for word in typed.split()]
    told = nodes(*words)
    assert told.code == 0, told.err
    said = nodes.does(*words)
    if words[-1] == "--list":
        assert len(said["questions"]) == 23
        return
    assert said["name"] == words[2]
    assert said["rests_on"]
    assert said["words"] in told.out
    assert "rests on: shared/" in told.out


def test_the_page_has_every_question(nodes):
    known = {one["name"] for one in nodes.does("audit", "ask", "--list")["questions"]}
    assert known - {None} == {typed.split()[2] for typed in commands()} - {"--list"}


def test_whom_this_country_cannot_speak_for_is_named(nodes, asked_about):
    told = nodes("audit", "ask", "break-glass")
    assert "KG has not answered" in told.out
    assert ["KG", "UZ"] == nodes.does("audit", "ask", "four-eyes")["not_answered"]


@pytest.mark.parametrize(
    ("typed", "code", "kind"),
    [
        (("did-see", uuid4()), 3, "CaseUnknown"),
        (("did-see", "Aigerim"), 2, "BadInput"),
        (("could-see", uuid4(), "--on", "Aigerim"), 2, "BadInput"),
        (("could-see", uuid4(), "--scope", "Aigerim"), 3, "CodeUnknown"),
        (("responsible", uuid4(), "--at", "2026-11-24"), 2, "BadInput"),
        (("Aigerim",), 2, "BadInput"),
        ((), 2, "BadInput"),
    ],
)
def test_what_cannot_be_asked_is_named_and_not_repeated(nodes, typed, code, kind):
    done = nodes("audit", "ask", *typed, "--json")
    assert (code, kind) == (done.code, done.error["type"])
    assert "Aigerim" not in done.err
