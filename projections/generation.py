"""Generations of read models: one schema each, with its own positions, one of them current.

A new fold or a new table is a new generation, filled beside the one in use (projections.rebuild).
"""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from events.errors import Misconfigured
from projections import positions, visibility
from projections.models import TABLES
from projections.responsibility import VIEW

_PARKED = """
CREATE TABLE {schema}.parked (
    case_id uuid NOT NULL,
    topic text NOT NULL,
    reason text NOT NULL,           -- unknown_schema, or the class of the exception; never its text
    fingerprint bytea,              -- of the schema that is not installed here
    since_offset bigint NOT NULL,   -- effect of the first event that is not folded
    since_rank int NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (case_id, topic)
)
"""


def schema_of(number: int) -> str:
    """Return the name of a generation's schema."""
    return f"read_{number:d}"


def current(connection: Connection[Any]) -> int | None:
    """Return the number of the generation in use, or None before the first worker has run."""
    row = connection.execute("SELECT number FROM projections.current_generation").fetchone()
    return None if row is None else int(row[0])


def ensure(connection: Connection[Any]) -> int:
    """Return the generation in use; make the first one if there is none."""
    with connection.transaction():
        # One at a time; the lock is let go with the transaction.
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('ledger.generation', 0))")
        number = current(connection)
        if number is None:
            number = 1
            create(connection, number)
            index(connection, number)
            connection.execute("INSERT INTO projections.current_generation VALUES (true, 1)")
    return number


def of_another_release(connection: Connection[Any], number: int) -> list[str]:
    """Return the read models of a generation that do not have the columns this release writes."""
    rows = connection.execute(
        "SELECT table_name, array_agg(column_name::text) FROM information_schema.columns"
        " WHERE table_schema = %s GROUP BY 1",
        (schema_of(number),),
    )
    there = {name: set(columns) for name, columns in rows}
    return [table.name for table in TABLES if there.get(table.name) != set(table.columns)]


def require_of_this_release(connection: Connection[Any], number: int) -> None:
    """Refuse to write into read models of another release; Misconfigured says what to do."""
    if other := of_another_release(connection, number):
        raise Misconfigured(
            f"the read models in use are of another release ({', '.join(other)}): run `ledger"
            " projections rebuild --expect-difference RELEASE`, then start the worker again",
            rule="generation_release",
        )


def create(connection: Connection[Any], number: int) -> None:
    """Make a generation: schema, tables, who sees what; empty and without indexes."""
    schema = schema_of(number)
    connection.execute("SET LOCAL ROLE ledger_project")  # whoever makes it, the role owns it
    connection.execute(f"CREATE SCHEMA {schema}")
    for table in TABLES:
        connection.execute(table.create(schema))
    for statement in (positions.CREATE, _PARKED, VIEW):
        connection.execute(statement.format(schema=schema))
    for statement in visibility.secure(schema):
        connection.execute(statement)
    connection.execute("RESET ROLE")


def index(connection: Connection[Any], number: int) -> None:
    """Give the tables of a generation their keys and indexes."""
    for table in TABLES:
        for statement in table.index(schema_of(number)):
            connection.execute(statement)


def existing(connection: Connection[Any]) -> list[int]:
    """Return the numbers of all generations whose schema is there."""
    rows = connection.execute(
        r"SELECT substr(nspname, 6)::int FROM pg_namespace WHERE nspname ~ '^read_[0-9]+$'"
    )
    return sorted(number for (number,) in rows)


def drop_old(connection: Connection[Any]) -> list[int]:
    """Drop every generation but the one in use and newer ones; return what was dropped."""
    with connection.transaction():
        number = current(connection)
        old = [one for one in existing(connection) if number is not None and one < number]
        for one in old:
            connection.execute(f"DROP SCHEMA {schema_of(one)} CASCADE")
    return old
