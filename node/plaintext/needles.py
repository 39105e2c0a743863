"""What is searched for, and how it is found in bytes: many texts at once, in every encoding.

A search looks at aligned words of four bytes only. A needle of seven bytes or more holds one
wherever it stands, so one set of words serves any number of needles: a stretch of bytes that shares
no word with it holds no needle, and the set is asked in C.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

#: Shorter ones stand everywhere by accident.
SHORTEST = 6
#: Figures alone stand in ids and in fractions of seconds: a telephone number has nine.
_FEWEST_FIGURES = 9
#: A longer text is sought in pieces: a part of it in clear is found, too.
_PIECE = 32
#: A piece of fewer different characters is a ruler, not a word.
_FEWEST_CHARACTERS = 4
#: No form of a piece is longer, nor is what is looked at behind a planted one.
LONGEST_FORM = 1024
#: Any text that begins like this and goes on was planted to be searched for.
PLANTED = "MARKER-"
_PLANTED = re.compile(r"MARKER-(?:\w|\\u[0-9a-fA-F]{4}){3}")

_WORD = 4
#: Words that are looked at together: the fewer, the less is looked at again where one is shared.
_STRETCH = 512
_NOTHING = bytes(_STRETCH * _WORD)
#: Bytes of which most texts are made, ours and those of the servers.
_FREQUENT = frozenset(b"abcdefghijklmnopqrstuvwxyz \0\xd0\xd1")


class Needle:
    """A text that must not be found, and its name; the text is never shown."""

    __slots__ = ("any_end", "name", "text")

    def __init__(self, name: str, text: str, *, any_end: bool = False) -> None:
        """Name a text; with `any_end` it is the beginning of what is sought."""
        self.name = name
        self.text = text
        self.any_end = any_end

    def __repr__(self) -> str:
        """Name it, and nothing else."""
        return f"Needle({self.name})"


class Hit(NamedTuple):
    """A needle in bytes."""

    at: int
    #: The encoding it stands in.
    how: str
    needle: str


class _Form:
    """A needle in one encoding."""

    __slots__ = ("data", "how", "lead", "needle")

    def __init__(self, needle: Needle, how: str, data: bytes, lead: int = 0) -> None:
        self.needle = needle
        self.how = how
        self.data = data
        #: Characters of base64 before it that belong to its first group.
        self.lead = lead

    def is_at(self, data: bytes, at: int) -> bool:
        if at < 0 or not data.startswith(self.data, at):
            return False
        if not self.needle.any_end:
            return True
        behind = data[max(at - self.lead, 0) : at + LONGEST_FORM]
        return _PLANTED.search(_DECODERS[self.how](behind)) is not None


def _hex_text(data: bytes) -> str:
    run = re.match(rb"(?:[0-9a-fA-F]{2})*", data)
    return bytes.fromhex(run[0].decode() if run else "").decode(errors="ignore")


def _base64_text(data: bytes) -> str:
    run = re.match(rb"[A-Za-z0-9+/_-]*", data)
    text = (run[0] if run else b"").translate(bytes.maketrans(b"-_", b"+/"))
    return base64.b64decode(text[: len(text) // 4 * 4]).decode(errors="ignore")


_DECODERS: Mapping[str, Callable[[bytes], str]] = {
    "utf-8": lambda data: data.decode(errors="ignore"),
    "json": lambda data: data.decode(errors="ignore"),
    "utf-16-le": lambda data: data[: len(data) // 2 * 2].decode("utf-16-le", errors="ignore"),
    "utf-16-be": lambda data: data[: len(data) // 2 * 2].decode("utf-16-be", errors="ignore"),
    "hex": _hex_text,
    "base64": _base64_text,
}


def pieces(text: str) -> list[str]:
    """Return the pieces that a text is sought in; none if it is too short or too plain."""
    if len(text.encode()) < SHORTEST or (text.isdigit() and len(text) < _FEWEST_FIGURES):
        return []
    count = -(-len(text) // _PIECE)
    size = -(-len(text) // count)
    found = [text[at : at + size] for at in range(0, len(text), size)]
    if count == 1:
        return found if len(set(text)) > 1 else []
    return [one for one in found if len(set(one)) >= _FEWEST_CHARACTERS and len(one) >= SHORTEST]


def _forms(needle: Needle) -> Iterator[_Form]:
    """Return a needle in every encoding; the same bytes once."""
    made: dict[bytes, _Form] = {}
    for piece in [needle.text] if needle.any_end else pieces(needle.text):
        for how, data, lead in _encoded(piece):
            made.setdefault(data, _Form(needle, how, data, lead))
    yield from made.values()


def _encoded(text: str) -> Iterator[tuple[str, bytes, int]]:
    plain = text.encode()
    yield "utf-8", plain, 0
    escaped = json.dumps(text)[1:-1]
    yield "json", json.dumps(text, ensure_ascii=False)[1:-1].encode(), 0
    yield "json", escaped.encode(), 0
    yield "json", re.sub(r"(?<=\\u)[0-9a-f]{4}", lambda m: m[0].upper(), escaped).encode(), 0
    yield "utf-16-le", text.encode("utf-16-le"), 0
    yield "utf-16-be", text.encode("utf-16-be"), 0
    yield "hex", plain.hex().encode(), 0
    yield "hex", plain.hex().upper().encode(), 0
    for before in range(3):
        lead = (0, 2, 3)[before]
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(bytes(before) + plain)
            # What depends on the bytes before and behind is no part of it.
            yield "base64", whole[lead : 8 * (before + len(plain)) // 6], lead


class Needles:
    """An index of needles: finds every one of them in bytes."""

    def __init__(self, needles: Iterable[Needle]) -> None:
        """Take needles; those that `pieces` leaves out are not sought."""
        self._index: dict[int, list[tuple[_Form, int]]] = {}
        for needle in needles:
            for form in _forms(needle):
                for word, offset in _words(form.data):
                    self._index.setdefault(word, []).append((form, offset))
        self._words = frozenset(self._index)

    def __bool__(self) -> bool:
        """Say whether anything is sought."""
        return bool(self._index)

    def find(self, data: bytes) -> Iterator[Hit]:
        """Return every needle in the bytes, in the order of its first whole word."""
        data += bytes(-len(data) % _WORD)
        words = memoryview(data).cast("I")
        for first in range(0, len(words), _STRETCH):
            stretch = words[first : first + _STRETCH]
            if data.startswith(_NOTHING, first * _WORD) or self._words.isdisjoint(stretch):
                continue
            shared = [at for at, word in enumerate(stretch, first) if word in self._words]
            for number in shared:
                for form, offset in self._index[words[number]]:
                    at = number * _WORD - offset
                    if form.is_at(data, at):
                        yield Hit(at, form.how, form.needle.name)


def _words(data: bytes) -> Iterator[tuple[int, int]]:
    """Return a word for each way that bytes can be aligned, and where it stands in them."""
    for first in range(_WORD):
        places = range(first, len(data) - _WORD + 1, _WORD)
        if places:
            at = max(places, key=lambda place: _rarity(data[place : place + _WORD]))
            yield _number(data[at : at + _WORD]), at
        else:
            # Too short to hold a whole word here: any byte may stand before its first three.
            assert len(data) >= SHORTEST
            yield from ((_number(bytes((byte,)) + data[:3]), -1) for byte in range(256))


def _rarity(word: bytes) -> tuple[int, int]:
    return sum(byte not in _FREQUENT for byte in word), len(set(word))


def _number(word: bytes) -> int:
    return int.from_bytes(word, sys.byteorder)
