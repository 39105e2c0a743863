"""Real servers for every test that needs them, one of each per run, nothing shared between tests.

`LEDGER_PG` (a superuser's DSN) and `LEDGER_KAFKA` (host:port) use servers that run already.
A test gets a database of its own, cloned from one that was migrated once, and topics under a
prefix of its own.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier, Literal
from xdist.scheduler import LoadFileScheduling

from ledger import database as databases
from node.embedded.kafka import EmbeddedKafka
from node.embedded.postgres import EmbeddedPostgres
from projections import generation
from tests.country import Node, agreement_of

TEMPLATE = "ledger_template"
E2E = "tests/e2e/"
PACKAGES = ("ledger", "projections")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory) -> Iterator[str]:
    """A superuser's DSN of a PostgreSQL server."""
    given = os.environ.get("LEDGER_PG")
    if given:
        yield given
        return
    # No test cuts the power, and a killed server loses nothing that the system has in memory.
    # Hundreds of logins of programs that live for a moment need no slow password check.
    settings = {"fsync": "off", "scram_iterations": "1"}
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), settings=settings)
    server.start()
    try:
        with psycopg.connect(server.dsn(), autocommit=True) as owner:
            owner.execute(SQL("ALTER ROLE ledger PASSWORD {}").format(Literal(server.password)))
        yield server.dsn()
    finally:
        server.stop()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory) -> Iterator[str]:
    """The bootstrap address of a Kafka broker."""
    given = os.environ.get("LEDGER_KAFKA")
    if given:
        yield given
        return
    server = EmbeddedKafka(tmp_path_factory.mktemp("kafka"))
    server.start()
    try:
        yield server.bootstrap
    finally:
        server.stop()


@dataclass(frozen=True)
class Database:
    """One country's database, as each of its programs sees it."""

    name: str
    #: The owner's DSN: for arranging and looking, never for the program under test.
    dsn: str
    _logins: dict[str, str] = field(default_factory=dict)

    def as_role(self, role: str) -> str:
        """Return the DSN of a login in a role: append, relay, project, audit, keystore."""
        if role not in self._logins:
            user, password = f"{self.name}_{role}", secrets.token_hex(8)
            self._logins[role] = databases.admit(
                self.dsn, self.name, user=user, role=f"ledger_{role}", password=password
            )
        return self._logins[role]

    def run(self, statement: str, *parameters) -> list[tuple]:
        """Run a statement as the owner; return its rows."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def forget_read_models(self) -> None:
        """Leave the database as it is before the first worker."""
        self.run("DROP SCHEMA read_1 CASCADE")
        self.run("DELETE FROM projections.current_generation")


@pytest.fixture(scope="session")
def template(postgres) -> Iterator[str]:
    """The name of a migrated database, with read models, that nobody connects to."""
    name = f"{TEMPLATE}_{secrets.token_hex(4)}"
    dsn = databases.prepare(postgres, name, packages=PACKAGES)
    with psycopg.connect(dsn, autocommit=True) as owner:
        generation.ensure(owner)
    yield name
    with psycopg.connect(postgres, autocommit=True) as server:
        server.execute(SQL("DROP DATABASE {}").format(Identifier(name)))


@contextmanager
def databases_for_a_while(postgres: str, template: str) -> Iterator[Callable[[], Database]]:
    """Make databases of countries; all of them are gone after the block."""
    made: list[Database] = []
    with psycopg.connect(postgres, autocommit=True) as server:

        def make() -> Database:
            """Copy the template; `ledger.database.prepare` would look for migrations, too."""
            name = f"t_{secrets.token_hex(6)}"
            copied = SQL("CREATE DATABASE {} TEMPLATE {}")
            server.execute(copied.format(Identifier(name), Identifier(template)))
            databases.close(server, name)
            databases.let_project(server, name)
            made.append(Database(name, make_conninfo(postgres, dbname=name)))
            return made[-1]

        yield make
        for database in made:
            drop = SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            server.execute(drop.format(Identifier(database.name)))
            for role in database._logins:
                login = Identifier(f"{database.name}_{role}")
                server.execute(SQL("DROP ROLE IF EXISTS {}").format(login))


@pytest.fixture
def new_database(postgres, template) -> Iterator[Callable[[], Database]]:
    """Make databases for one test."""
    with databases_for_a_while(postgres, template) as make:
        yield make


@pytest.fixture(scope="module")
def standing_database(postgres, template) -> Iterator[Database]:
    """One country's database for a whole module: only for tests that change nothing in it."""
    with databases_for_a_while(postgres, template) as make:
        yield make()


@pytest.fixture
def database(new_database) -> Database:
    """One country's database."""
    return new_database()


@pytest.fixture
def prefix() -> str:
    """A topic prefix that no other test uses."""
    return f"t{secrets.token_hex(6)}"


@pytest.fixture
def new_node(new_database, prefix, tmp_path) -> Callable[..., Node]:
    """Make nodes of the countries KZ and KG, parties of one agreement; no program runs yet."""
    keys = {code: tmp_path / f"{code}.key" for code in ("KZ", "KG")}
    agreement = agreement_of(prefix, keys)

    def make(code: str = "KZ", *, kafka: str = "") -> Node:
        return Node(code, agreement, new_database(), keys[code], kafka)

    return make


@pytest.fixture
def kz(new_node) -> Node:
    """Kazakhstan, deciding: its mirror is as far as it has to be, and nothing is on the topics."""
    node = new_node("KZ")
    node.mirrored()
    return node


class ByFile(LoadFileScheduling):
    """Lets one process of `make test` run a whole file, whose fixtures then are made once.

    One runs all the end-to-end tests: the nodes of several countries are enough for a machine.
    """

    def _split_scope(self, nodeid: str) -> str:
        return E2E if nodeid.startswith(E2E) else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Say which process runs what, where there are several."""
    return ByFile(config, log)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name no test by bytes: keys are drawn anew, and every process has to find the same tests."""
    return argname if isinstance(val, bytes) else None
