"""What the case system of one organisation sees of a country's read models, and what not."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest

from events.block import BlockPlaced
from events.stamp import Actor
from ledger import database as databases
from ledger.case.case import Topic
from projections import generation, rebuild
from projections.models import TABLES
from projections.visibility import ORGANISATIONS_SEE
from tests.readers import events_of, heard, read_all, transferred

REFUSED = psycopg.errors.InsufficientPrivilege
A, B = (Actor(id=f"cw-{name}", role="caseworker", organisation=f"shelter-{name}") for name in "ab")


def rows(dsn: str, statement: str) -> list[tuple]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(statement).fetchall()


def cases(dsn: str, table: str = "case_file", schema: str = "read_1") -> list:
    return sorted(case for (case,) in rows(dsn, f"SELECT DISTINCT case_id FROM {schema}.{table}"))


@pytest.fixture
def stories(topics, dsn):
    """Three cases: A works on two of them, B on one of these and on the third."""
    told = [transferred(seed) for seed in range(3)]
    worked = [(told[0], A, 1), (told[1], A, 1), (told[1], B, 2), (told[2], B, 1)]
    topics.put(*events_of(*told))
    events = [replace(heard(story, version), actor=who) for story, who, version in worked]
    topics.put(*events, topic=Topic.NATIONAL)
    read_all(topics, dsn, 15 + 4)
    return told


@pytest.fixture
def case_system(database):
    """The login of a case system, of which nobody has said yet whose it is."""
    return database.as_role("organisation")


@pytest.fixture(scope="module")
def empty(standing_database) -> str:
    """A case system's login in a country without cases."""
    with psycopg.connect(standing_database.dsn, autocommit=True) as owner:
        generation.ensure(owner)
    belongs(standing_database, "shelter-a")
    return standing_database.as_role("organisation")


def belongs(database, organisation: str) -> None:
    database.as_role("organisation")
    user = f"{database.name}_organisation"
    databases.name_organisation(database.dsn, user, organisation)


def test_a_login_that_is_nobody_s_sees_no_row(stories, case_system):
    for table in (*ORGANISATIONS_SEE, "responsibility"):
        assert [] == cases(case_system, table)


def test_a_case_system_sees_the_cases_that_its_people_work_on(stories, database, case_system):
    belongs(database, "shelter-a")
    mine = sorted([stories[0].case_id, stories[1].case_id])
    for table in ("case_file", "consents", "referrals", "responsibility", "case_organisations"):
        assert mine == cases(case_system, table)


def test_it_sees_nothing_of_another_organisation_s(stories, database, case_system):
    belongs(database, "shelter-b")
    assert sorted([stories[1].case_id, stories[2].case_id]) == cases(case_system)
    belongs(database, "shelter-c")
    assert [] == cases(case_system)


def test_an_organisation_that_a_block_names_sees_nothing_of_the_case(
    topics, dsn, stories, database, case_system
):
    """Somebody in the shelter may be who the child is hidden from."""
    belongs(database, "shelter-a")
    block = replace(heard(stories[0], 2))
    stamp = {name: getattr(block, name) for name in ("case_id", "origin", "version", "seen")}
    times = {"occurred_at": block.occurred_at, "recorded_at": block.recorded_at}
    placed = BlockPlaced(
        event_id=uuid4(), actor=B, block_id=uuid4(), countries=(), persons=("shelter-a",),
        **stamp, **times,
    )  # fmt: skip
    topics.put(placed, topic=Topic.NATIONAL)
    read_all(topics, dsn, 20)
    assert [stories[1].case_id] == cases(case_system)


@pytest.mark.parametrize(
    "pretence",
    [
        "SET ROLE ledger_audit",
        "SET SESSION AUTHORIZATION ledger_audit",
        "INSERT INTO ledger.organisation_login VALUES (session_user, 'shelter-b')",
        "UPDATE ledger.organisation_login SET organisation = 'shelter-b'",
        "SELECT * FROM ledger.organisation_login",
        "SELECT ledger.organisation_of_login()",
        "ALTER TABLE read_1.case_file DISABLE ROW LEVEL SECURITY",
        "SET row_security = off; SELECT * FROM read_1.case_file",
    ],
)
def test_a_session_cannot_say_who_it_is(empty, pretence):
    with pytest.raises(REFUSED):
        rows(empty, pretence)


def test_the_trail_the_blocks_and_who_looked_are_not_for_case_systems(
    stories, database, case_system
):
    belongs(database, "shelter-a")
    closed = {f"read_1.{table.name}" for table in TABLES if table.name not in ORGANISATIONS_SEE}
    assert "read_1.audit_trail" in closed
    closed |= {"read_1.parked", "mirror.record", "ledger.ledger_events", "ledger.command"}
    for table in (*sorted(closed), "keystore.key_set"):
        with pytest.raises(REFUSED):
            rows(case_system, f"SELECT count(*) FROM {table}")


def test_a_case_system_writes_nothing(stories, database, case_system):
    belongs(database, "shelter-a")
    for verb in ("DELETE FROM", "UPDATE", "TRUNCATE", "INSERT INTO"):
        rest = {"UPDATE": "SET status = 'x'", "INSERT INTO": "DEFAULT VALUES"}.get(verb, "")
        with pytest.raises(REFUSED):
            rows(case_system, f"{verb} read_1.case_file {rest}")


@pytest.mark.parametrize("role", ["append", "relay", "project", "audit", "keystore"])
def test_every_other_program_sees_every_row(stories, database, role):
    for table in TABLES:
        count = f"SELECT count(*) FROM read_1.{table.name}"
        assert database.run(count) == rows(database.as_role(role), count)


def test_the_other_programs_pay_nothing_for_it(stories, database):
    """With a policy that is always true PostgreSQL makes the plan that it would make without."""

    def plans(dsn: str) -> list[list[tuple]]:
        asked = ("case_file", "audit_trail WHERE case_id = gen_random_uuid()", "responsibility")
        return [rows(dsn, f"EXPLAIN SELECT * FROM read_1.{table}") for table in asked]

    audit = database.as_role("audit")
    database.run("ANALYZE")
    secured = plans(audit)
    for table in TABLES:
        database.run(f"ALTER TABLE read_1.{table.name} DISABLE ROW LEVEL SECURITY")
    assert plans(audit) == secured


def test_a_generation_built_anew_shows_each_organisation_the_same(
    stories, dsn, database, case_system
):
    """Rows are copied in by the tables' owner: row security on the owner would refuse the COPY."""
    belongs(database, "shelter-a")
    before = cases(case_system)
    assert rebuild.rebuild(dsn, country="KZ", processes=1).equal
    assert [(2,)] == rows(case_system, "SELECT number FROM projections.current_generation")
    assert before == cases(case_system, schema="read_2")


def test_every_read_model_is_secured(empty, standing_database):
    """One that somebody adds is closed to case systems until it is said what they see of it."""
    open_to_all = standing_database.run(
        "SELECT c.relname FROM pg_class c WHERE relnamespace = 'read_1'::regnamespace"
        " AND relkind = 'r' AND NOT relrowsecurity"
    )
    assert {("parked",), ("position",)} == set(open_to_all)
