"""Connections to the keystore's tables, and the two locks of whoever changes them.

Locks are taken in one order, the case's before the slot files', and end with the transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.rows import tuple_row
from psycopg_pool import ConnectionPool

from events.errors import Misconfigured, ServiceUnavailable

_CONNECT_S = 5
_MOST = 4


class Connections:
    """A few connections of a login of role `ledger_keystore`."""

    def __init__(self, dsn: str) -> None:
        """Connect; ServiceUnavailable if nobody answers."""
        self._pool = ConnectionPool(
            dsn,
            min_size=1,
            max_size=_MOST,
            open=False,
            timeout=_CONNECT_S,
            configure=_configured,
            kwargs={
                "autocommit": True,
                "application_name": "ledger keystore",
                "row_factory": tuple_row,
                "connect_timeout": _CONNECT_S,
            },
        )
        try:
            with translated():
                self._pool.open(wait=True, timeout=_CONNECT_S)
        except BaseException:
            self._pool.close()
            raise

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    @contextmanager
    def reading(self) -> Iterator[Connection[Any]]:
        """Give a connection, in autocommit; errors of PostgreSQL come out as ours."""
        with translated(), self._pool.connection() as connection:
            yield connection

    @contextmanager
    def of_case(self, case_id: UUID) -> Iterator[Connection[Any]]:
        """Give a transaction in which nobody else changes the keys of a case."""
        with self.reading() as connection, connection.transaction():
            connection.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"keystore/{case_id}",)
            )
            yield connection

    @contextmanager
    def of_slots(self) -> Iterator[Connection[Any]]:
        """Give a transaction in which nobody else extends, mends or overwrites slot files."""
        with self.reading() as connection, connection.transaction():
            lock_slots(connection)
            yield connection


def lock_slots(connection: Connection[Any]) -> None:
    """Let nobody else extend, mend or overwrite slot files until this transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('keystore slots', 0))")


@contextmanager
def translated() -> Iterator[None]:
    """Raise our errors instead of psycopg's, whose messages may quote a row."""
    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        raise ServiceUnavailable("the tables of this database have not been made") from None
    except psycopg.errors.InsufficientPrivilege:
        raise Misconfigured("this login's role may not do that in the keystore") from None
    except psycopg.Error as error:
        raise ServiceUnavailable(f"PostgreSQL: {type(error).__name__}") from None


def _configured(connection: Connection[Any]) -> None:
    # A stuck holder of a lock must not stop this country's keys for ever.
    connection.execute("SET lock_timeout = '10s'")
