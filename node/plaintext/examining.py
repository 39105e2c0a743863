"""`ledger audit plaintext`: from the options to the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from events.errors import BadInput, ServiceUnavailable
from node.home import Home
from node.plaintext.everyday import is_everyday, since_of
from node.plaintext.knowing import known_values
from node.plaintext.needles import PLANTED, Needle, Needles, pieces
from node.plaintext.parts import Unreadable
from node.plaintext.running import metrics, server_folders
from node.plaintext.search import Search

#: A database that PostgreSQL itself never lets anybody write to (template0): all of its own words.
_PRISTINE = "base/4"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is searched for, and where."""

    folder: Path
    #: Who is shown the values that are searched for; None: only planted texts are.
    values_for: Callable[[str], Iterable[Needle | Unreadable]] | None
    markers: Sequence[str] = ()
    #: Data folders of servers that keep their files elsewhere.
    also: Sequence[Path] = ()
    advance: Callable[[int], None] = lambda _by: None


@dataclass
class _Sought:
    """Needles, and how many texts are not sought."""

    needles: list[Needle] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    skipped_short: int = 0
    skipped_common: int = 0


def values_for(folder: Path, by: str | None) -> Callable[[str], Iterator[Needle | Unreadable]]:
    """Return what gives the values of a country: read by this person, and recorded so."""
    return lambda country: known_values(folder, country, by)


def examine(wanted: Wanted) -> dict[str, Any]:
    """Search, and return the report as plain data; `clean` only if everything could be read.

    BadInput if a text to be searched for is too short to be found.
    """
    home = Home(wanted.folder)
    agreement = home.agreement()
    if agreement is None:
        raise ServiceUnavailable(f"no nodes in {home.path}: `ledger up` makes them")
    sought = _sought(wanted, home, list(agreement.countries))
    running = home.running()
    outside = server_folders(home, running, bool(wanted.also))
    search = Search(Needles(sought.needles), wanted.advance, unreadable=sought.unreadable)
    search.folder(home.path)
    for one in [*outside, *wanted.also]:
        if isinstance(one, Unreadable):
            search.unreadable.append(one)
        else:
            search.folder(one, f"{one}/")
    for said in metrics(running):
        if isinstance(said, Unreadable):
            search.unreadable.append(said)
        else:
            search.answer(*said)
    return _report(search, sought)


def _sought(wanted: Wanted, home: Home, countries: Sequence[str]) -> _Sought:
    sought = _Sought()
    for number, text in enumerate(wanted.markers, 1):
        if not pieces(text):
            raise BadInput(f"marker {number} is too short to be searched for", rule="marker")
        sought.needles.append(Needle(f"marker {number}", text))
    sought.needles.append(Needle("planted marker", PLANTED, any_end=True))
    if wanted.values_for is not None:
        since, values = since_of(home.agreement_file), []
        for country in countries:
            for one in wanted.values_for(country):
                if isinstance(one, Unreadable):
                    sought.unreadable.append(one)
                elif not pieces(one.text):
                    sought.skipped_short += 1
                elif is_everyday(one.text, since):
                    sought.skipped_common += 1
                else:
                    values.append(one)
        sought.needles += _distinct(values, home, sought)
    return sought


def _distinct(values: Sequence[Needle], home: Home, sought: _Sought) -> list[Needle]:
    """Return each text once, without the words that PostgreSQL itself has brought."""
    by_text = {one.text: one for one in reversed(values)}
    pristine = Search(Needles(Needle(text, text) for text in by_text))
    folder = home.path / "postgresql" / "data" / _PRISTINE
    if folder.is_dir():
        pristine.folder(folder, f"{_PRISTINE}/")
    words = {finding.needle for finding in pristine.found}
    kept = [one for text, one in by_text.items() if text not in words]
    sought.skipped_common += len(by_text) - len(kept)
    return kept


def _report(search: Search, sought: _Sought) -> dict[str, Any]:
    return {
        "clean": not search.found and not search.unreadable,
        "searched_files": search.searched_files,
        "searched_bytes": search.searched_bytes,
        "needles": len(sought.needles),
        "skipped_short": sought.skipped_short,
        "skipped_common": sought.skipped_common,
        "unreadable": [one._asdict() for one in search.unreadable],
        "found": [one._asdict() for one in search.found],
    }
