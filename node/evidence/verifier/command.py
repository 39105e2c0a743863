"""`python verify.py [FILE.zip | FOLDER] [--keys FILE]`: check an evidence bundle offline."""

from __future__ import annotations

import argparse
import struct
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from node.evidence.verifier.checks import check_manifest, check_notes, check_proofs, check_ranges
from node.evidence.verifier.container import Faulty, Unpacked, Zipped
from node.evidence.verifier.contents import (
    check_chains,
    check_schemas,
    check_signatures,
    late_or_early,
)
from node.evidence.verifier.facts import Facts
from node.evidence.verifier.keys import check_keys
from node.evidence.verifier.notes import NoteKey
from node.evidence.verifier.printable import printable

#: What a bundle that somebody has made up can lead to in a parser: it is wrong, whatever it was.
#: Not an OSError or a MemoryError: those tell of the machine, and the next one may read it.
_ODD = (
    ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError, struct.error
)  # fmt: skip
#: Exit codes: everything holds; something does not; what was typed cannot be read.
GOOD, BROKEN, NOT_READ = 0, 3, 2

_PROVES = """\
This proves: the entries above stood in these logs, word for word and in this order, when the logs
and their witnesses signed; nobody has changed, removed, inserted or reordered one since.
It does not prove: that what was recorded is true; that nothing happened that was never recorded;
that a case ends here: its events after the last one of a log here may be left out, also where the
checkpoint covers them; only the range of that log up to its checkpoint shows them all.
REPORT.json, report.pdf and the pages are what the exporting node says and nobody has signed them.\
"""
_OWN_KEYS = """\
The keys came with the bundle. Compare `vkeys` with those that you got from the countries
themselves, or give that file: --keys FILE.\
"""


def verified_lines(
    path: Path,
    trusted: Collection[NoteKey] | None = None,
    opened: dict[tuple[str, str], bytes] | None = None,
) -> Iterator[str]:
    """Check a bundle step by step; yield what holds. Faulty names the file that is wrong.

    `opened` is given what its keys open: (event, scope) -> what the entry says.
    """
    bundle = Unpacked(path) if path.is_dir() else Zipped(path)
    facts = Facts(bundle)
    try:
        yield from _checked_lines(facts, trusted)
    except _ODD as error:
        kind = type(error).__name__
        raise Faulty(facts.current, f"it cannot be read ({kind})") from None
    finally:
        bundle.close()
    if opened is not None:
        opened.update(facts.opened)


def _checked_lines(facts: Facts, trusted: Collection[NoteKey] | None) -> Iterator[str]:
    yield check_manifest(facts)
    yield check_notes(facts, trusted)
    case: Sequence[Callable[[Facts], str | None]] = (
        check_proofs, check_schemas, check_chains, check_signatures, check_keys
    )  # fmt: skip
    for check in case if facts.case is not None else (check_ranges, check_schemas):
        if line := check(facts):
            yield line
    for line in late_or_early(facts):
        yield f"note: {line}"


def trusted_keys(path: Path) -> list[NoteKey]:
    """Return the keys of a file, one a line; ValueError if a line is none."""
    return [NoteKey.parse(line) for line in path.read_text(encoding="utf-8").split()]


def run_verifier(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit code."""
    parser = argparse.ArgumentParser(description="Check an evidence bundle offline.")
    parser.add_argument("bundle", nargs="?", type=Path, default=Path(sys.argv[0]).resolve().parent)
    parser.add_argument("--keys", type=Path, help="verifier keys that you trust, one a line")
    parser.add_argument("--open", action="store_true", help="print what its keys open, too")
    given = parser.parse_args(arguments)
    opened: dict[tuple[str, str], bytes] = {}
    try:
        trusted = None if given.keys is None else trusted_keys(given.keys)
        for line in verified_lines(given.bundle, trusted, opened):
            _say(f"ok    {line}")
    except Faulty as fault:
        _say(f"WRONG {fault}")
        return BROKEN
    except (OSError, ValueError) as error:
        sys.stderr.write(f"verify.py: {printable(str(error))}\n")
        return NOT_READ
    for (event_id, scope), text in opened.items() if given.open else ():
        _say(f"open  {event_id} {scope} {text.decode('utf-8', 'backslashreplace')}")
    sys.stdout.write(f"\n{_PROVES}\n" + ("" if trusted else f"{_OWN_KEYS}\n"))
    return GOOD


def _say(words: str) -> None:
    """Print one line: names and texts out of the bundle write no second one, and steer nothing."""
    sys.stdout.write(f"{printable(words)}\n")
