"""Rule files: TOML that is checked whole when it is loaded; what is wrong is told by file and line.

A file that is wrong anywhere is not used at all. Everything wrong in it is told at once, because
whoever writes rules for a ministry is no programmer.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from events.errors import Misconfigured

#: Where something stands in a file: names of tables and keys, and places in arrays.
Path = tuple[str | int, ...]

_HEADER = re.compile(r"\s*(\[\[|\[)\s*([A-Za-z0-9_.-]+)\s*\]")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+)\s*[=.]")


class Document(BaseModel):
    """What is read from a rule file, or a part of it: frozen, and nothing in it unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


D = TypeVar("D", bound=Document)


def read(kind: type[D], text: str, name: str) -> D:
    """Return what a text says; Misconfigured tells each mistake as `name:line: what`."""
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{name}: {error}", rule="rules_toml") from None
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        wrong = [_said(text, name, one) for one in error.errors(include_url=False)]
        raise Misconfigured("\n".join(wrong), rule="rules_content") from None


def mistake(what: str, at: Path = ()) -> PydanticCustomError:
    """Return what a check of a document raises; `at` says where in it, if it is a part."""
    return PydanticCustomError("rules", "{what}", {"what": what, "at": at})


def _said(text: str, name: str, error: Any) -> str:
    path: Path = error["loc"]
    what = str(error["msg"])
    if "at" in (context := error.get("ctx", {})):
        path = (*path, *context["at"])
    where = ".".join(str(part + 1) if isinstance(part, int) else part for part in path)
    return f"{name}:{line_of(text, path)}: {where + ': ' if where else ''}{what}"


def line_of(text: str, path: Path) -> int:
    """Return the line (from 1) on which a path of a TOML text begins, or what is nearest to it."""
    best, line = 0, 1
    for number, found in _places(text):
        common = _common(found, path)
        if common == len(found) and common > best:
            best, line = common, number
    return line


def _common(found: Path, path: Path) -> int:
    count = 0
    for one, other in zip(found, path, strict=False):
        if one != other:
            break
        count += 1
    return count


def _places(text: str) -> Iterator[tuple[int, Path]]:
    """Yield each header and each key with its line. A text with brackets in texts only misleads."""
    here: Path = ()
    arrays: dict[Path, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if (header := _HEADER.match(line)) is not None:
            here = _resolved(header[2].split("."), arrays, is_array=header[1] == "[[")
            yield number, here
        elif (key := _KEY.match(line)) is not None:
            yield number, (*here, key[1])


def _resolved(parts: list[str], arrays: dict[Path, int], *, is_array: bool) -> Path:
    here: Path = ()
    for at, part in enumerate(parts):
        here = (*here, part)
        if is_array and at == len(parts) - 1:
            arrays[here] = arrays.get(here, -1) + 1
        if here in arrays:
            here = (*here, arrays[here])
    return here
