"""docs/architecture.md points at what is there."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "architecture.md").read_text()
GLOSSARY = (DOCS / "glossary.md").read_text()


def test_the_files_it_names_exist():
    """A newcomer follows each of them."""
    named = set(re.findall(r"`([\w/]+/(?:\w+\.py)?)`", TEXT))
    assert len(named) > 15
    assert sorted(path for path in named if not (DOCS.parent / path).exists()) == []


def test_its_bold_words_stand_in_the_glossary():
    """Bold means: look it up."""
    known = set(re.findall(r"\*\*([^*]+)\*\*", GLOSSARY))
    body = "\n".join(line for line in TEXT.splitlines() if not re.match(r"(\*\*|\d\. \*\*)", line))
    assert sorted(set(re.findall(r"\*\*([^*]+)\*\*", body)) - known - {"bold"}) == []
