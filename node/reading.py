"""A connection to a node's database for verbs that only look, and what they ask it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from events.errors import ServiceUnavailable
from ledger.keys.national import NationalKeys
from node.place import Place
from projections import generation

#: How a read model stands in a statement.
NAME = re.compile(r"\{(\w+)\}")


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

    def ask(self, statement: str, *parameters: Any) -> list[dict[str, Any]]:
        """Return the rows of a statement in which read models stand as `{name}`."""
        return self._fetched(NAME.sub(rf"{self.schema}.\1", statement), parameters)

    def rows(self, table: str, tail: str = "", *parameters: Any) -> list[dict[str, Any]]:
        """Return rows of a read model; `tail` is what follows FROM, others stand there as in `ask`.

        What it says of a table's columns it says by the table's own name.
        """
        return self.ask(f"SELECT * FROM {{{table}}} {tail}", *parameters)  # noqa: S608 - our own

    def count(self, table: str) -> int:
        """Return how many rows a read model has."""
        (row,) = self.ask(f"SELECT count(*) AS rows FROM {{{table}}}")  # noqa: S608 - our own name
        return int(row["rows"])

    def _fetched(self, statement: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement, parameters).fetchall()


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
