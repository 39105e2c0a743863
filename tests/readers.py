"""Topics on a real broker and workers that read them, for tests of the reading side."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

import psycopg
from kafka import KafkaAdminClient, KafkaProducer

from consumers.settings import WorkerSettings
from consumers.worker import Worker
from events.care import ViewsRecorded
from events.contract import TOPIC_SETTINGS
from events.errors import LedgerError, StartAgain
from events.stamp import Event
from ledger.case import transfer
from ledger.case.case import Topic
from projections import generation, hashing
from projections.generation import schema_of
from projections.models import TABLES
from tests.given import CASEWORKER, NOON, Story, consented, opened, proposed, ready
from tests.wire import Pens, Written

PATIENCE_SECONDS = 40.0


def transferred(seed: int = 0) -> Story:
    """Return a case that KZ proposed and KG has accepted."""
    story = opened("KZ", "KG", seed=seed)
    basis_id = consented(story)
    ready(story)
    handoff_id = proposed(story, basis_id)
    story.did("KG", transfer.preview_transfer, handoff_id=handoff_id)
    story.did("KG", transfer.accept_transfer, handoff_id=handoff_id)
    return story


def events_of(*stories: Story) -> list[Event]:
    """Return the shared events of some cases, turn by turn."""
    longest = max(len(story.topic) for story in stories)
    return [
        story.topic[at][0] for at in range(longest) for story in stories if at < len(story.topic)
    ]


def heard(story: Story, version: int = 1) -> ViewsRecorded:
    """Return a national event of the case."""
    return ViewsRecorded(
        event_id=uuid4(),
        case_id=story.case_id,
        origin="KZ",
        version=version,
        seen=bytes(32),
        occurred_at=NOON,
        recorded_at=NOON,
        actor=CASEWORKER,
        views_id=uuid4(),
    )


class Topics:
    """The topics of an agreement on a broker, and a pen for every country."""

    def __init__(self, bootstrap: str, pens: Pens) -> None:
        self.bootstrap = bootstrap
        self.pens = pens
        self._producer: Any = None

    @property
    def names(self) -> list[str]:
        """Every topic of the agreement."""
        agreement = self.pens.agreement
        return [agreement.shared_topic, *map(agreement.national_topic, agreement.countries)]

    def create(self) -> None:
        """Make the topics."""
        settings = {
            "num_partitions": self.pens.partitions,
            "replication_factor": 1,
            "configs": dict(TOPIC_SETTINGS),
        }
        with self._admin() as admin:
            admin.create_topics(dict.fromkeys(self.names, settings))

    def delete(self) -> None:
        """Drop the topics."""
        with self._admin() as admin:
            admin.delete_topics(self.names)

    def put(self, *events: Event, topic: Topic = Topic.SHARED, **unlike: Any) -> list[Written]:
        """Let the origins write events, all in one transaction; `unlike` goes to `Pens.write`."""
        records = [self.pens.write(event, topic=topic, **unlike) for event in events]
        origin = events[0].origin if topic is Topic.NATIONAL else "KZ"
        self.put_records(records, self.pens.name_of(topic, origin))
        return records

    def put_records(self, records: Iterable[Written], name: str) -> None:
        """Put records on a topic as they are, in one transaction."""
        producer = self._open()
        producer.begin_transaction()
        sent = [
            producer.send(
                name,
                value=record.value,
                key=record.key,
                headers=list(record.headers),
                partition=record.partition,
            )
            for record in records
        ]
        producer.flush()
        for future in sent:
            future.get(timeout=10)
        producer.commit_transaction()

    def close(self) -> None:
        """Let the producer go."""
        if self._producer is not None:
            self._producer.close()

    def _open(self) -> Any:
        if self._producer is None:
            self._producer = KafkaProducer(
                bootstrap_servers=self.bootstrap,
                transactional_id=f"test.{self.pens.prefix}",
                transaction_timeout_ms=10_000,
                retry_backoff_ms=10,
            )
            self._producer.init_transactions()
        return self._producer

    @contextmanager
    def _admin(self) -> Iterator[Any]:
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            yield admin
        finally:
            admin.close()


def settings_of(topics: Topics, dsn: str, country: str = "KZ", **changes: Any) -> WorkerSettings:
    """Return the settings of a worker on these topics."""
    given: dict[str, Any] = {
        "agreement": topics.pens.agreement,
        "country": country,
        "dsn": dsn,
        "kafka": {"bootstrap_servers": topics.bootstrap},
        "poll_ms": 50,
    }
    return WorkerSettings(**{**given, **changes})


class Running:
    """A worker in a thread of its own."""

    def __init__(self, settings: WorkerSettings, *, at: Callable[[str], None] | None = None):
        self.worker = Worker(settings)
        self.stop = threading.Event()
        self.failure: LedgerError | None = None
        hook = {} if at is None else {"at": at}
        self.thread = threading.Thread(target=self._run, kwargs=hook)

    def _run(self, **hook: Any) -> None:
        try:
            self.worker.run(self.stop, **hook)
        except LedgerError as error:
            self.failure = error

    def end(self) -> LedgerError | None:
        """Ask it to stop, and return why it had stopped before, if it had."""
        self.stop.set()
        self.thread.join(PATIENCE_SECONDS)
        assert not self.thread.is_alive()
        return self.failure

    def wait(self) -> LedgerError | None:
        """Wait until it stops by itself, and return why."""
        self.thread.join(PATIENCE_SECONDS)
        assert not self.thread.is_alive(), "the worker goes on"
        return self.failure


@contextmanager
def running(settings: WorkerSettings, **hook: Any) -> Iterator[Running]:
    """Run a worker while the block runs."""
    found = Running(settings, **hook)
    found.thread.start()
    try:
        yield found
    finally:
        found.end()


def eventually(holds: Callable[[], Any], what: str = "this") -> Any:
    """Wait until something is true, and return it."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        with suppress(psycopg.Error):
            if found := holds():
                return found
        assert time.monotonic() < until, f"{what} never came true"
        time.sleep(0.02)


def read_all(topics: Topics, dsn: str, records: int, **changes: Any) -> None:
    """Run a worker until so many records are in the mirror, admitted or stray."""
    with running(settings_of(topics, dsn, **changes)) as worker:
        until_mirrored(dsn, records, worker)


def until_mirrored(dsn: str, records: int, worker: Running | None = None) -> None:
    """Wait for the mirror to hold so many records."""

    def holds() -> bool:
        if worker is not None and worker.failure is not None:
            raise worker.failure
        return mirrored(dsn) >= records

    eventually(holds, f"{records} records in the mirror")


def mirrored(dsn: str) -> int:
    """Return how many records are in the mirror, admitted or stray."""
    statement = "SELECT (SELECT count(*) FROM mirror.record) + (SELECT count(*) FROM mirror.stray)"
    with psycopg.connect(dsn) as connection:
        row = connection.execute(statement).fetchone()
        assert row is not None
        return int(row[0])


def hashes(dsn: str, *, shared_only: bool = False) -> dict[str, str]:
    """Return the state hash of every read model in use."""
    with psycopg.connect(dsn) as connection:
        number = generation.current(connection)
        assert number is not None
        schema = schema_of(number)
        if shared_only:
            return hashing.shared_hashes(connection, schema)
        return {table.name: hashing.state_hash(connection, schema, table) for table in TABLES}


def keep_running(settings: WorkerSettings, stop: threading.Event) -> int:
    """Start a worker again whenever it asks for it, as the supervisor does; count the starts."""
    starts = 0
    while not stop.is_set():
        starts += 1
        own = threading.Event()  # a failing worker sets its event
        worker = Running(settings)
        worker.stop = own
        worker.thread.start()
        while worker.thread.is_alive():
            if stop.is_set():
                own.set()
            worker.thread.join(0.05)
        assert worker.failure is None or isinstance(worker.failure, StartAgain), worker.failure
    return starts
