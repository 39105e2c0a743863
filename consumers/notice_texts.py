"""What a notice says, and its words in one language: a data file for each, `languages/<code>.toml`.

A language other than the source carries a mark until a native speaker has signed for it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final
from uuid import UUID

FOLDER: Traversable = files("consumers") / "languages"
#: The language that the others were translated from.
SOURCE: Final = "en"
LANGUAGES: Final = (SOURCE, "ru", "kk", "ky")
#: So many letters of a notice's id are its reference: short enough to be read out.
_LETTERS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """All that a notice says: whatever it is about is looked up in the ledger."""

    notice_id: UUID
    task_id: UUID
    country: str

    @property
    def reference(self) -> str:
        """What a person reads out or types instead of the whole id."""
        return f"{self.country}-{self.notice_id.hex[:_LETTERS].upper()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The words of a message in one language."""

    #: ISO 639-1.
    language: str
    #: Name of the language in itself.
    name: str
    #: The native speaker who answers for the words; empty while there is none.
    reviewed_by: str
    notice: str
    subject: str
    body: str

    def subject_of(self, message: Message) -> str:
        """Return the subject of a message."""
        return self.subject.format(reference=message.reference)

    def body_of(self, message: Message) -> str:
        """Return the text of a message, with the mark of words that nobody answers for."""
        body = self.body.format(
            country=message.country,
            reference=message.reference,
            notice_id=message.notice_id,
            task_id=message.task_id,
        )
        is_marked = self.language != SOURCE and not self.reviewed_by
        return f"{body}\n\n{self.notice}\n" if is_marked else f"{body}\n"


@cache
def texts(language: str) -> Texts:
    """Return the words of a language that a rule pack may name."""
    return Texts(**tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8")))
