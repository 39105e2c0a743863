"""What a verb prints: data on stdout, words on stderr; one JSON document with --json.

Names, reasons and texts come from other countries and from files. Whatever they hold, it steers no
terminal and looks like no other line: `printable` writes it out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from events.errors import LedgerError
from node.evidence.verifier.printable import printable

if TYPE_CHECKING:
    from rich.console import Console

#: Width of a table that goes to a file or a pipe: no line is folded.
_WIDE = 1_000
#: What our own texts of more than one line hold.
_LAYOUT = "\n\t"


@cache
def console() -> Console:
    """Return the console for data. NO_COLOR and a pipe are honoured by rich itself."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)


def plain(value: Any) -> Any:
    """Return a value as JSON knows it: ids and days as text, bytes as hex."""
    match value:
        case UUID() | date() | datetime():
            return value.isoformat() if isinstance(value, date) else str(value)
        case bytes() | memoryview():
            return bytes(value).hex()
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
        case _:
            return value


def uuid(text: str, name: str = "CASE") -> UUID:
    """Return an id as typed; BadInput if it is none."""
    from node.arguments import parse

    found: UUID = parse(text, UUID, name=name)
    return found


def document(value: Any) -> None:
    """Print one JSON document on stdout: on one line for a program, indented for a person."""
    indent = 2 if sys.stdout.isatty() else None
    text = json.dumps(plain(value), ensure_ascii=False, indent=indent)
    sys.stdout.write(printable(text, _LAYOUT) + "\n")  # still JSON: it escapes as JSON does
    sys.stdout.flush()


def line(text: str) -> None:
    """Print one line of data on stdout; it stays one, whatever is in it."""
    sys.stdout.write(printable(text) + "\n")


def page(text: str) -> None:
    """Print a text of ours, of many lines, on stdout."""
    sys.stdout.write(printable(text.rstrip("\n"), _LAYOUT) + "\n")


def say(words: str) -> None:
    """Say something to a person, on stderr."""
    sys.stderr.write(printable(words, _LAYOUT) + "\n")
    sys.stderr.flush()


def moment(as_of: Mapping[str, Any] | None) -> None:
    """Name the prefixes that an answer about the past rests on; nothing if it is about now."""
    if as_of is None:
        return
    at_least = " at least" if as_of["lower_bound"] else ""
    line(f"as of {as_of['asked']}: up to{at_least} {', '.join(as_of['until'])}")
    if as_of["unread"]:
        say(f"{as_of['unread']} events of it cannot be read here: a schema or a key is missing")


def table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None
) -> None:
    """Print rows for a person, on stdout. What looks like markup or a smiley stays as it is."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    named = None if title is None else Text(printable(title), "table.title")
    drawn = Table(title=named, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for column in columns:
        drawn.add_column(Text(printable(column)), overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(printable(_cell(value))) for value in row))
    console().print(drawn)


def _cell(value: Any) -> str:
    """Return a value as a person reads it."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        case list() | tuple():
            return ", ".join(map(_cell, value))
        case _:
            return str(plain(value))


def error(found: LedgerError, *, as_json: bool) -> None:
    """Say why nothing was done: one line, or one JSON document, on stderr."""
    if as_json:
        kind = type(found).__name__
        said = {"error": {"type": kind, "rule": found.rule, "message": str(found)}}
        say(json.dumps(said, ensure_ascii=False))
    else:
        from node.words import VOID_WORDS

        why = f": {VOID_WORDS[found.rule]}" if found.rule in VOID_WORDS else ""
        say(f"ledger: {found} [{found.rule}{why}]")


@contextmanager
def progress(what: str) -> Iterator[Callable[[int], None]]:
    """Show a count that grows, on a terminal; anywhere else nothing. Yields `advance(by)`."""
    if not sys.stderr.isatty():
        yield lambda _by: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    parts = (TextColumn(what), BarColumn(pulse_style="dim"), MofNCompleteColumn())
    with Progress(*parts, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda by: bar.advance(task, by)
