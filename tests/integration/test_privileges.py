"""Least privilege: what each program's role may do in the database, and above all what not."""

from uuid import uuid4

import psycopg
import pytest

from events.errors import Misconfigured
from ledger.recorder import Append
from ledger.store import Store
from tests.country import opened
from tests.integration.test_store import row

DECIDED = ["ledger.ledger_events", "ledger.command"]
UNDO = ["UPDATE {} SET case_id = case_id", "DELETE FROM {}", "TRUNCATE {}"]
REFUSED = psycopg.errors.InsufficientPrivilege


def run(dsn: str, statement: str) -> list[tuple]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize("role", ["append", "relay", "project", "audit"])
@pytest.mark.parametrize("table", DECIDED)
@pytest.mark.parametrize("undo", UNDO)
def test_nobody_undoes_what_was_decided(standing_database, role, table, undo):
    """An immutable ledger is one that its own programs cannot change."""
    column = "originator_id" if table.endswith("events") else "case_id"
    with pytest.raises(REFUSED):
        run(standing_database.as_role(role), undo.format(table).replace("case_id", column))


def test_the_deciding_role_decides(kz):
    """Everything a command needs, with no right beyond it."""
    with kz.ledger() as ledger:
        receipt = opened(ledger, key="k")
        assert receipt.events == opened(ledger, key="k").events
        assert not ledger.outcome(receipt, 0.01).settled


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ledger.relay_hint VALUES ('shared', 0, 0, '{}', gen_random_uuid())",
        "INSERT INTO ledger.start_mark VALUES ('shared', 0, gen_random_uuid(), 0)",
        "DELETE FROM mirror.record",
        "INSERT INTO mirror.stray SELECT FROM mirror.stray",
        "CREATE TABLE ledger.mine (x int)",
        "CREATE SCHEMA mine",
        "SELECT setval('ledger.ledger_events_notification_id_seq', 1)",
    ],
)
def test_the_deciding_role_writes_nothing_else(standing_database, statement):
    """It could otherwise pretend that the mirror had come far enough, or hide what it has seen."""
    with pytest.raises(REFUSED):
        run(standing_database.as_role("append"), statement)


def test_the_relay_adds_events_and_keeps_its_notes(database):
    """Own events found on the topic after a restore are copied back; nothing is taken away."""
    with Store(database.as_role("relay")) as store:
        append = Append([row()])
        store.append(append)
        assert append.ids
    dsn = database.as_role("relay")
    run(dsn, "INSERT INTO ledger.relay_hint VALUES ('shared', 0, 0, '{}', gen_random_uuid())")
    run(dsn, "UPDATE ledger.relay_hint SET rank = 1")
    for statement in ["DELETE FROM ledger.relay_hint", "DELETE FROM ledger.start_mark"]:
        with pytest.raises(REFUSED):
            run(dsn, statement)


@pytest.mark.parametrize("role", ["project", "audit"])
def test_readers_append_nothing(standing_database, role):
    """A faulty read model, or an auditor, puts no words into the country's mouth."""
    with (
        Store(standing_database.as_role(role)) as store,
        pytest.raises(Misconfigured, match="may not"),
    ):
        store.append(Append([row()]))
    with pytest.raises(REFUSED):
        run(
            standing_database.as_role(role),
            f"INSERT INTO ledger.ledger_events VALUES ('{uuid4()}', 1, 'national/CaseOpened', 'x')",
        )


@pytest.mark.parametrize("table", [*DECIDED, "ledger.start_mark", "mirror.record", "mirror.stray"])
def test_an_auditor_reads_everything(standing_database, table):
    """Read-only by role, not by good behaviour."""
    assert [(0,)] == run(standing_database.as_role("audit"), f"SELECT count(*) FROM {table}")


def test_no_role_can_log_in_and_no_login_owns_anything(database):
    """Group roles have no password to lose; owners are not among the programs."""
    for role in ("append", "relay", "project", "audit"):
        database.as_role(role)
    assert [(False,)] == database.run(
        "SELECT DISTINCT rolcanlogin FROM pg_roles WHERE rolname LIKE 'ledger\\_%%'"
    )
    owners = database.run(
        "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class JOIN pg_namespace n"
        " ON n.oid = relnamespace WHERE nspname IN ('ledger', 'mirror')"
    )
    assert not {name for (name,) in owners} & {
        f"{database.name}_{role}" for role in ("append", "relay", "project", "audit")
    }
