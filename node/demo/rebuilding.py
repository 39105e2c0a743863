"""Read models built anew from the mirror: they have to say what they said before."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from events.contract import register_id
from events.errors import RecordRejected
from node import place
from node.acts import rebuild
from node.reading import reader
from projections.hashing import state_hash
from projections.models import TABLES


def rebuilt_alike(path: Path, country: str) -> tuple[bool, str]:
    """Build a country's read models anew; say whether their hash is the same, and which it is."""
    where = place.find(path, country)
    before = hash_of(where)
    try:
        done = rebuild(where, None, processes=1)
    except RecordRejected as differing:
        return False, str(differing)
    after = hash_of(where)
    equal = done.equal and before == after
    word = "same" if equal else "another"
    return equal, f"rebuild = {word} state hash {after[:16]}, from {done.events} events"


def hash_of(where: place.Place) -> str:
    """Return one hash of everything that a country's read models say of cases.

    The register grows by the rebuild itself.
    """
    cases = f"case_id <> '{register_id(where.agreement.prefix)}'"
    with reader(where) as found:
        tables = [
            state_hash(found.connection, found.schema, table, where=cases) for table in TABLES
        ]
    return sha256("".join(tables).encode()).hexdigest()
