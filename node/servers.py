"""The servers under the nodes: started here, or existing ones that are only used."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from events.errors import ServiceUnavailable
from node.embedded.kafka import EmbeddedKafka
from node.embedded.postgres import EmbeddedPostgres
from node.settings import UpSettings


@dataclass
class KafkaServer:
    """A Kafka: our own broker in a folder, or somebody else's."""

    path: Path
    settings: UpSettings
    broker: EmbeddedKafka | None = None
    version: str = "unknown"

    def start(self) -> None:
        """Start a broker, unless the settings name a Kafka; ask it which one it is."""
        if self.settings.kafka is None:
            self.broker = EmbeddedKafka(self.path)
            self.broker.start()
            said = re.search(r"Kafka version: (\S+)", (self.path / "kafka.log").read_text())
            self.version = said[1] if said else self.version
        else:
            self.version = self._metadata_version()

    @property
    def bootstrap(self) -> str:
        """The address for clients."""
        if self.broker is not None:
            return self.broker.bootstrap
        assert self.settings.kafka is not None, "Kafka was not started"
        return self.settings.kafka

    def describe(self) -> Mapping[str, Any]:
        """Return address, version as the broker itself says it, and pid if it is ours."""
        said: dict[str, Any] = {"bootstrap": self.bootstrap, "version": self.version}
        return said if self.broker is None else {**said, "pid": self.broker.pid}

    def _metadata_version(self) -> str:
        """A broker does not tell its release, only the level of its metadata."""
        from ledger import topics

        with topics.admin(self.bootstrap, self.settings.client) as admin:
            features = admin.describe_features()
        return f"metadata.version {features['metadata.version']['finalized'][1]}"


@dataclass
class PostgresServer:
    """A PostgreSQL: our own in a folder, or somebody else's."""

    path: Path
    settings: UpSettings
    server: EmbeddedPostgres | None = None
    version: str = "unknown"

    def start(self) -> None:
        """Start a server, unless the settings name one; ask it which one it is."""
        if self.settings.pg is None:
            self.server = EmbeddedPostgres(self.path)
            self.server.start()
        self.version = self._asked_version()

    @property
    def owner_dsn(self) -> str:
        """Connection URL of a role that may create databases and roles."""
        if self.server is not None:
            return self.server.dsn()
        assert self.settings.pg is not None, "PostgreSQL was not started"
        return self.settings.pg.get_secret_value()

    def describe(self) -> Mapping[str, Any]:
        """Return the version as the server itself says it, and the pid if it is ours."""
        said: dict[str, Any] = {"version": self.version}
        return said if self.server is None else {**said, "pid": self.server.pid}

    def _asked_version(self) -> str:
        import psycopg

        try:
            with psycopg.connect(self.owner_dsn) as opened:
                row = opened.execute("SHOW server_version").fetchone()
        except psycopg.OperationalError:
            raise ServiceUnavailable("PostgreSQL does not answer") from None
        return str(row[0]).split()[0] if row else self.version
