"""The store of one country's decisions: eventsourcing's PostgreSQL recorder under our own mapper.

Every setting of the library is given explicitly; nothing is read from the environment, and no
exception of a library leaves this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import psycopg
from eventsourcing.persistence import (
    InfrastructureFactory,
    JSONTranscoder,
    PersistenceError,
    StoredEvent,
)
from eventsourcing.utils import Environment, get_topic
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from events.errors import LedgerError, Misconfigured, ServiceUnavailable
from ledger.case.recording import Recorded
from ledger.keys.national import NationalKeys
from ledger.mapper import AvroMapper
from ledger.recorder import Append, LedgerRecorder

#: Appends wait so long for the advisory lock: 002_store.sql.
LOCK_TIMEOUT_S = 5
_CONNECT_TIMEOUT_S = 5
# What the library passes on by itself; everything else of a DSN is put into its pool.
_LIBRARY_KEYS = {"dbname", "host", "port", "user", "password"}


def environment(dsn: str, *, connections: int) -> Environment:
    """Return the library's settings for a country's database: all of them, so none is a default."""
    given = conninfo_to_dict(dsn)
    missing = sorted(_LIBRARY_KEYS - {"port", "password"} - set(given))
    if missing:
        raise Misconfigured(f"the DSN of PostgreSQL lacks {', '.join(missing)}")
    return Environment(
        "ledger",
        {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "APPLICATION_RECORDER_TOPIC": get_topic(LedgerRecorder),
            "MAPPER_TOPIC": get_topic(AvroMapper),
            "COMPRESSOR_TOPIC": "",
            "CIPHER_TOPIC": "",
            "CREATE_TABLE": "no",
            "ORIGINATOR_ID_TYPE": "uuid",
            "POSTGRES_DBNAME": str(given["dbname"]),
            "POSTGRES_HOST": str(given["host"]),
            "POSTGRES_PORT": str(given.get("port", 5432)),
            "POSTGRES_USER": str(given["user"]),
            "POSTGRES_PASSWORD": str(given.get("password", "")),
            "POSTGRES_SCHEMA": "ledger",
            "POSTGRES_CONNECT_TIMEOUT": str(_CONNECT_TIMEOUT_S),
            "POSTGRES_POOL_SIZE": "2",
            "POSTGRES_MAX_OVERFLOW": str(max(connections - 2, 0)),
            "POSTGRES_MAX_WAITING": "0",
            "POSTGRES_CONN_MAX_AGE": "3600",
            "POSTGRES_PRE_PING": "no",
            "POSTGRES_LOCK_TIMEOUT": str(LOCK_TIMEOUT_S),
            "POSTGRES_IDLE_IN_TRANSACTION_SESSION_TIMEOUT": "5",
            # Its functions take no lock, so readers that follow the table would miss events.
            "POSTGRES_ENABLE_DB_FUNCTIONS": "no",
        },
    )


class Store:
    """Events by case and decision number, and the commands that made them."""

    def __init__(
        self,
        dsn: str,
        *,
        connections: int = 8,
        program: str = "ledger",
        keys: NationalKeys | None = None,
        only_national: bool = False,
    ) -> None:
        """Open the store of a prepared database (ledger/database.py)."""
        env = environment(dsn, connections=connections)
        self._factory: InfrastructureFactory[Any] = InfrastructureFactory.construct(env)
        more = {key: value for key, value in conninfo_to_dict(dsn).items() if value is not None}
        pool = self._factory.datastore.pool  # type: ignore[attr-defined]  # PostgresFactory's
        pool.kwargs.update({key: more[key] for key in more.keys() - _LIBRARY_KEYS})
        pool.kwargs.setdefault("application_name", program)
        self._pool: Any = pool
        #: For one connection apart from the pool: a listener, an advisory lock.
        self.dsn = make_conninfo(dsn, application_name=program)
        with translated():
            pool.open(wait=True, timeout=_CONNECT_TIMEOUT_S)
            recorder = self._factory.application_recorder()
        assert isinstance(recorder, LedgerRecorder)
        recorder.only_national = only_national
        self.recorder = recorder
        mapper: Any = self._factory.mapper(transcoder=JSONTranscoder())
        assert isinstance(mapper, AvroMapper)
        mapper.keys = keys
        self.mapper = mapper

    def close(self) -> None:
        """Close every connection."""
        self._factory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def rows(self, recorded: Sequence[Recorded]) -> list[StoredEvent]:
        """Return the rows of events, encoded and checked; NotEncodable, EventTooLarge."""
        return [self.mapper.to_stored_event(one) for one in recorded]

    def append(self, append: Append) -> None:
        """Record a command's rows, together with whoever records at this moment.

        What became of it stands in `append`. ServiceUnavailable if nobody can say.
        """
        with translated():
            self.recorder.append(append)

    def append_all(self, appends: Sequence[Append]) -> None:
        """Record many commands in one transaction, each all or nothing."""
        with translated():
            self.recorder.append_all(appends)

    @contextmanager
    def reading(self) -> Iterator[Connection[Any]]:
        """Give a connection, in autocommit: every statement is one snapshot."""
        with translated(), self._pool.connection() as connection:
            yield connection


@contextmanager
def translated() -> Iterator[None]:
    """Raise our errors instead of the libraries'; their messages may quote what was stored."""
    try:
        yield
    except (psycopg.Error, PersistenceError) as error:
        raise _ours(error) from None


def _ours(error: Exception) -> LedgerError:
    cause = error if isinstance(error, psycopg.Error) else error.__cause__ or error
    match cause:
        case psycopg.errors.UndefinedTable() | psycopg.errors.InvalidSchemaName():
            return ServiceUnavailable("the tables of this database have not been made")
        case psycopg.errors.InsufficientPrivilege():
            return Misconfigured("this login's role may not do that in the database")
        case _:
            return ServiceUnavailable(f"PostgreSQL: {type(cause).__name__}")
