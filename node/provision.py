"""What a node needs before its programs can start: agreement, log keys, database, topics.

Every step finds what an earlier run made, so a run that was killed halfway is simply run again.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from events.agreement import Agreement, Country
from events.contract import event_key_name
from events.errors import CodeUnknown, Misconfigured
from events.schema_pin import pin_of_today
from ledger.keys.national import NationalKeys
from ledger.log.signature import LogSigner
from node.home import ROLES, CountryFolder, Home, write_private
from node.note_keys import ensure_note_keys

#: Enough for a few workers per country on one machine; production agrees on its own number.
PARTITIONS = 6


@cache
def _zones() -> Mapping[str, str]:
    """Return country -> its first time zone, from the tz database's own table."""
    text = (files("tzdata") / "zoneinfo" / "zone.tab").read_text()
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            code, _, zone = line.split("\t")[:3]
            found.setdefault(code, zone)
    return found


def parse_countries(text: str) -> tuple[str, ...]:
    """Return the country codes of `KZ,KG`; CodeUnknown names one that does not exist."""
    codes = tuple(dict.fromkeys(part.strip().upper() for part in text.split(",") if part.strip()))
    for code in codes:
        if code not in _zones():
            raise CodeUnknown(f"{code!r} is no ISO 3166-1 country code", rule="country_known")
    return codes


def ensure_agreement(home: Home, countries: Sequence[str], *, prefix: str) -> Agreement:
    """Return the folder's agreement, made or extended so that it has these countries."""
    home.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    before = home.agreement()
    if before is not None and before.prefix != prefix:
        raise Misconfigured(f"{home.path} holds an agreement with prefix {before.prefix!r}")
    there = dict(before.countries) if before else {}
    for code in dict.fromkeys((*there, *countries)):
        folder = home.country(code)
        if code not in there or (not there[code].note_keys and folder.log_key.exists()):
            there[code] = _party(folder, there.get(code), prefix)
    if len(there) < 2:
        raise Misconfigured("an agreement needs two countries: --countries KZ,KG")
    partitions = before.partitions if before else PARTITIONS
    name = f"{prefix}.local"
    schemas = before.schemas if before else pin_of_today()
    after = Agreement(
        name=name, prefix=prefix, partitions=partitions, countries=there, schemas=schemas
    )
    if after != before:
        write_private(home.agreement_file, after.render())
    return after


def _party(folder: CountryFolder, before: Country | None, prefix: str) -> Country:
    """Return a country with the keys of its folder, made if they are not there."""
    folder.path.mkdir(exist_ok=True, mode=0o700)
    code, keys = folder.country, tuple(ensure_note_keys(folder.notes, prefix, folder.country))
    if before is not None:
        return replace(before, note_keys=keys)
    key = log_key(code, folder.log_key).verifier.render()
    return Country(code=code, zone=_zones()[code], log_keys=(key,), note_keys=keys)


def log_key(country: str, file: Path) -> LogSigner:
    """Return a country's log key, made if there is none in this file."""
    if file.exists():
        return LogSigner.load(file)
    return LogSigner.create(event_key_name(country), file)


def ensure_keys(folder: CountryFolder) -> None:
    """Make a country's national keys and its key-encryption key, if there are none."""
    for path in (folder.kek, *folder.slots):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    ensure_key_files(folder.national_key, folder.kek)


def ensure_key_files(national: Path, kek: Path) -> list[Path]:
    """Make the files that are not there, mode 0400; return those. One that is there is kept."""
    made = []
    if not national.exists():
        NationalKeys.create(national)
        made.append(national)
    if not kek.exists():
        secret = base64.b64encode(os.urandom(32)).decode()
        write_private(kek, secret + "\n", mode=0o400)
        made.append(kek)
    return made


def ensure_logins(owner: str, name: str, files: Mapping[str, Path]) -> None:
    """Let every role of node/home.py log in to a database; write each DSN where `files` says.

    `owner` may create roles. Passwords are drawn anew every time: the one before is worth nothing.
    """
    from ledger import database

    for role, group in ROLES.items():
        password = secrets.token_urlsafe(24)
        user = f"{name}_{role}"
        dsn = database.admit(owner, name, user=user, role=group, password=password)
        write_private(files[role], dsn)


def organisation_login(owner: str, name: str, organisation: str, user: str, file: Path) -> None:
    """Let an organisation's case system log in and read its own cases; write its DSN to a file."""
    from ledger import database

    password = secrets.token_urlsafe(24)
    dsn = database.admit(owner, name, user=user, role="ledger_organisation", password=password)
    database.name_organisation(owner, user, organisation)
    write_private(file, dsn, mode=0o400)


def ensure_database(folder: CountryFolder, owner: str, *, prefix: str) -> str:
    """Make one country's database with its roles; return the owner's connection URL to it.

    `owner` is the URL of a role that may create databases and roles. Passwords are drawn anew at
    every start: whoever read an old file cannot use it.
    """
    from ledger import database

    name = f"{prefix}_{folder.country}".lower()
    target = database.prepare(owner, name, packages=("ledger", "projections"))
    ensure_logins(owner, name, {role: folder.dsn_file(role) for role in ROLES})
    return as_url(target)


def ensure_topics(agreement: Agreement, bootstrap: str, client: Mapping[str, Any]) -> None:
    """Make the topics of an agreement that do not exist; refuse one that breaks the contract."""
    from ledger import topics

    topics.ensure_topics(bootstrap, agreement, countries=agreement.countries, client=client)


def as_url(dsn: str) -> str:
    """Return a connection string as a URL, which more programs understand."""
    from psycopg.conninfo import conninfo_to_dict

    said = {name: quote(str(value), safe="") for name, value in conninfo_to_dict(dsn).items()}
    login = f"{said.get('user', '')}:{said.get('password', '')}"
    return f"postgresql://{login}@{said.get('host')}:{said.get('port')}/{said.get('dbname')}"
