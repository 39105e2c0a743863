"""Servers that die under load, workers that come back from the dead: nothing twice or lost.

These take the time that brokers and databases take to start, so `make soak` runs them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from random import Random

import psycopg
import pytest

from ledger import database as databases
from node.embedded.kafka import EmbeddedKafka
from node.embedded.postgres import EmbeddedPostgres
from projections.rebuild import rebuild
from tests.readers import (
    Topics,
    events_of,
    eventually,
    hashes,
    keep_running,
    mirrored,
    read_all,
    settings_of,
    transferred,
)
from tests.wire import Pens

pytestmark = pytest.mark.soak

CASES = 120


@contextmanager
def supervised(settings) -> Iterator[None]:
    """Keep a worker running while the block runs."""
    stop = threading.Event()
    thread = threading.Thread(target=keep_running, args=(settings, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


def write_on(topics: Topics, events, done: threading.Event) -> None:
    """Write events in order, over and over until the broker takes them; one by one."""
    for event in events:
        record = topics.pens.write(event)
        while True:
            try:
                topics.put_records([record], topics.pens.agreement.shared_topic)
                break
            except Exception:  # noqa: BLE001 - the broker is away; a repeat is part of the test
                with suppress(Exception):
                    topics.close()
                topics._producer = None
                time.sleep(0.3)
    done.set()


def require_everything_once(dsn: str, events: int) -> None:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT count(*), count(DISTINCT leaf), count(*) FILTER (WHERE effective)"
            " FROM read_1.audit_trail"
        ).fetchone()
    assert (events, events, events) == row
    before = hashes(dsn)
    assert rebuild(dsn, country="KZ").equal
    assert before == hashes(dsn)


@pytest.mark.parametrize("which", ["kafka", "postgresql"])
def test_a_server_killed_under_load_costs_time_and_nothing_else(tmp_path, which):
    """kill -9 and start again, three times, while events come in."""
    kafka, postgres = EmbeddedKafka(tmp_path / "kafka"), EmbeddedPostgres(tmp_path / "postgresql")
    kafka.start()
    postgres.start()
    try:
        databases.prepare(postgres.dsn(), "kz", packages=("ledger", "projections"))
        dsn = postgres.dsn("kz")
        topics = Topics(kafka.bootstrap, Pens(partitions=3, countries=("KZ", "KG")))
        topics.create()
        events = events_of(*(transferred(seed) for seed in range(CASES)))
        done = threading.Event()
        writing = threading.Thread(target=write_on, args=(topics, events, done), daemon=True)
        with supervised(settings_of(topics, dsn, batch_records=20)):
            eventually(lambda: mirrored(dsn) >= 0, "a first generation")
            writing.start()
            server = kafka if which == "kafka" else postgres
            for turn in range(1, 4):
                eventually(lambda turn=turn: mirrored(dsn) >= turn * len(events) // 5, "progress")
                os.kill(server.pid, signal.SIGKILL)
                eventually(lambda: server.poll() is not None, "the server's death")
                server.stop()  # lets go of its folder
                server.start()
            writing.join(120)
            assert done.is_set()
            eventually(lambda: _effects(dsn) >= len(events), "every event")
        topics.close()
        require_everything_once(dsn, len(events))
    finally:
        postgres.stop()
        kafka.stop()


def _effects(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM read_1.audit_trail").fetchone()
        assert row is not None
        return int(row[0])


def _program(topics: Topics, dsn: str, number: int, *extra: str) -> list[str]:
    return [
        sys.executable, "-m", "tests.killed_worker", topics.bootstrap, topics.pens.prefix, dsn,
        *(extra or ("never", "1")), str(number),
    ]  # fmt: skip


def test_many_kills_at_random_steps_repeat_no_effect(topics, dsn):
    """Thirty workers die at random; each next one goes on where the last had committed."""
    luck = Random(11)
    events = events_of(*(transferred(seed) for seed in range(60)))
    steps = ["polled", "swapped", "mirrored", "written", "committed", "notified"]
    for turn in range(30):
        part = events[turn * 10 : turn * 10 + 10]
        if part:
            topics.put(*part)
        step, count = luck.choice(steps), str(luck.randint(1, 4))
        killed = subprocess.run(_program(topics, dsn, 1, step, count), check=False, timeout=60)
        assert -signal.SIGKILL == killed.returncode
    read_all(topics, dsn, len(events))
    require_everything_once(dsn, len(events))


def test_a_worker_that_was_frozen_cannot_write_what_another_has_written(topics, dsn):
    """SIGSTOP until its partitions are another's, then SIGCONT: it loses the swap, or has none."""
    events = events_of(*(transferred(seed) for seed in range(20)))
    topics.put(*events[:30])
    frozen = subprocess.Popen(_program(topics, dsn, 1))
    try:
        eventually(lambda: mirrored(dsn) >= 30, "the first worker")
        os.kill(frozen.pid, signal.SIGSTOP)
        topics.put(*events[30:60])
        with supervised(settings_of(topics, dsn, number=2)):
            eventually(lambda: mirrored(dsn) >= 60, "the second worker")
            os.kill(frozen.pid, signal.SIGCONT)
            topics.put(*events[60:])
            eventually(lambda: mirrored(dsn) >= len(events), "both")
    finally:
        frozen.kill()
        frozen.wait()
    require_everything_once(dsn, len(events))
