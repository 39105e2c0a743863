"""The words of a printed plan in one language: a data file for each, `languages/<code>.toml`.

Specialists are called in English as the code list calls them. Another language carries a notice
until a native speaker has signed for it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable

from events.code_lists import code_list
from events.errors import CodeUnknown
from node.receipt.texts import LANGUAGES, SOURCE, code_word

FOLDER: Traversable = files("node.plan_page") / "languages"
#: Group of words -> the code list whose codes it translates.
LISTS: Mapping[str, str] = {
    "goals": "plan_goal",
    "activities": "plan_activity",
    "specialists": "specialist",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTexts:
    """Everything that a printed plan says, in one language."""

    language: str
    name: str
    #: The native speaker who answers for the words; empty while there is none.
    reviewed_by: str
    words: Mapping[str, str]
    states: Mapping[str, str]
    items: Mapping[str, str]
    goals: Mapping[str, str] = field(default_factory=dict)
    activities: Mapping[str, str] = field(default_factory=dict)
    specialists: Mapping[str, str] = field(default_factory=dict)

    @property
    def notices(self) -> Sequence[str]:
        """What a reader has to know of the words themselves, in this language and the source's."""
        if self.language == SOURCE or self.reviewed_by:
            return ()
        return self.words["notice"], texts_in(SOURCE).words["notice"]

    def word(self, group: str, code: str) -> str:
        """Return the word for a code; that for an unknown one if it is newer than the words."""
        said: Mapping[str, str] = getattr(self, group)
        return code_word({**said, "UNKNOWN": self.words["UNKNOWN"]}, code)


def texts_in(language: str) -> PlanTexts:
    """Return the words of a language; CodeUnknown if there are none."""
    if language not in LANGUAGES:
        raise CodeUnknown(f"a plan is printed in {', '.join(LANGUAGES)}", rule="language_known")
    said = tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    if language == SOURCE:
        said["specialists"] = code_list(LISTS["specialists"]).codes
    return PlanTexts(**said)
