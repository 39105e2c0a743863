"""What a bundle says in words, in one language: a data file for each, `languages/<code>.toml`.

A language other than the source carries a notice until a native speaker has signed for it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from events.errors import CodeUnknown
from node.receipt.markup import block, document, section, tag
from node.receipt.texts import LANGUAGES, SOURCE

FOLDER: Traversable = files("node.evidence") / "languages"
_STYLE = "body { max-width: 42em; margin: 2em auto; font: 1rem/1.5 sans-serif; }\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleTexts:
    """Everything that pages and report of a bundle say, in one language."""

    #: ISO 639-1.
    language: str
    #: Name of the language in itself.
    name: str
    #: The native speaker who answers for the words; empty while there is none.
    reviewed_by: str
    words: Mapping[str, str]
    #: proves, not, check: one sentence after the other.
    lists: Mapping[str, Sequence[str]]

    @property
    def notices(self) -> Sequence[str]:
        """What a reader has to know of the words themselves, in this language and the source's."""
        if self.language == SOURCE or self.reviewed_by:
            return ()
        return self.words["notice"], texts_in(SOURCE).words["notice"]


def texts_in(language: str) -> BundleTexts:
    """Return the words of a language; CodeUnknown if there are none."""
    if language not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        raise CodeUnknown(f"a bundle speaks {known}", rule="language_known")
    return BundleTexts(**tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8")))


def pages() -> Iterator[tuple[str, bytes]]:
    """Yield the page on what a bundle proves, in every language."""
    for language in LANGUAGES:
        yield f"what-this-proves.{language}.html", _page(texts_in(language)).encode()


def _page(texts: BundleTexts) -> str:
    say = texts.words
    parts = [tag("h1", say["title"])]
    if texts.notices:
        parts.append(block("div", (tag("p", one) for one in texts.notices), "notice"))
    parts.append(tag("p", say["about"]))
    for name in ("proves", "not", "check"):
        items = block("ul", (tag("li", one) for one in texts.lists[name]))
        parts.append(section(say[f"{name}_title"], items))
    return document(texts.language, say["title"], _STYLE, parts)
