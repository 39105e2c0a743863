"""One hash for all that a read model says, to compare generations, and countries.

SHA-256 over the sorted SHA-256 of every row: independent of the order in which rows were written.
What stands on the shared topic is the same in every country, so its part can be compared abroad.
"""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from ledger.case.case import Topic
from projections.models import TABLES
from projections.table import Table

# A row's text depends on these.
_SETTINGS = ("timezone = 'UTC'", "datestyle = 'ISO'", "bytea_output = 'hex'")
_HASH = """
SELECT encode(sha256(coalesce(string_agg(row_hash, ''::bytea ORDER BY row_hash), '')), 'hex')
FROM (
    SELECT sha256(convert_to(stated::text, 'UTF8')) AS row_hash
    FROM (SELECT {columns} FROM {schema}.{table} WHERE {where}) AS stated
) AS hashed
"""
# 128 bits that do not depend on the order of rows. PostgreSQL's own hash is six times faster than
# SHA-256 of a row's text, and means nothing outside of this server.
_FINGERPRINT = """
SELECT count(*), sum(hash_record_extended(stated, 0)::numeric),
    sum(hash_record_extended(stated, 1)::numeric)
FROM {schema}.{table} AS stated
"""
_DIFFERENCE = """
SELECT count(*) FROM {one}.{table} AS one FULL JOIN {other}.{table} AS other USING ({key})
WHERE one IS DISTINCT FROM other
"""


def state_hash(
    connection: Connection[Any], schema: str, table: Table, *, where: str = "true"
) -> str:
    """Return the hash of a read model, or of the rows for which a condition holds."""
    with connection.transaction():
        for setting in _SETTINGS:
            connection.execute(f"SET LOCAL {setting}")
        statement = _HASH.format(columns=table.names, schema=schema, table=table.name, where=where)
        row = connection.execute(statement).fetchone()
    assert row is not None
    return str(row[0])


def shared_hashes(connection: Connection[Any], schema: str) -> dict[str, str]:
    """Return the hash of what each read model says of the shared topic; alike in every country."""
    return {
        table.name: state_hash(connection, schema, table, where=f"topic = '{Topic.SHARED}'")
        for table in TABLES
        if "topic" in table.columns and table.name != "tasks"  # tasks are a country's own
    }


def are_equal(connection: Connection[Any], one: str, other: str, table: Table) -> bool:
    """Say whether two generations of a read model have the same rows."""
    found = [
        connection.execute(_FINGERPRINT.format(schema=schema, table=table.name)).fetchone()
        for schema in (one, other)
    ]
    return found[0] == found[1]


def count(connection: Connection[Any], schema: str, table: Table) -> int:
    """Return how many rows a read model has."""
    row = connection.execute(
        f"SELECT count(*) FROM {schema}.{table.name}"  # noqa: S608 - our own names
    ).fetchone()
    assert row is not None
    return int(row[0])


def difference(connection: Connection[Any], one: str, other: str, table: Table) -> int:
    """Return how many keys have another row in one generation of a read model than in another."""
    key = ", ".join(f'"{name}"' for name in table.key)
    statement = _DIFFERENCE.format(table=table.name, one=one, other=other, key=key)
    row = connection.execute(statement).fetchone()
    assert row is not None
    return int(row[0])
