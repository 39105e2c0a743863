"""One form for the many spellings of a name, for searching only: nobody is ever called by it.

The same child is Қасым in a school's register, Касым in a Russian one, Qasym in a Kazakh passport
and Kasym or Kassym in an older one. Each letter, and each pair of letters that stands for one, goes
to the least that all of them have in common; what differs between transliterations only (ISO 9,
passports of Kazakhstan and Kyrgyzstan, Kazakh in Latin script, what people type) is lost. So two
different names may get one form: a form proposes, a person decides.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

#: Cyrillic letters of Russian, Kazakh and Kyrgyz; what stands for nothing is left out.
_CYRILLIC: Mapping[str, str] = {
    **dict(zip("абвгдежзийклмнопрстуфхэы", "abvgdejziiklmnoprstufhei", strict=True)),
    **dict(zip("әғқңөұүһі", "agknouuhi", strict=True)),
    **dict(zip("ёцчшщюя", ("e", "ts", "ch", "sh", "sh", "iu", "ia"), strict=True)),
    **dict.fromkeys("ъь", ""),
}
#: Latin letters whose marks say which letter they are; all other marks are left out.
_MARKED: Mapping[str, str] = {
    **dict(zip("şšçčžıŋə", ("sh", "sh", "ch", "ch", "j", "i", "n", "a"), strict=True)),
}
#: What is written in several ways, the longest first.
_SAME: Final = tuple(
    (re.compile(pattern), form)
    for pattern, form in (
        ("shch|sch|sh", "w"),
        ("dzh|dj|zh", "j"),
        ("tch|ch", "4"),
        ("ts|tz|cz", "c"),
        ("kh", "h"),
        ("gh", "g"),
        ("ph", "f"),
        ("ck|q", "k"),
        ("x", "ks"),
        ("ng", "n"),
        ("yo", "e"),
        ("y", "i"),
        ("ie", "e"),
        (r"(.)\1+", r"\1"),
    )
)
_NO_LETTER: Final = re.compile(r"[^\w]|[\d_]")
#: What only says whose child somebody is, or which sex: -ов and -ова, уулу and кызы, -ович, -овна.
_ENDING: Final = re.compile(r"(?<=..)(?:[oe]vi4|[oe]vna|[oe]va?|ina?|skaia|ski)$")
_CHILD_OF: Final = frozenset({"ulu", "uli", "ogli", "oglu", "kizi", "kisi"})
_VOWELS: Final = re.compile(r"(?<=.)[aeiou]")


def form(name: str) -> str:
    """Return the search form of a name: words of lower-case letters, in their order."""
    return " ".join(found for word in name.split() if (found := _form(word)))


def root(name: str) -> str:
    """Return its form without what varies between sexes and offices: Asanova and Asan uulu agree.

    Words are sorted: which of them is the family's is written in every order.
    """
    words = [word for word in form(name).split() if word not in _CHILD_OF]
    return " ".join(sorted(_ENDING.sub("", word) for word in words))


def skeleton(name: str) -> str:
    """Return its root without vowels but the first letter of a word: a wrong one does no harm."""
    return " ".join(_VOWELS.sub("", word) for word in root(name).split())


def _form(word: str) -> str:
    said = unicodedata.normalize("NFC", word).casefold()
    # After a soft sign a vowel is heard apart: Наталья, Natalia.
    said = re.sub("[ьъ](?=[аеёиоуыэюя])", "и", said)
    said = "".join(_letter(one) for one in said)
    for pattern, same in _SAME:
        said = pattern.sub(same, said)
    return said


def _letter(one: str) -> str:
    found = _CYRILLIC.get(one, _MARKED.get(one))
    if found is not None:
        return found
    bare = "".join(c for c in unicodedata.normalize("NFD", one) if not unicodedata.combining(c))
    return _NO_LETTER.sub("", bare)
