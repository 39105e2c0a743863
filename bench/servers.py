"""The real servers, started once for a run of benchmarks, and fresh places on them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import psycopg
from kafka.admin import KafkaAdminClient, NewTopic
from psycopg.sql import SQL, Identifier

from bench.harness import say
from events.contract import TOPIC_SETTINGS
from ledger.database import prepare
from node.embedded.kafka import EmbeddedKafka
from node.embedded.postgres import EmbeddedPostgres

_TEMPLATE = "bench_template"

T = TypeVar("T")


@dataclass
class Servers:
    """PostgreSQL and Kafka with stock settings in a temporary folder, each on first use."""

    folder: Path = field(init=False)
    _postgres: EmbeddedPostgres | None = field(default=None, init=False)
    _kafka: EmbeddedKafka | None = field(default=None, init=False)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1), init=False)
    _lasting: dict[Any, Any] = field(default_factory=dict, init=False)
    _stack: ExitStack = field(default_factory=ExitStack, init=False)

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="ledger-bench-"))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        for server in (self._kafka, self._postgres):
            if server is not None:
                server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def postgres(self) -> EmbeddedPostgres:
        """The PostgreSQL server, started."""
        if self._postgres is None:
            say("starting PostgreSQL")
            self._postgres = EmbeddedPostgres(self.folder / "postgresql")
            self._postgres.start()
            prepare(self._postgres.dsn(), _TEMPLATE, packages=("ledger", "projections"))
        return self._postgres

    @property
    def kafka(self) -> EmbeddedKafka:
        """The Kafka broker, started."""
        if self._kafka is None:
            say("starting Kafka")
            self._kafka = EmbeddedKafka(self.folder / "kafka")
            self._kafka.start()
        return self._kafka

    def lasting(self, make: Callable[[Servers], AbstractContextManager[T]]) -> T:
        """Return what `make` gives; it is made once, and lasts as long as the servers do."""
        if make not in self._lasting:
            self._lasting[make] = self._stack.enter_context(make(self))
        made: T = self._lasting[make]
        return made

    def name(self, what: str) -> str:
        """Return a name that nothing on these servers has."""
        return f"{what}_{next(self._numbers)}"

    @contextmanager
    def database(self, what: str) -> Iterator[str]:
        """Give the DSN of a fresh database of a country; it is dropped afterwards."""
        name, postgres = Identifier(self.name(what)), self.postgres
        with psycopg.connect(postgres.dsn(), autocommit=True) as admin:
            admin.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(name, Identifier(_TEMPLATE)))
            admin.execute(SQL("GRANT CREATE ON DATABASE {} TO ledger_project").format(name))
            # A checkpoint now, or its writes would fall into whatever is measured next.
            admin.execute("CHECKPOINT")
            try:
                yield postgres.dsn(str(name.as_string(admin)).strip('"'))
            finally:
                admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(name))

    @contextmanager
    def topics(self, *names: str, partitions: int) -> Iterator[None]:
        """Make event topics with the ledger's settings; they are deleted afterwards."""
        admin: Any = KafkaAdminClient(bootstrap_servers=self.kafka.bootstrap)
        try:
            wanted = [
                NewTopic(name, partitions, 1, topic_configs=dict(TOPIC_SETTINGS)) for name in names
            ]
            admin.create_topics(wanted)
            yield
            admin.delete_topics(list(names))
        finally:
            admin.close()
