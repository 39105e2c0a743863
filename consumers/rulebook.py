"""The rules that a country decides by today, and how its providers are: read from its database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from hashlib import sha256
from typing import Any, LiteralString, NamedTuple, TypeVar

from psycopg import Connection

from events.errors import Misconfigured
from ledger.case.plane import Activated, Plane
from ledger.rules.directory import Listed, Situation
from ledger.rules.pack import Ruled, load
from projections import generation
from projections.workload import live_by_risk

_TEXT: LiteralString = "SELECT content FROM ledger.rule_text WHERE sha256 = %b"
_ACKNOWLEDGED = "SELECT organisation, guideline, number FROM {schema}.acknowledgements"
_CLOSED = """
SELECT service FROM {schema}.capacities WHERE places = 0 OR paused_until >= %b
"""

R = TypeVar("R")


class Rules(NamedTuple):
    """What is in force on a day."""

    ruled: Ruled
    directory: Listed


def in_force(database: Connection[Any], register: Plane, country: str, today: date) -> Rules | None:
    """Return the country's pack and its directory; None if it has not activated both.

    `register` is the national plane of the register. Misconfigured if a text is not here.
    """
    pack = pack_in_force(database, register, country, today)
    directory = register.rules_on("directory", country, today)
    if pack is None or directory is None:
        return None
    return Rules(pack, _read(database, directory, _directory))


def pack_in_force(
    database: Connection[Any], register: Plane, country: str, today: date
) -> Ruled | None:
    """Return the country's pack alone; None if it has not activated any."""
    pack = register.rules_on("pack", country, today)
    return None if pack is None else _read(database, pack, _pack)


def situation(database: Connection[Any], rules: Rules, country: str, today: date) -> Situation:
    """Return how the providers are now, as this country's read models say."""
    number = generation.current(database)
    if number is None:
        return Situation(today=today)
    schema = generation.schema_of(number)
    load: dict[str, int] = {}
    for service, risk, cases in live_by_risk(database, number, country):
        load[service] = load.get(service, 0) + cases * rules.ruled.pack.load.of(risk)
    said = database.execute(_ACKNOWLEDGED.format(schema=schema))
    closed = database.execute(_CLOSED.format(schema=schema), (today,))
    return Situation(
        today=today,
        acknowledged={(organisation, name): version for organisation, name, version in said},
        closed=frozenset(service for (service,) in closed),
        load=load,
    )


def text_of(database: Connection[Any], digest: bytes) -> str | None:
    """Return the text of a rule file by its hash; None if it is not here.

    Misconfigured if somebody has written another text in its place.
    """
    row = database.execute(_TEXT, (digest,)).fetchone()
    if row is None:
        return None
    text = str(row[0])
    if sha256(text.encode()).digest() != digest:
        raise Misconfigured(
            f"the rule file {digest.hex()[:16]}… is another text than was put in force: give it"
            " once more to `ledger rules add`",
            rule="rules_text",
        )
    return text


def _read(database: Connection[Any], said: Activated, read: Callable[[str], R]) -> R:
    text = text_of(database, said.text)
    if text is None:
        raise Misconfigured(
            f"the rule file {said.text.hex()[:16]}… is in force and is not here: give it once more"
            " to `ledger rules add`",
            rule="rules_text",
        )
    return read(text)


@lru_cache(maxsize=4)
def _pack(text: str) -> Ruled:
    return load(text, "pack")


@lru_cache(maxsize=4)
def _directory(text: str) -> Listed:
    return Listed.of(text, "directory")
