"""A country's database is made once, brought up to date safely, and open to its own programs."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from events.errors import Misconfigured, ServiceUnavailable
from ledger import database as databases

PACKAGES = ("ledger", "projections")


def applied(database) -> list[str]:
    return [name for (name,) in database.run("SELECT name FROM ledger.migration")]


def test_every_migration_is_applied_once_and_its_text_remembered(database):
    """A second start finds nothing to do."""
    wanted = [name for package in PACKAGES for name in databases.migrations(package)]
    assert sorted(wanted) == sorted(applied(database))
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        assert [] == databases.migrate(connection, packages=PACKAGES)


def test_a_migration_changed_after_it_was_applied_is_refused(database):
    """Two countries with one release have one schema, or hear about it."""
    database.run("UPDATE ledger.migration SET sha256 = 'another' WHERE name LIKE %s", "%store%")
    with pytest.raises(Misconfigured, match=r"002_store\.sql was changed after"):
        databases.prepare(database.dsn, database.name)


def test_a_database_of_a_newer_release_is_refused(database):
    """An old program does not run on tables it has never heard of."""
    database.run("INSERT INTO ledger.migration VALUES ('ledger/999_later.sql', 'x')")
    with pytest.raises(Misconfigured, match=r"999_later\.sql is not known here"):
        databases.prepare(database.dsn, database.name)


def test_migrations_of_other_packages_are_left_alone(database):
    """Each package answers for its own files."""
    database.run("INSERT INTO ledger.migration VALUES ('elsewhere/001_x.sql', 'x')")
    assert databases.prepare(database.dsn, database.name)


def test_two_programs_may_prepare_at_once(postgres, template):
    """At a cold start every program of a country comes first."""
    names = [f"{template}_a", f"{template}_b"] * 2
    with ThreadPoolExecutor(len(names)) as pool:
        prepared = list(pool.map(lambda name: databases.prepare(postgres, name), names))
    assert prepared[:2] == prepared[2:]
    with psycopg.connect(postgres, autocommit=True) as server:
        for name in set(names):
            server.execute(f"DROP DATABASE {name}")


def test_a_login_of_one_country_cannot_open_another_countrys_database(new_database):
    """No country writes into another's database, also where two share a server."""
    ours, theirs = new_database(), new_database()
    with psycopg.connect(ours.as_role("append")) as connection:
        assert (1,) == connection.execute("SELECT 1").fetchone()
    elsewhere = psycopg.conninfo.make_conninfo(ours.as_role("append"), dbname=theirs.name)
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(elsewhere)


def test_a_server_that_does_not_answer_is_named_without_the_password():
    """The message ends up in logs."""
    with pytest.raises(ServiceUnavailable) as caught:
        databases.prepare("postgresql://ledger:secret@127.0.0.1:1/postgres", "kz")
    assert "secret" not in str(caught.value)


def test_an_unknown_role_is_refused(database):
    """A typing error must not end in a login without rights, or with too many."""
    with pytest.raises(Misconfigured, match="there is no role 'ledger_write'"):
        databases.admit(database.dsn, database.name, user="x", role="ledger_write", password="y")
