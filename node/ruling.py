"""Rule files by hand: checked, kept by their hash, put in force by an event, compared."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from consumers.rulebook import Rules, in_force, text_of
from events.codes import Role, RuleKind
from events.contract import register_id
from events.errors import BadInput, Misconfigured
from ledger.case import governance
from ledger.receipt import Receipt
from ledger.rules.directory import Directory, Listed
from ledger.rules.documents import read
from ledger.rules.pack import Pack, load
from ledger.rules.pair import Pair, load_pair
from node.place import Place, actor

EXAMPLES = files("ledger.rules") / "packs"
_ADD = "INSERT INTO ledger.rule_text (sha256, content) VALUES (%s, %s) ON CONFLICT DO NOTHING"


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A rule file that is whole."""

    kind: RuleKind
    #: Country of a directory, id of a pack, both countries of a pair.
    name: str
    #: For whom it is; two with a plus between them.
    country: str
    number: int
    effective_from: date | None
    example: bool
    text: str

    @property
    def sha256(self) -> bytes:
        """What names it."""
        return sha256(self.text.encode()).digest()

    def words(self) -> dict[str, Any]:
        """Return what is said of it, without its text."""
        return {
            "kind": str(self.kind),
            "name": self.name,
            "country": self.country,
            "number": self.number,
            "effective_from": self.effective_from,
            "example": self.example,
            "sha256": self.sha256.hex(),
        }


def check(path: Path) -> RuleFile:
    """Read a rule file; Misconfigured tells every mistake by file and line."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError):
        raise BadInput(f"{path} cannot be read as a text") from None
    return checked(text, path.name)


def checked(text: str, name: str) -> RuleFile:
    """Read the text of a rule file: a pack has routes, a directory services, a pair countries."""
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{name}: {error}", rule="rules_toml") from None
    if "countries" in said:
        pair = load_pair(text, name)
        country = "+".join(pair.countries)
        what_pair = (RuleKind.PAIR, pair.name, country, pair.version, pair.effective_from)
        return RuleFile(*what_pair, pair.example, text)
    if "service" in said:
        listed = read(Directory, text, name)
        what = (RuleKind.DIRECTORY, listed.country, listed.country, listed.version, None)
        return RuleFile(*what, listed.example, text)
    pack = load(text, name).pack
    what_pack = (RuleKind.PACK, pack.country, pack.country, pack.version, pack.effective_from)
    return RuleFile(*what_pack, pack.example, text)


def example(country: str, *, directory: bool) -> str:
    """Return an example that comes with this release; BadInput if there is none."""
    ending = "directory.toml" if directory else "pair.toml" if "-" in country else "toml"
    found = EXAMPLES / f"{country}.{ending}"
    if not found.is_file():
        there = sorted(
            {one.name.partition(".")[0] for one in EXAMPLES.iterdir() if one.name.endswith(".toml")}
        )
        raise BadInput(f"there are examples of {', '.join(there)}")
    return found.read_text()


def activate(where: Place, by: str | None, path: Path, since: date | None) -> Receipt:
    """Put a rule file in force from a day on: kept first, then said in the register.

    A pack says itself from when on, which may be past: then it is from today.
    """
    return activate_text(where, by, check(path), since)


def activate_text(where: Place, by: str | None, found: RuleFile, since: date | None) -> Receipt:
    """Put a rule file that was checked in force."""
    from ledger.service import open_ledger

    if where.country not in found.country.split("+"):
        raise BadInput(f"this file is for {found.country}, and this is {where.country}")
    today = datetime.now(UTC).date()
    begins = since or max(found.effective_from or today, today)
    with psycopg.connect(where.dsn("append"), connect_timeout=5) as connection:
        connection.execute(_ADD, (found.sha256, found.text))
    who = actor(by, where=where, role=Role.SUPERVISOR)
    with open_ledger(where.ledger_settings()) as ledger:
        return ledger.on(register_of(where), by=who, retries=10).decide(
            governance.activate_rules,
            kind=found.kind,
            name=found.name,
            number=found.number,
            text=found.sha256,
            effective_from=begins,
        )


def register_of(where: Place) -> UUID:
    """Return the case id of the register."""
    return register_id(where.agreement.prefix)


def add(where: Place, path: Path) -> RuleFile:
    """Keep the text of a rule file, which is in force somewhere and is not here."""
    found = check(path)
    with psycopg.connect(where.dsn("append"), connect_timeout=5) as connection:
        connection.execute(_ADD, (found.sha256, found.text))
    return found


def rules_of(where: Place, day: date | None = None) -> Rules:
    """Return the rules in force on a day; Misconfigured if there are none."""
    from ledger.service import open_ledger

    with open_ledger(where.ledger_settings()) as ledger:
        register = ledger.case(register_of(where)).national
    day = day or datetime.now(UTC).date()
    with psycopg.connect(where.dsn("append"), connect_timeout=5) as connection:
        found = in_force(connection, register, where.country, day)
    if found is None:
        raise Misconfigured(
            f"{where.country} has no pack and no directory in force: `ledger rules activate`",
            rule="rules_in_force",
        )
    return found


def activations(where: Place) -> list[dict[str, Any]]:
    """Return every rule file that was put in force, oldest first."""
    from ledger.service import open_ledger

    with open_ledger(where.ledger_settings()) as ledger:
        register = ledger.case(register_of(where)).national
    today = datetime.now(UTC).date()
    return [
        {
            "kind": kind,
            "name": of,
            "number": one.number,
            "effective_from": one.effective_from,
            "in_force": register.rules_on(kind, of, today) == one,
            "sha256": one.text.hex(),
        }
        for name, said in register.rules.items()
        for kind, _, of in [name.partition("/")]
        for one in said
    ]


def text_by_hash(connection: psycopg.Connection[Any], sha256_hex: str) -> str:
    """Return a text by its hash; Misconfigured if it is not here."""
    found = text_of(connection, bytes.fromhex(sha256_hex))
    if found is None:
        raise Misconfigured(
            f"the rule file {sha256_hex[:16]}… is not here: `ledger rules add`", rule="rules_text"
        )
    return found


def directory_of(text: str) -> Listed:
    """Return a directory by its text."""
    return Listed.of(text, "directory")


_KINDS: Mapping[RuleKind, type[Pack | Directory | Pair]] = {
    RuleKind.PACK: Pack,
    RuleKind.DIRECTORY: Directory,
    RuleKind.PAIR: Pair,
}


def differences(before: RuleFile, after: RuleFile) -> list[dict[str, Any]]:
    """Return what differs between two packs or two directories, entry by entry."""
    if before.kind is not after.kind:
        raise BadInput("rule files of two kinds cannot be compared")
    old, new = _entries(before), _entries(after)
    return [
        {"entry": name, "before": old.get(name), "after": new.get(name)}
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def _entries(found: RuleFile) -> Mapping[str, Any]:
    """Return each entry of a file by its path; entries with an id by their id."""
    kind: type[Pack | Directory | Pair] = _KINDS[found.kind]
    document: Any = read(kind, found.text, found.name)
    flat: dict[str, Any] = {}
    for name, value in document.model_dump(mode="json").items():
        if isinstance(value, list) and value and isinstance(value[0], dict) and "id" in value[0]:
            flat |= {
                f"{name} {one['id']}.{key}": said for one in value for key, said in one.items()
            }
        elif isinstance(value, dict):
            flat |= {f"{name}.{key}": said for key, said in value.items()}
        else:
            flat[name] = value
    return flat
