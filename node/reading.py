"""A connection to a node's database for verbs that only look, and what they ask it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from events.errors import ServiceUnavailable
from ledger.keys.national import NationalKeys
from node.place import Place
from projections import generation


@dataclass(frozen=True)
class Reader:
    """The read models in use, at one moment."""

    connection: psycopg.Connection[Any]
    country: str
    #: Number of the generation in use.
    generation: int
    #: Open what is national, where they are given.
    keys: NationalKeys | None = None

    @property
    def schema(self) -> str:
        """Its schema."""
        return generation.schema_of(self.generation)

    def rows(self, table: str, tail: str = "", *parameters: Any) -> list[dict[str, Any]]:
        """Return rows of a read model; `tail` is what follows FROM."""
        statement = f"SELECT * FROM {self.schema}.{table} {tail}"  # noqa: S608 - our own names
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement, parameters).fetchall()

    def count(self, table: str) -> int:
        """Return how many rows a read model has."""
        statement = f"SELECT count(*) FROM {self.schema}.{table}"  # noqa: S608 - our own names
        row = self.connection.execute(statement).fetchone()
        assert row is not None
        return int(row[0])


@contextmanager
def reader(where: Place, role: str = "audit") -> Iterator[Reader]:
    """Give the read models of a node; ServiceUnavailable if it is not up.

    An auditor sees one moment, or an event on its way could be seen in neither of two places.
    Any other role acts statement by statement.
    """
    with answering(where), psycopg.connect(where.dsn(role), connect_timeout=5) as connection:
        if role == "audit":
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        else:
            connection.autocommit = True
        number = generation.current(connection)
        if number is None:
            raise ServiceUnavailable("no worker has run yet: there are no read models")
        yield Reader(connection, where.country, number, where.keys)


@contextmanager
def answering(where: Place) -> Iterator[None]:
    """Say in our words that a database does not answer."""
    try:
        yield
    except psycopg.OperationalError:
        raise ServiceUnavailable(
            f"the database of {where.country} does not answer: is the node up?"
        ) from None
