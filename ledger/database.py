"""A country's database: made, brought up to date, and opened to its programs.

Every change is a numbered `.sql` file that is applied once, in its own transaction, and whose
SHA-256 is kept, so that a file changed afterwards is found out before anything runs on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from importlib.resources import files
from typing import Any, LiteralString

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier, Literal

from events.errors import Misconfigured, ServiceUnavailable

#: What a program may be; the roles of ledger/sql/.
ROLES = (
    "ledger_append",
    "ledger_relay",
    "ledger_project",
    "ledger_audit",
    "ledger_keystore",
    "ledger_organisation",
    "ledger_seal",
    "ledger_witness",
    "ledger_notices",
)

# Roles and databases belong to the whole server, so two countries are never prepared at once.
_ONE_AT_A_TIME = "SELECT pg_advisory_lock(hashtextextended('ledger.database', 0))"

_MIGRATIONS: LiteralString = """
CREATE SCHEMA IF NOT EXISTS ledger;
CREATE TABLE IF NOT EXISTS ledger.migration (
    name text PRIMARY KEY,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""


def prepare(
    dsn: str,
    dbname: str,
    *,
    packages: Iterable[str] = ("ledger",),
    template: str = "template1",
) -> str:
    """Make a country's database if there is none, apply what is missing, and return its DSN.

    `dsn` belongs to a superuser, and may name any database of the server. `packages` are those
    whose `sql/` folders hold migrations, in order. A new database is a copy of `template`.
    Misconfigured if an applied file has changed or is not known here.
    """
    with _connected(dsn) as server:
        server.execute(_ONE_AT_A_TIME)
        there = server.execute("SELECT FROM pg_database WHERE datname = %s", (dbname,)).rowcount
        if not there:
            copied = SQL("CREATE DATABASE {} TEMPLATE {}")
            server.execute(copied.format(Identifier(dbname), Identifier(template)))
        close(server, dbname)
        target = make_conninfo(dsn, dbname=dbname)
        with _connected(target) as database:
            migrate(database, packages=packages)
        let_project(server, dbname)
    return target


def close(server: Connection[Any], dbname: str) -> None:
    """Let nobody into a database who was not let in by name."""
    server.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(Identifier(dbname)))


def let_project(server: Connection[Any], dbname: str) -> None:
    """Let the projecting role make generations of read models, which are schemas, and drop them."""
    granted = SQL("GRANT CREATE ON DATABASE {} TO ledger_project")
    server.execute(granted.format(Identifier(dbname)))


def admit(dsn: str, dbname: str, *, user: str, role: str, password: str) -> str:
    """Let a program log in as `user` with one of the ROLES, in this database; return its DSN."""
    if role not in ROLES:
        raise Misconfigured(f"there is no role {role!r}; there are {', '.join(ROLES)}")
    name = Identifier(user)
    with _connected(dsn) as server:
        server.execute(_ONE_AT_A_TIME)
        known = server.execute("SELECT FROM pg_roles WHERE rolname = %s", (user,)).rowcount
        verb = SQL("ALTER" if known else "CREATE")
        secret = Literal(password)
        server.execute(SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, name, secret))
        server.execute(SQL("GRANT {} TO {}").format(Identifier(role), name))
        server.execute(SQL("GRANT CONNECT ON DATABASE {} TO {}").format(Identifier(dbname), name))
    return make_conninfo(dsn, dbname=dbname, user=user, password=password)


def name_organisation(dsn: str, user: str, organisation: str) -> None:
    """Say whose case system logs in as `user`; `dsn` belongs to the owner of the database."""
    with _connected(dsn) as database:
        database.execute(
            "INSERT INTO ledger.organisation_login (login, organisation) VALUES (%s, %s)"
            " ON CONFLICT (login) DO UPDATE SET organisation = excluded.organisation",
            (user, organisation),
        )


def migrate(database: Connection[Any], *, packages: Iterable[str] = ("ledger",)) -> list[str]:
    """Apply the migrations that this database lacks, oldest first; return their names."""
    database.execute(_MIGRATIONS)
    rows = database.execute("SELECT name, sha256 FROM ledger.migration").fetchall()
    applied: dict[str, str] = dict(rows)
    wanted = {name: text for package in packages for name, text in migrations(package).items()}
    _require_unchanged(applied, wanted)
    missing = [name for name in wanted if name not in applied]
    for name in missing:
        with database.transaction():
            database.execute(wanted[name])
            database.execute(
                "INSERT INTO ledger.migration (name, sha256) VALUES (%s, %s)",
                (name, sha256(wanted[name]).hexdigest()),
            )
    return missing


def migrations(package: str) -> Mapping[str, bytes]:
    """Return name -> text of the `.sql` files of a package, in the order they are applied."""
    folder = files(package) / "sql"
    found = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    return {f"{package}/{name}": (folder / name).read_bytes() for name in found}


def _require_unchanged(applied: Mapping[str, str], wanted: Mapping[str, bytes]) -> None:
    packages = {name.partition("/")[0] for name in wanted}
    for name, digest in applied.items():
        if name.partition("/")[0] not in packages:
            continue
        if name not in wanted:
            raise Misconfigured(f"migration {name} is not known here; install its release")
        if sha256(wanted[name]).hexdigest() != digest:
            raise Misconfigured(f"migration {name} was changed after it had been applied")


@contextmanager
def _connected(dsn: str) -> Iterator[Connection[Any]]:
    try:
        with psycopg.connect(dsn, autocommit=True, application_name="ledger database") as opened:
            yield opened
    except psycopg.OperationalError as error:
        raise ServiceUnavailable(f"PostgreSQL: {_reason(error)}") from None
    except psycopg.Error as error:
        raise Misconfigured(f"PostgreSQL refused: {_reason(error)}") from None


def _reason(error: psycopg.Error) -> str:
    """Return the first line only: what follows quotes the statement, maybe with a password."""
    return error.diag.message_primary or str(error).partition("\n")[0]
