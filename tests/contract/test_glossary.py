"""docs/glossary.md knows the words that people see."""

from __future__ import annotations

import re
from pathlib import Path

from ledger.case.plane import VoidReason
from ledger.case.steps import Kind

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "glossary.md").read_text()


def test_every_reason_to_be_void_is_explained():
    """The trail shows a code; a person looks it up here."""
    section = TEXT.split("## Why an event is void")[1]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [str(one) for one in VoidReason]


def test_a_word_means_one_thing():
    """Each word has one row, and a meaning."""
    rows = re.findall(r"^\| (\*\*.+?) \| (.+?) \| .*\|$", TEXT, re.MULTILINE)
    words = [word for cell, _ in rows for word in re.findall(r"\*\*(.+?)\*\*", cell)]

    assert len(rows) > 50
    assert sorted(set(words)) == sorted(words)
    assert {str(kind) for kind in Kind if kind is not Kind.PLAIN} <= set(words)
