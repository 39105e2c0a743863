"""A worker that catches up on a real topic, by cosigned roots that stand on the topic of notes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from kafka import KafkaAdminClient
from prometheus_client import REGISTRY

from consumers.note_mail import NoteTopic, NoteWriter
from consumers.settings import WorkerSettings
from events.contract import LOG, NOTE_PARTITIONS, log_header
from events.stamp import leaf_hash
from ledger.case.case import Topic
from ledger.log.heads import Head
from tests import noted
from tests.readers import (
    PATIENCE_SECONDS,
    Running,
    Topics,
    events_of,
    hashes,
    heard,
    settings_of,
    transferred,
    until_mirrored,
)
from tests.wire import Pens, Written

#: What a worker has made of the topics.
MIRRORED = """
SELECT topic, partition, "offset", leaf, log_index, signature, effect_offset, effect_rank
FROM mirror.record ORDER BY 1, 2, 3
"""
STRAY = 'SELECT topic, partition, "offset", outcome, reason FROM mirror.stray ORDER BY 1, 2, 3'


@pytest.fixture
def topics(kafka, prefix) -> Iterator[Topics]:
    """Topics of events and of notes, and pinned keys of who signs those."""
    found = Topics(
        kafka, noted.with_notes(Pens(prefix=prefix, partitions=3, countries=("KZ", "KG")))
    )
    found.create()
    agreement = found.pens.agreement
    names = [agreement.checkpoints_topic, agreement.national_checkpoints_topic("KZ")]
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.create_topics(
        {name: {"num_partitions": NOTE_PARTITIONS, "replication_factor": 1} for name in names}
    )
    admin.close()
    yield found
    found.close()


class Logs:
    """The logs of what was written, and their notes."""

    def __init__(self, topics: Topics) -> None:
        self.topics = topics
        self.leaves: dict[tuple[Topic, str], list[bytes]] = {}

    def put(self, *events, topic: Topic = Topic.SHARED) -> list[Written]:
        """Let the origins write, and remember it."""
        records = self.topics.put(*events, topic=topic)
        for event, record in zip(events, records, strict=True):
            self.leaves.setdefault((topic, event.origin), []).append(leaf_hash(record.value))
        return records

    def sign(self, *, other: bool = False) -> None:
        """Put a checkpoint of every log on its topic, cosigned: of these events, or of others."""
        agreement, writer = self.topics.pens.agreement, NoteWriter()
        cluster = {"bootstrap_servers": self.topics.bootstrap}
        for (topic, origin), leaves in self.leaves.items():
            if topic is Topic.SHARED:
                name = agreement.checkpoints_topic
                by = [noted.witness(agreement, code) for code in ("KZ", "KG") if code != origin]
            else:
                name = agreement.national_checkpoints_topic(origin)
                by = [noted.domestic_witness(agreement, origin)]
            head = noted.head_of(leaves)
            if other:
                head = Head(head.size, leaf_hash(head.root))
            note = noted.note(agreement, origin, head, topic=topic, by=by)
            writer.put(NoteTopic(name, cluster), origin, note.render())
        writer.close()


def proven(country: str, topic: str) -> float:
    """Return how many events were believed without a signature."""
    labels = {"country": country, "topic": topic}
    return REGISTRY.get_sample_value("ledger_projection_proven_total", labels) or 0.0


def patient(settings: WorkerSettings) -> Running:
    """Return a worker that applies nothing before it knows what is proven."""
    until = time.monotonic() + PATIENCE_SECONDS

    def wait(step: str) -> None:
        if step != "polled":
            return
        for stream in found.worker._streams:
            while not all(one.ends for one in stream._progress.standings().values()):
                assert time.monotonic() < until
                time.sleep(0.01)
            stream.ranges.look(stream._progress)
            while stream.ranges.is_proving:
                assert time.monotonic() < until
                time.sleep(0.01)
                stream.ranges.look(stream._progress)

    found = Running(settings, at=wait)
    return found


@contextmanager
def reading(settings: WorkerSettings) -> Iterator[Running]:
    worker = patient(settings)
    worker.thread.start()
    try:
        yield worker
    finally:
        worker.end()
    assert worker.failure is None


def read_all(topics: Topics, dsn: str, records: int, *, prove_from: int = 1) -> None:
    with reading(settings_of(topics, dsn, prove_from=prove_from)) as worker:
        until_mirrored(dsn, records, worker)


def test_a_new_node_hashes_what_was_cosigned_and_has_what_the_others_have(topics, new_database):
    stories = [transferred(seed) for seed in range(4)]
    logs = Logs(topics)
    written = logs.put(*events_of(*stories))
    logs.put(*map(heard, stories), topic=Topic.NATIONAL)
    logs.sign()
    copy = written[3]._replace(headers=[(LOG, log_header(3, os.urandom(64)))])
    babble = Written(0, b"key", b"value", [(LOG, bytes(72))], partition=1)
    topics.put_records([copy, written[5], babble], topics.pens.agreement.shared_topic)
    later = transferred(9)
    topics.put(*events_of(later))  # nobody has signed a root over these
    everything = len(written) + 4 + 3 + len(later.topic)

    before = proven("KZ", "shared"), proven("KZ", "national")
    first, second = new_database(), new_database()
    read_all(topics, first.as_role("project"), everything)
    spared = proven("KZ", "shared") - before[0], proven("KZ", "national") - before[1]
    read_all(topics, second.as_role("project"), everything, prove_from=10_000)

    # Of two records under one place neither is proven by it.
    assert spared == (len(written) - 2, 4)
    assert hashes(first.as_role("project")) == hashes(second.as_role("project"))
    assert first.run(MIRRORED) == second.run(MIRRORED)
    assert first.run(STRAY) == second.run(STRAY)
    assert [("noise", 2), ("repeat", 1)] == first.run(
        "SELECT outcome, count(*) FROM mirror.stray GROUP BY 1 ORDER BY 1"
    )


def test_a_root_of_another_history_proves_nothing_and_stops_nobody(topics, database, dsn):
    logs = Logs(topics)
    written = logs.put(*events_of(transferred()))
    logs.sign(other=True)
    before = proven("KZ", "shared")
    read_all(topics, dsn, len(written))
    assert proven("KZ", "shared") == before
    assert database.run("SELECT count(*) FROM mirror.record") == [(len(written),)]


def test_a_record_that_was_forged_into_the_topic_is_noise_by_root_too(topics, database, dsn):
    """A stranger takes the next place of KZ's log, before KZ does."""
    story = transferred()
    logs = Logs(topics)
    forged = topics.pens.write(events_of(transferred(5))[0], index=0)
    name = topics.pens.agreement.shared_topic
    headers = [(LOG, log_header(0, os.urandom(64)))]
    topics.put_records([forged._replace(headers=headers)], name)
    written = logs.put(*events_of(story))
    logs.sign()
    read_all(topics, dsn, len(written) + 1)
    assert database.run("SELECT outcome, reason FROM mirror.stray") == [("noise", "signature")]
    assert database.run("SELECT count(*) FROM read_1.audit_trail") == [(len(written),)]


def test_without_a_topic_of_notes_a_worker_checks_every_signature(kafka, prefix, database, dsn):
    pens = noted.with_notes(Pens(prefix=prefix, partitions=3, countries=("KZ", "KG")))
    topics = Topics(kafka, pens)
    topics.create()
    try:
        written = topics.put(*events_of(transferred()))
        read_all(topics, dsn, len(written))
    finally:
        topics.close()
    assert database.run("SELECT count(*) FROM mirror.record") == [(len(written),)]
