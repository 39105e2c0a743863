"""Read models built anew from the mirror: they have to say what they said before."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from events.contract import register_id
from events.errors import RecordRejected
from node import place
from node.acts import rebuild
from node.reading import reader
from projections.hashing import state_hash
from projections.models import TABLES


def rebuilt_alike(path: Path, country: str) -> tuple[bool, str]:
    """Build a country's read models anew; say whether their hash is the same, and which it is.

    The programs of the country go on meanwhile, so what was said a moment ago is no measure: the
    rebuild itself compares both generations at equal positions, every row of every read model.
    """
    where = place.find(path, country)
    try:
        done = rebuild(where, None, processes=1)
    except RecordRejected as differing:
        return False, str(differing)
    told = told_of_cases(where)
    word = "same" if done.equal else "another"
    return done.equal, f"rebuild = {word} state hash {told.hash[:16]}, from {told.events} events"


class Told(NamedTuple):
    """What a country's read models say of cases; the register grows by the rebuild itself."""

    hash: str
    events: int


def told_of_cases(where: place.Place) -> Told:
    """Return one hash of everything that is said of cases, and from how many events."""
    cases = f"case_id <> '{register_id(where.agreement.prefix)}'"
    with reader(where) as found:
        tables = [
            state_hash(found.connection, found.schema, table, where=cases) for table in TABLES
        ]
        events = len(found.rows("audit_trail", f"WHERE {cases}"))
    return Told(sha256("".join(tables).encode()).hexdigest(), events)
