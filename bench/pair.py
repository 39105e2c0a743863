"""Two countries of one agreement on the servers of a benchmark, with all they need.

What `ledger up` would make, but each program is started when a benchmark wants it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import psycopg
from kafka import KafkaProducer
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from bench.histories import records
from bench.play import COUNTRIES
from bench.servers import Servers
from events.stamp import leaf_hash
from ledger.keys.national import NationalKeys
from ledger.log.merkle import CompactRange
from ledger.log.signature import LogSigner
from node.home import Home
from node.nodes import waits_for
from node.program import PythonProgram
from node.provision import ensure_agreement, ensure_database, ensure_keys, ensure_topics
from node.told import environment

_READY_S = 60.0


class Pair:
    """An agreement of its own, with topics of its own."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self.bootstrap = servers.kafka.bootstrap
        self.prefix = servers.name("bench")
        self.home = Home(servers.folder / self.prefix)
        self.agreement = ensure_agreement(self.home, COUNTRIES, prefix=self.prefix)
        ensure_topics(self.agreement, self.bootstrap, {})
        for code in COUNTRIES:
            folder = self.home.country(code)
            ensure_keys(folder)
            folder.write(
                agreement=str(self.home.agreement_file),
                kafka=self.bootstrap,
                keystore=str(folder.keystore),
            )

    def signers(self) -> Mapping[str, LogSigner]:
        """Return the keys that sign each country's log."""
        return {code: LogSigner.load(self.home.country(code).log_key) for code in COUNTRIES}

    def keys(self, country: str) -> NationalKeys:
        """Return the keys that seal what is national in a country."""
        return NationalKeys.load(self.home.country(country).national_key)

    def fill(
        self, count: int, tell: Callable[[str, CompactRange], object] = lambda _origin, _tree: None
    ) -> Mapping[str, CompactRange]:
        """Put so many signed records on the shared topic, without transactions.

        Returns the tree of each country's log; `tell` is given each as it grows.
        """
        trees: dict[str, CompactRange] = {}
        producer = KafkaProducer(
            bootstrap_servers=self.bootstrap, acks="all", batch_size=131_072, linger_ms=20
        )
        topic = self.agreement.shared_topic
        for record in records(count, self.agreement, self.signers()):
            tree = trees.setdefault(record.origin, CompactRange())
            tree.append(leaf_hash(record.value))
            tell(record.origin, tree)
            producer.send(
                topic,
                partition=record.partition,
                key=record.key,
                value=record.value,
                headers=record.headers,
            )
        producer.flush()
        producer.close()
        return trees

    @contextmanager
    def database(self, country: str) -> Iterator[str]:
        """Give the owner's DSN of a country's database, fresh; it is dropped afterwards."""
        owner = self._servers.postgres.dsn()
        target = ensure_database(self.home.country(country), owner, prefix=self.prefix)
        try:
            yield target
        finally:
            name = Identifier(str(conninfo_to_dict(target)["dbname"]))
            with psycopg.connect(owner, autocommit=True) as admin:
                admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(name))
                admin.execute("CHECKPOINT")  # now, and not while something is measured

    @contextmanager
    def running(self, country: str, noun: str, *, number: int = 1) -> Iterator[PythonProgram]:
        """Run one of a country's programs, as `ledger up` runs it."""
        folder = self.home.country(country)
        given = {
            "LEDGER_AGREEMENT": str(self.home.agreement_file),
            "LEDGER_INSECURE_DEV": "1",
            **environment(folder, noun),
        }
        if noun != "keystore":  # it has no business on the topics
            given["LEDGER_KAFKA"] = self.bootstrap
        path = folder.path / f"{noun}-{number}"
        program = PythonProgram(f"{country} {noun}", path, f"node.run_{noun}", given)
        program.start()
        try:
            yield program
        finally:
            program.stop()

    def wait_until_ready(self, program: PythonProgram) -> None:
        """Return when a program says that it is ready."""
        end = time.monotonic() + _READY_S
        while (waiting := waits_for(program.address)) is not None:
            if time.monotonic() > end or program.poll() is not None:
                log = program.log.read_text()
                raise RuntimeError(f"{program.what} is not ready: {waiting}\n{log[-2000:]}")
            time.sleep(0.02)
