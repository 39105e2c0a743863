"""Which schemas an agreement began with: one hash in its file names them all.

RELEASED only ever grows at its end, so a prefix of its lines has one SHA-256 for ever, and that
pins the SHA-256 of every schema in it. What came later is released by an event in the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.resources import files

from events.errors import Misconfigured
from events.registry import SCHEMAS, released

#: Every schema of this release of the software, by SHA-256.
HERE = frozenset(bytes.fromhex(schema.sha256) for schema in SCHEMAS)


@cache
def _lines() -> tuple[str, ...]:
    text = (files("events") / "schemas" / "RELEASED").read_text()
    return tuple(text.splitlines(keepends=True))


def _prefixes() -> Iterator[tuple[str, int]]:
    """Yield the hash of each prefix of RELEASED, and how many lines it has."""
    so_far = sha256()
    for count, line in enumerate(_lines(), start=1):
        so_far.update(line.encode())
        yield so_far.hexdigest(), count


def pin_of_today() -> str:
    """Return the pin of an agreement that begins with every schema of this release."""
    return sha256("".join(_lines()).encode()).hexdigest()


@cache
def began_with(pin: str) -> frozenset[bytes]:
    """Return the SHA-256 of each schema that an agreement began with.

    Without a pin (an empty one) that is every schema of this release. Misconfigured if the pin is
    that of a later release: what the others write could not be read here.
    """
    if not pin:
        return HERE
    for found, count in _prefixes():
        if found == pin:
            listed = released("".join(_lines()[:count])).values()
            return frozenset(bytes.fromhex(digest) for digest in listed)
    raise Misconfigured(
        "the agreement began with schemas that this release does not have: install a later one",
        rule="schemas_pinned",
    )
