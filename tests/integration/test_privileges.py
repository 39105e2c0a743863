"""Least privilege: what each program's role may do in the database, and above all what not."""

from uuid import uuid4

import psycopg
import pytest

from events.errors import Misconfigured
from ledger.recorder import Append
from ledger.store import Store
from projections import generation
from tests.country import opened
from tests.integration.test_store import row

#: Everybody who may log in; what each may, stands in the files of ledger/sql and projections/sql.
ROLES = [
    "append",
    "relay",
    "project",
    "audit",
    "keystore",
    "organisation",
    "seal",
    "witness",
    "notices",
]
KEYS = [f"keystore.{name}" for name in ("kek", "slot_file", "key_set", "capsule")]
DECIDED = ["ledger.ledger_events", "ledger.command"]
NOTES = [f"witness.{name}" for name in ("checkpoint", "cosignature", "order_note", "commitment")]
UNDO = ["UPDATE {} SET case_id = case_id", "DELETE FROM {}", "TRUNCATE {}"]
REFUSED = psycopg.errors.InsufficientPrivilege


def run(dsn: str, statement: str) -> list[tuple]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize("role", ROLES)
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


@pytest.mark.parametrize(
    "table", [*DECIDED, "ledger.start_mark", "mirror.record", "mirror.stray", *NOTES]
)
def test_an_auditor_reads_everything(standing_database, table):
    """Read-only by role, not by good behaviour."""
    assert [(0,)] == run(standing_database.as_role("audit"), f"SELECT count(*) FROM {table}")


@pytest.mark.parametrize("role", [role for role in ROLES if role != "keystore"])
@pytest.mark.parametrize("table", [*KEYS, "keystore.next_slot"])
def test_nobody_but_the_keystore_reads_what_belongs_to_keys(standing_database, role, table):
    """The wrapped keys are half of what it takes; whoever has a KEK must not get the rows."""
    with pytest.raises(REFUSED):
        run(standing_database.as_role(role), f"SELECT * FROM {table}")


def test_no_role_has_any_right_on_the_keys_but_the_keystore(standing_database):
    """Asked of the catalogue, so that a right on a table that somebody adds is seen, too."""
    granted = standing_database.run(
        "SELECT DISTINCT coalesce(grantee.rolname, 'PUBLIC') FROM pg_namespace AS n"
        " LEFT JOIN pg_class AS c ON c.relnamespace = n.oid"
        " CROSS JOIN LATERAL (SELECT (aclexplode(n.nspacl)).* UNION ALL"
        " SELECT (aclexplode(c.relacl)).*) AS acl"
        " LEFT JOIN pg_roles AS grantee ON grantee.oid = acl.grantee"
        " WHERE n.nspname = 'keystore' AND acl.grantee <> n.nspowner"
    )
    assert [("ledger_keystore",)] == granted


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM keystore.key_set",
        "TRUNCATE keystore.key_set",
        "UPDATE keystore.key_set SET slot = 1",
        "UPDATE keystore.key_set SET case_id = gen_random_uuid()",
        "DELETE FROM keystore.kek",
        "UPDATE keystore.slot_file SET mark = sha256('x')",
        "INSERT INTO ledger.ledger_events VALUES (gen_random_uuid(), 1, 'shared/CaseOpened', 'x')",
        "INSERT INTO ledger.start_mark VALUES ('shared', 0, gen_random_uuid(), 0)",
        "SELECT ledger.append_one(gen_random_uuid(), 1, 'shared/CaseOpened', 'x')",
        "DELETE FROM mirror.record",
        "INSERT INTO mirror.stray SELECT * FROM mirror.stray",
        "UPDATE mirror.record SET effect_offset = 0",
        "UPDATE projections.current_generation SET number = 2",
        "CREATE TABLE keystore.mine (x int)",
        "CREATE TABLE ledger.mine (x int)",
        "CREATE SCHEMA mine",
        "SELECT * FROM ledger.organisation_login",
    ],
)
def test_the_keystore_writes_its_own_tables_and_forgets_no_erasure(standing_database, statement):
    """It judges by the ledger: could it write there, it would decide what it may release."""
    with pytest.raises(REFUSED):
        run(standing_database.as_role("keystore"), statement)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("table", [*NOTES, "witness.alarm"])
@pytest.mark.parametrize("undo", ["UPDATE {} SET log = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
def test_nobody_takes_a_note_or_an_alarm_away(standing_database, role, table, undo):
    """Whoever signed twice would begin here; an alarm is resolved by a person, and stays."""
    statement = undo.format(table).replace("log =", "country =" if "order" in table else "log =")
    with pytest.raises(REFUSED):
        run(standing_database.as_role(role), statement)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO witness.cosignature SELECT * FROM witness.cosignature",
        "INSERT INTO witness.order_note SELECT * FROM witness.order_note",
        "UPDATE witness.checkpoint SET note = 'x'",
        "UPDATE witness.alarm SET resolved_by = 'x'",
        "INSERT INTO mirror.record SELECT * FROM mirror.record",
        "INSERT INTO ledger.ledger_events SELECT * FROM ledger.ledger_events",
        "SELECT * FROM ledger.command",
        "SELECT * FROM keystore.key_set",
        "CREATE TABLE witness.mine (x int)",
    ],
)
def test_the_sealer_reads_logs_and_adds_what_it_signed(standing_database, statement):
    """It is the one program whose word others believe: it has no way to write what it signs."""
    with pytest.raises(REFUSED):
        run(standing_database.as_role("seal"), statement)


@pytest.mark.parametrize("table", ["case_file", "case_state", "audit_trail", "case_organisations"])
@pytest.mark.parametrize("role", ["append", "relay", "audit", "keystore", "organisation"])
def test_only_the_projecting_role_writes_read_models(standing_database, role, table):
    with psycopg.connect(standing_database.dsn, autocommit=True) as owner:
        generation.ensure(owner)
    for verb in ("DELETE FROM", "TRUNCATE"):
        with pytest.raises(REFUSED):
            run(standing_database.as_role(role), f"{verb} read_1.{table}")


def test_everybody_in_general_has_no_right_at_all(standing_database):
    """What PostgreSQL gives to PUBLIC by itself is taken away, on every schema of ours."""
    with psycopg.connect(standing_database.dsn, autocommit=True) as owner:
        generation.ensure(owner)
    rights = standing_database.run(
        "SELECT n.nspname, c.relname, acl.privilege_type FROM pg_namespace AS n"
        " LEFT JOIN pg_class AS c ON c.relnamespace = n.oid"
        " CROSS JOIN LATERAL (SELECT (aclexplode(n.nspacl)).* UNION ALL"
        " SELECT (aclexplode(c.relacl)).*) AS acl"
        " WHERE acl.grantee = 0"
        " AND n.nspname ~ '^(ledger|mirror|keystore|witness|projections|read_.*)$'"
    )
    assert [] == rights
    functions = standing_database.run(
        "SELECT p.oid::regprocedure::text FROM pg_proc AS p"
        " WHERE p.pronamespace::regnamespace::text ~ '^(ledger|mirror|keystore|read_.*)$'"
        " AND has_function_privilege('public', p.oid, 'EXECUTE')"
    )
    assert [] == functions


def test_no_role_can_log_in_and_no_login_owns_anything(database):
    """Group roles have no password to lose; owners are not among the programs."""
    for role in ROLES:
        database.as_role(role)
    assert [(False,)] == database.run(
        "SELECT DISTINCT rolcanlogin FROM pg_roles WHERE rolname LIKE 'ledger\\_%%'"
    )
    owners = database.run(
        "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class JOIN pg_namespace n"
        " ON n.oid = relnamespace WHERE nspname IN ('ledger', 'mirror', 'keystore')"
    )
    assert not {name for (name,) in owners} & {f"{database.name}_{role}" for role in ROLES}
