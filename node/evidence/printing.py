"""The report as a PDF that is the same, byte for byte, whenever it says the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import as_file, files
from typing import Any, Final

import typst

from node.evidence.texts import BundleTexts, texts_in
from node.receipt.texts import LANGUAGES

#: Tagged, so that it can be read aloud (ISO 14289-1).
_STANDARD: Final = "ua-1"


def printed(report: Mapping[str, Any], language: str, at: datetime) -> bytes:
    """Return report.pdf in a language; its time is that of the bundle, its fonts are typst's own.

    CodeUnknown if there are no words in that language.
    """
    inputs = {
        "report": json.dumps(report),
        "texts": json.dumps(_said(texts_in(language))),
        "statements": json.dumps([_said(texts_in(one)) for one in LANGUAGES]),
    }
    with as_file(files("node.evidence") / "report.typ") as template:
        made: bytes = typst.compile(
            template,
            format="pdf",
            ignore_system_fonts=True,
            sys_inputs=inputs,
            pdf_standards=_STANDARD,
            timestamp=int(at.timestamp()),
        )
    return made


def _said(texts: BundleTexts) -> Mapping[str, Any]:
    return {
        "language": texts.language,
        "words": texts.words,
        "lists": texts.lists,
        "notices": list(texts.notices),
    }
