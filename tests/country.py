"""One country on real servers: its database, its log key, and whatever of its programs is wanted.

A test runs the program that it is about. Where a test is about deciding alone, `mirrored` says
that the mirror has come as far as the relay asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid4

import psycopg
from prometheus_client import CollectorRegistry

from consumers.reactor import Reactor, ReactorSettings
from consumers.settings import WorkerSettings
from consumers.worker import Worker
from events.agreement import Agreement, Country
from events.codec import read_stamp, schema_of
from events.contract import log_name
from events.errors import StartAgain
from events.stamp import Actor, leaf_hash
from ledger.case import identity
from ledger.keys.client import KeystoreClient
from ledger.keys.kek import Kek, KekChain
from ledger.keys.keystore import Keystore
from ledger.keys.national import NationalKeys
from ledger.keys.server import KeystoreServer
from ledger.keys.slots import Slots
from ledger.keys.vault import Vault
from ledger.log.signature import LogSigner
from ledger.receipt import Receipt
from ledger.relay import RelaySettings, run
from ledger.relaying.exits import ExitCode
from ledger.relaying.health import RelayHealth
from ledger.relaying.metrics import RelayMetrics
from ledger.service import Ledger, LedgerSettings, open_ledger
from ledger.store import Store
from node.run_reactor import LedgerDesk
from projections import generation

PARTITIONS = 4
CASEWORKER = Actor(id="cw-1", role="caseworker", organisation="cps-1")
SUPERVISOR = Actor(id="sup-1", role="supervisor", organisation="cps-1")


def agreement_of(prefix: str, keys: dict[str, Path]) -> Agreement:
    """Return an agreement of countries whose log keys are in these files; they are made if new."""
    countries = {}
    for code, key in keys.items():
        if not key.exists():
            LogSigner.create(f"{code}-log", key)
        signer = LogSigner.load(key)
        countries[code] = Country(
            code=code, zone="Asia/Almaty", log_keys=(signer.verifier.render(),)
        )
    return Agreement(name="test", prefix=prefix, partitions=PARTITIONS, countries=countries)


@dataclass
class Node:
    """One country."""

    code: str
    agreement: Agreement
    database: Any
    key: Path
    kafka: str = ""
    #: With a folder of its own it keeps keys: national ones, and slot files for its keystore.
    folder: Path | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def national_keys(self) -> NationalKeys | None:
        """The country's own keys, made at the first use; None without a folder."""
        if self.folder is None:
            return None
        path = self.folder / f"{self.code}-national.key"
        return NationalKeys.load(path) if path.exists() else NationalKeys.create(path)

    def ledger(self, **changes: Any) -> Ledger:
        """Open its ledger."""
        changes = {"national_keys": self.national_keys, **changes}
        dsn = self.database.as_role("append")
        settings = LedgerSettings(dsn=dsn, country=self.code, agreement=self.agreement, **changes)
        return open_ledger(settings)

    @contextmanager
    def keystore(self, **changes: Any) -> Iterator[Keystore]:
        """Open its keystore in this process."""
        assert self.folder is not None
        dsn = self.database.as_role("keystore")
        disks = [self.folder / f"{self.code}-disk-{number}" for number in (1, 2)]
        for disk in disks:
            disk.mkdir(exist_ok=True)
        kek = KekChain([Kek(sha256(self.code.encode()).digest())])
        vault = Vault.open(dsn, Slots([disk / "slots" for disk in disks]), kek)
        store = Store(dsn, connections=4, keys=self.national_keys)
        found = Keystore(store, vault, self.code, agreement=self.agreement, **changes)
        try:
            yield found
        finally:
            found.close()

    @contextmanager
    def keystore_served(self) -> Iterator[KeystoreClient]:
        """Serve its keystore at a socket, and give a client of it."""
        with TemporaryDirectory() as short, self.keystore() as keystore:
            path, stop = Path(short) / "keystore", threading.Event()
            server = KeystoreServer(path, keystore)
            thread = threading.Thread(target=server.run, args=(stop,))
            thread.start()
            client = KeystoreClient(path)
            try:
                yield client
            finally:
                client.close()
                stop.set()
                thread.join()

    def reactor_settings(self, **changes: Any) -> ReactorSettings:
        """Return the settings of its reactor."""
        dsn, kafka = self.database.as_role("append"), {"bootstrap_servers": self.kafka}
        given = {"agreement": self.agreement, "country": self.code, "dsn": dsn, "kafka": kafka}
        return ReactorSettings(**{**given, **changes})

    @contextmanager
    def reactor(self, ledger: Ledger, keys: Any, **changes: Any) -> Iterator[None]:
        """Run its reactor, once it is ready, for as long as the block lasts.

        It is started again when it asks for it, as a supervisor does.
        """
        settings, ended = self.reactor_settings(**changes), threading.Event()
        running: list[tuple[Reactor, threading.Event]] = []

        def run() -> None:
            while not ended.is_set():
                reactor = Reactor(settings, LedgerDesk(ledger, self.code), keys)
                running.append((reactor, threading.Event()))
                with suppress(StartAgain):
                    reactor.run(running[-1][1])

        thread = threading.Thread(target=run)
        thread.start()
        try:
            while not running or running[-1][0].waiting():
                assert thread.is_alive(), "the reactor ended"
                thread.join(0.02)
            yield
        finally:
            ended.set()
            while thread.is_alive():
                for _, stop in running:
                    stop.set()
                thread.join(0.05)

    def mirrored(self) -> None:
        """Say that the mirror holds everything that the topics held at the start."""
        with psycopg.connect(self.database.dsn, autocommit=True) as connection:
            generation.ensure(connection)
            for topic in ("shared", "national"):
                for partition in range(PARTITIONS):
                    connection.execute(
                        "INSERT INTO ledger.start_mark (topic, partition, topic_id,"
                        " high_watermark) VALUES (%s, %s, %s, 0)",
                        (topic, partition, uuid4()),
                    )

    def relay_settings(self, **changes: Any) -> RelaySettings:
        """Return the settings of its relay."""
        return RelaySettings(
            **{
                "agreement": self.agreement,
                "country": self.code,
                "dsn": self.database.as_role("relay"),
                "kafka": self.kafka,
                "log_key": self.key,
                **changes,
            }
        )

    def relay_until(self, count: int, **changes: Any) -> RelayMetrics:
        """Run its relay until so many of its events are known to stand on the topics."""
        registry = CollectorRegistry()
        stop = threading.Event()

        def at(step: str) -> None:
            if step in {"read", "hint_moved"} and self.published() >= count:
                stop.set()

        metrics = RelayMetrics(self.code, registry)
        code = run(self.relay_settings(**changes), stop, metrics=metrics, at=at)
        assert code is ExitCode.DONE
        return metrics

    @contextmanager
    def relay(self, **changes: Any) -> Iterator[RelayHealth]:
        """Run its relay for as long as the block lasts."""
        health, stop, ended = RelayHealth(), threading.Event(), []
        metrics = RelayMetrics(self.code, CollectorRegistry())
        settings = self.relay_settings(**changes)
        thread = threading.Thread(
            target=lambda: ended.append(run(settings, stop, health=health, metrics=metrics))
        )
        thread.start()
        try:
            yield health
        finally:
            stop.set()
            thread.join()
        assert ended == [ExitCode.DONE]

    @contextmanager
    def worker(self, **client: Any) -> Iterator[Worker]:
        """Run one of its workers for as long as the block lasts; `client` lets it in to Kafka."""
        settings = WorkerSettings(
            agreement=self.agreement,
            country=self.code,
            dsn=self.database.as_role("project"),
            kafka={"bootstrap_servers": self.kafka, **client},
            national_keys=self.national_keys,
            poll_ms=50,
        )
        worker, stop = Worker(settings), threading.Event()
        thread = threading.Thread(target=worker.run, args=(stop,))
        thread.start()
        try:
            yield worker
        finally:
            stop.set()
            thread.join()

    def published(self) -> int:
        """Return how many of its events are known to stand on the topics."""
        ((count,),) = self.database.run("SELECT coalesce(sum(rank), 0) FROM ledger.relay_hint")
        return int(count)

    def stored(self) -> list[tuple[UUID, int, str, bytes]]:
        """Return (case, decision number, topic, bytes) of its events, in order of commit."""
        return self.database.run(
            "SELECT originator_id, originator_version, topic, state FROM ledger.ledger_events"
            " ORDER BY notification_id"
        )


def opened(ledger: Ledger, key: str | None = None) -> Receipt:
    """Open a case."""
    return ledger.open(by=CASEWORKER, key=key).decide(identity.open_case)


class Referee:
    """The shared topic and the workers of some nodes, played: one order, put into every mirror."""

    def __init__(self, *nodes: Node) -> None:
        self.nodes = nodes
        self.topic: list[tuple[str, bytes]] = []

    def order(self, node: Node, count: int | None = None) -> None:
        """Put a country's shared events on the topic, oldest first."""
        known = {value for _, value in self.topic}
        stored = [value for _, _, topic, value in node.stored() if topic.startswith("shared/")]
        fresh = [value for value in stored if value not in known]
        self.topic += [(node.code, value) for value in fresh[:count]]

    def deliver(self, node: Node, count: int | None = None) -> None:
        """Let a country mirror what it has not seen, or some records of it."""
        (((seen,)),) = node.database.run("SELECT count(*) FROM mirror.record")
        until = len(self.topic) if count is None else seen + count
        for offset, (origin, value) in list(enumerate(self.topic))[seen:until]:
            mirror(node, offset, origin, value)

    def settle(self) -> None:
        """Order everything, and let everybody see it."""
        for node in self.nodes:
            self.order(node)
        for node in self.nodes:
            self.deliver(node)


def mirror(node: Node, offset: int, origin: str, value: bytes, *, held: bool = False) -> None:
    """Put a record into a country's mirror, as a worker would, signed with its origin's log key."""
    stamp = read_stamp(value)
    effect = (None, None) if held else (offset, 0)
    key = node.key.with_name(f"{origin}.key")
    name, leaf = log_name(node.agreement.shared_topic, origin), leaf_hash(value)
    signature = LogSigner.load(key).sign(name, offset, leaf)
    node.database.run(
        'INSERT INTO mirror.record (topic, partition, "offset", effect_offset, effect_rank,'
        " case_id, origin, version, event_id, leaf, log_index, signature, ce_type, value)"
        " VALUES ('shared', 0, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        offset,
        *effect,
        stamp.case_id,
        origin,
        stamp.version,
        stamp.event_id,
        leaf,
        offset,
        signature,
        schema_of(value).name,
        value,
    )
