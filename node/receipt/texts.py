"""The words of a receipt in one language: a data file for each, `languages/<code>.toml`.

A language other than the source carries a notice until a native speaker has signed for it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from events.errors import CodeUnknown
from node.words import country_name

FOLDER: Traversable = files("node.receipt") / "languages"
#: The language that the others were translated from.
SOURCE = "en"
LANGUAGES = (SOURCE, "ru", "kk", "ky")
_UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Everything that a receipt says, in one language."""

    #: ISO 639-1.
    language: str
    #: Name of the language in itself.
    name: str
    #: The native speaker who answers for the words; empty while there is none.
    reviewed_by: str
    words: Mapping[str, str]
    scopes: Mapping[str, str]
    purposes: Mapping[str, str]
    handoffs: Mapping[str, str]
    permissions: Mapping[str, str]
    reasons: Mapping[str, str]
    grounds: Mapping[str, str]
    roles: Mapping[str, str]
    groups: Mapping[str, str]
    countries: Mapping[str, str]

    @property
    def is_reviewed(self) -> bool:
        """Whether somebody answers for the words."""
        return self.language == SOURCE or bool(self.reviewed_by)

    def country(self, code: str) -> str:
        """Return the name of a country; the English one where this language has none here."""
        return self.countries.get(code) or country_name(code)

    def kinds(self, scopes: Iterable[str]) -> str:
        """Return kinds of data, with commas."""
        return ", ".join(dict.fromkeys(code_word(self.scopes, scope) for scope in scopes))


def code_word(words: Mapping[str, str], code: str | None) -> str:
    """Return the word for a code; that for an unknown one if it is newer than the words."""
    return words.get(code or _UNKNOWN, words[_UNKNOWN])


def texts(language: str) -> Texts:
    """Return the words of a language; CodeUnknown if there are none."""
    if language not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        raise CodeUnknown(f"a receipt is written in {known}", rule="language_known")
    return Texts(**tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8")))
