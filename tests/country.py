"""One country on real servers: its database, its log key, and whatever of its programs is wanted.

A test runs the program that it is about. Where a test is about deciding alone, `mirrored` says
that the mirror has come as far as the relay asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from prometheus_client import CollectorRegistry

from consumers.settings import WorkerSettings
from consumers.worker import Worker
from events.agreement import Agreement, Country
from events.codec import read_stamp, schema_of
from events.stamp import Actor, leaf_hash
from ledger.case import identity
from ledger.log.signature import LogSigner
from ledger.receipt import Receipt
from ledger.relay import RelaySettings, run
from ledger.relaying.exits import ExitCode
from ledger.relaying.health import RelayHealth
from ledger.relaying.metrics import RelayMetrics
from ledger.service import Ledger, LedgerSettings, open_ledger
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
    stop: threading.Event = field(default_factory=threading.Event)

    def ledger(self, **changes: Any) -> Ledger:
        """Open its ledger."""
        dsn = self.database.as_role("append")
        settings = LedgerSettings(dsn=dsn, country=self.code, agreement=self.agreement, **changes)
        return open_ledger(settings)

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
    """Put a record into a country's mirror, as a worker would."""
    stamp = read_stamp(value)
    effect = (None, None) if held else (offset, 0)
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
        leaf_hash(value),
        offset,
        b"",
        schema_of(value).name,
        value,
    )
