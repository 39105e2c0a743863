"""A worker on a real topic and a real database: what it carries over, and what stops it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from consumers.batch import Read, apply
from consumers.checking import Checker
from consumers.examination import Ground
from events.case import CaseOpened
from events.codec import encode
from events.errors import Misconfigured, RecordRejected, StartAgain
from events.transfer import TransferPreviewed
from ledger import mirror
from ledger.case.case import Topic
from ledger.case.fold import EFFECTS
from projections import generation, positions, quarantine
from projections.positions import Move, Position
from tests.given import changed
from tests.readers import (
    Running,
    Topics,
    events_of,
    eventually,
    hashes,
    heard,
    mirrored,
    read_all,
    running,
    settings_of,
    transferred,
    until_mirrored,
)
from tests.wire import Pens, Written


def test_what_is_on_the_topics_gets_into_mirror_trail_and_case_file(topics, database, dsn):
    story = transferred()
    topics.put(*events_of(story))
    topics.put(heard(story), topic=Topic.NATIONAL)
    read_all(topics, dsn, len(story.topic) + 1)

    (case,) = database.run("SELECT responsible, open_handoffs, views_heard FROM read_1.case_file")
    assert ("KZ", 1, True) == case
    trail = database.run(
        "SELECT event_id, place, effective FROM read_1.audit_trail"
        " WHERE topic = 'shared' ORDER BY place"
    )
    expected = [(event.event_id, at, True) for at, (event, _) in enumerate(story.topic, 1)]
    assert expected == trail
    assert [("transfer", "accepted")] == database.run("SELECT kind, state FROM read_1.referrals")


def test_two_countries_say_the_same_of_the_shared_topic(topics, new_database):
    stories = [transferred(seed) for seed in range(4)]
    topics.put(*events_of(*stories))
    topics.put(*map(heard, stories), topic=Topic.NATIONAL)
    said = []
    for country, national in (("KZ", len(stories)), ("KG", 0)):
        dsn = new_database().as_role("project")
        read_all(topics, dsn, len(events_of(*stories)) + national, country=country)
        said.append(hashes(dsn, shared_only=True))
    assert said[0] == said[1]


def test_a_position_counts_the_control_records_behind_the_last_event(topics, database, dsn):
    """Whoever waits for the high watermark must not wait for ever."""
    topics.put(*events_of(transferred()))
    read_all(topics, dsn, 5)
    with running(settings_of(topics, dsn)) as worker:
        eventually(lambda: not worker.worker.waiting(), "being ready")
        (row,) = database.run("SELECT max(next_offset) FROM read_1.position")
    assert (6,) == row  # five events, and the marker that committed them


def test_records_that_are_no_events_are_kept_and_stop_nothing(topics, database, dsn):
    story = transferred()
    good = [topics.pens.write(event) for event in events_of(story)]
    garbage = [
        Written(0, b"key", None),
        Written(0, b"key", b"value", [("log", b"short")]),
        Written(0, os.urandom(16), b"\xc3\x01" + os.urandom(60), [("ce_type", b"\xff\x00")]),
        good[0]._replace(headers=good[1].headers),
    ]
    mixed = [record for pair in zip(garbage, good, strict=False) for record in pair]
    topics.put_records([*mixed, *good[4:], good[0]], topics.pens.agreement.shared_topic)
    read_all(topics, dsn, len(mixed) + 2)
    assert [("noise", 4), ("repeat", 1)] == database.run(
        "SELECT outcome, count(*) FROM mirror.stray GROUP BY 1 ORDER BY 1"
    )
    assert [(5,)] == database.run("SELECT count(*) FROM read_1.audit_trail WHERE effective")


def test_held_events_follow_the_one_they_waited_for_batch_by_batch(topics, database, dsn):
    """Released from the mirror, in version order, at the place of the record that released them."""
    story = transferred()
    first, *later = events_of(story)
    topics.put(*later)
    with running(settings_of(topics, dsn, batch_records=1)) as worker:
        until_mirrored(dsn, len(later), worker)
        assert [(0,)] == database.run("SELECT count(*) FROM read_1.audit_trail")
        topics.put(first)
        until_mirrored(dsn, len(story.topic), worker)
    rows = database.run(
        "SELECT event_id, effect_offset, effect_rank FROM read_1.audit_trail ORDER BY place"
    )
    assert [event.event_id for event, _ in story.topic] == [row[0] for row in rows]
    assert {rows[0][1]} == {row[1] for row in rows}
    assert list(range(len(rows))) == [row[2] for row in rows]


def test_an_own_event_without_effect_becomes_a_task(topics, database, dsn):
    """Nobody is left to believe that a decision was carried out."""
    story = transferred()
    (accepted, _) = story.topic[-1]
    again = changed(accepted, event_id=uuid4(), version=accepted.version + 1)
    topics.put(*events_of(story), again)
    read_all(topics, dsn, 6, country="KG")
    assert [(again.event_id, "TransferAccepted", "wrong_state")] == database.run(
        "SELECT event_id, event_type, void_reason FROM read_1.tasks"
    )


def test_a_national_topic_may_stand_on_another_cluster(topics, database, dsn):
    story = transferred()
    topics.put(*events_of(story))
    topics.put(heard(story), topic=Topic.NATIONAL)
    own = {"bootstrap_servers": topics.bootstrap, "client_id": "own-cluster"}
    read_all(topics, dsn, 6, national_kafka=own)
    counts = database.run("SELECT topic, count FROM read_1.case_state ORDER BY 1")
    assert [("national", 1), ("shared", 5)] == counts


def test_two_workers_share_the_partitions_and_one_takes_over(topics, database, dsn):
    stories = [transferred(seed) for seed in range(6)]
    events = events_of(*stories)
    topics.put(*events[:10])
    with running(settings_of(topics, dsn)) as first:
        until_mirrored(dsn, 10, first)
        with running(settings_of(topics, dsn, number=2)) as second:
            eventually(
                lambda: not (first.worker.waiting() or second.worker.waiting()), "a share of each"
            )
            topics.put(*events[10:20])
            until_mirrored(dsn, 20)
            assert second.end() is None
        if first.failure is not None:  # it may have lost a swap while partitions moved
            assert isinstance(first.failure, StartAgain)
        topics.put(*events[20:])
        read_all(topics, dsn, len(events))
    (row,) = database.run("SELECT count(*), count(DISTINCT event_id) FROM read_1.audit_trail")
    assert (len(events), len(events)) == row


@pytest.mark.soak
@pytest.mark.parametrize(
    "step", ["polled", "swapped", "mirrored", "written", "committed", "notified"]
)
def test_a_kill_between_any_two_steps_repeats_no_effect(topics, database, dsn, step):
    """kill -9, three times in a row, each time one batch further."""
    stories = [transferred(seed) for seed in range(4)]
    topics.put(*events_of(*stories))
    topics.put(*map(heard, stories), topic=Topic.NATIONAL)
    program = [sys.executable, "-m", "tests.killed_worker", topics.bootstrap, topics.pens.prefix]
    for _ in range(2):
        killed = subprocess.run([*program, dsn, step, "3"], check=False, timeout=60)
        assert -signal.SIGKILL == killed.returncode
    read_all(topics, dsn, 24)
    assert [(24, 24)] == database.run(
        "SELECT count(*), count(DISTINCT leaf) FROM read_1.audit_trail"
    )
    assert [(24,)] == database.run("SELECT sum(count) FROM read_1.case_state")


@pytest.fixture
def batch(topics, database, dsn) -> Iterator[tuple[psycopg.Connection, list[Read]]]:
    """A database with a first generation, and a batch that was read but not applied."""
    pens, country = topics.pens, "KZ"
    with psycopg.connect(dsn, autocommit=True) as connection:
        generation.ensure(connection)
        start = [Position("shared", at, uuid4(), 0, 0) for at in range(3)]
        positions.begin(connection, "read_1", start)
        records = pens.write_all(events_of(transferred()))
        at = records[0].partition
        ground = Ground.of(pens.agreement, Topic.SHARED, at, country=country)
        checker = Checker()
        checking = checker.begin(records, ground)
        yield connection, [Read(ground, Move("shared", at, 0, 5, 0), records, checking)]
        checker.close()


def test_of_two_workers_with_one_batch_only_one_applies_it(batch, database, dsn):
    """The one that lost its partition waits for the other's commit, and then leaves."""
    connection, reads = batch
    lost: list[StartAgain] = []

    def second() -> None:
        with psycopg.connect(dsn, autocommit=True) as other:
            try:
                apply(other, "read_1", reads, country="KZ", at=lambda _step: None)
            except StartAgain as error:
                lost.append(error)

    waiting = threading.Thread(target=second)

    def let_it_wait(step: str) -> None:
        if step == "swapped":
            waiting.start()
            eventually(lambda: database.run(_BLOCKED), "the other one waiting")

    apply(connection, "read_1", reads, country="KZ", at=let_it_wait)
    waiting.join()
    assert ["position"] == [error.rule for error in lost]
    assert 75 == lost[0].exit_code
    assert [(5,)] == database.run("SELECT count(*) FROM read_1.audit_trail")


_BLOCKED = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
    " AND cardinality(pg_blocking_pids(pid)) > 0"
)


def test_a_batch_leaves_nothing_behind_if_it_is_not_committed(batch, database):
    connection, reads = batch

    def fail(step: str) -> None:
        if step == "written":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply(connection, "read_1", reads, country="KZ", at=fail)
    tables = ("mirror.record", "read_1.audit_trail", "read_1.case_state", "read_1.case_file")
    assert [(0,)] * 4 == [database.run(f"SELECT count(*) FROM {table}")[0] for table in tables]
    assert [(0,)] == database.run("SELECT max(next_offset) FROM read_1.position")


def test_a_worker_that_loses_its_database_asks_to_be_started_again(topics, database, dsn):
    with running(settings_of(topics, dsn)) as worker:
        eventually(lambda: not worker.worker.waiting(), "being ready")
        database.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE %s",
            f"{database.name}%",
        )
        topics.put(*events_of(transferred()))
        assert isinstance(worker.wait(), StartAgain)


def test_a_topic_that_was_made_anew_is_not_read_on(topics, database, dsn):
    """Its offsets begin again: a reader that only knows numbers would skip its first records."""
    topics.put(*events_of(transferred()))
    read_all(topics, dsn, 5)
    topics.delete()
    eventually(lambda: _recreated(topics), "the topics, made anew")
    rules = []
    # A broker has made a topic before it tells everybody that it is there.
    eventually(lambda: rules.append(_refused(topics, dsn).rule) or rules[-1] != "topic_exists")
    assert "topic_id" == rules[-1]


def _recreated(topics: Topics) -> bool:
    from kafka.errors import TopicAlreadyExistsError

    try:
        topics.create()
    except TopicAlreadyExistsError:
        return False
    return True


def _refused(topics: Topics, dsn: str) -> Misconfigured:
    worker = Running(settings_of(topics, dsn))
    worker.thread.start()
    failure = worker.wait()
    assert isinstance(failure, Misconfigured)
    return failure


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        ("UPDATE read_1.position SET next_offset = 77 WHERE topic = 'shared'", "log_complete"),
        ("UPDATE read_1.position SET leader_epoch = 9", "leader_epoch"),
        ("UPDATE mirror.record SET leaf = '\\x00'", "log_tail"),
    ],
)
def test_a_log_that_was_cut_or_exchanged_is_not_read_on(topics, database, dsn, damage, rule):
    topics.put(*events_of(transferred()))
    read_all(topics, dsn, 5)
    database.run(damage)
    assert rule == _refused(topics, dsn).rule


def test_a_missing_topic_is_said_to_be_missing(kafka, prefix, dsn):
    topics = Topics(kafka, Pens(prefix=prefix))
    refused = _refused(topics, dsn)
    assert "topic_exists" == refused.rule
    assert topics.pens.agreement.shared_topic in str(refused)


def test_a_case_waits_for_its_schema_alone_and_then_goes_on_where_it_stopped(
    topics, database, dsn, monkeypatch
):
    """Parked at its place; the other case is not late; the retry folds on in order of effect."""
    stories = [transferred(0), transferred(1)]
    waiting, other = stories
    late = encode(waiting.topic[3][0])  # TransferPreviewed, from a release that is not here yet
    unknown = b"\xc3\x01" + b"\x99" * 8 + late[10:]
    records = [topics.pens.write(event) for event in events_of(*stories)]
    at = next(i for i, record in enumerate(records) if record.value == late)
    index = at // 2 - 3  # KG's first event of this case; its rank in KG's log
    records[at] = topics.pens.write(waiting.topic[3][0], value=unknown, index=max(index, 0))
    topics.put_records(records, topics.pens.agreement.shared_topic)
    # What follows has seen the leaf of the bytes that were really written.
    read_all(topics, dsn, len(records))
    (parked,) = database.run("SELECT case_id, reason, fingerprint FROM read_1.parked")
    assert (waiting.case_id, "unknown_schema", b"\x99" * 8) == parked
    counts = dict(database.run("SELECT case_id, count FROM read_1.case_state"))
    assert {waiting.case_id: 3, other.case_id: 5} == counts

    _install(monkeypatch, fingerprint=b"\x99" * 8, like="TransferPreviewed")
    with psycopg.connect(dsn, autocommit=True) as connection:
        assert 1 == quarantine.retry_readable(connection, 1, country="KZ")
        assert [] == quarantine.parked(connection, 1)
        history = mirror.history(connection, waiting.case_id)
    trail = database.run(
        "SELECT leaf FROM read_1.audit_trail WHERE case_id = %s ORDER BY place", waiting.case_id
    )
    assert [(placed.leaf,) for placed in history] == trail


def _install(monkeypatch, *, fingerprint: bytes, like: str) -> None:
    """Release a schema: the same fields as another, under a fingerprint of its own."""
    from events import codec, registry

    schema = registry.NEWEST[like]
    monkeypatch.setitem(registry.BY_FINGERPRINT, fingerprint, schema)
    monkeypatch.setattr(codec, "_READERS", codec._Readers())


def test_a_case_that_cannot_be_folded_is_parked_and_its_error_names_no_data(
    topics, database, dsn, monkeypatch
):
    def fail(plane, event):
        raise ZeroDivisionError("Aigerim, born 2014")

    stories = [transferred(seed) for seed in range(2)]
    monkeypatch.setitem(EFFECTS, TransferPreviewed, fail)
    topics.put(*events_of(*stories))
    read_all(topics, dsn, 10)
    rows = database.run("SELECT reason, fingerprint FROM read_1.parked")
    assert [("ZeroDivisionError", None)] * 2 == rows


def test_many_cases_that_cannot_be_folded_stop_the_worker(topics, database, dsn, monkeypatch):
    """That is a bad release, not a bad record; and a restart does not creep on case by case."""

    def fail(plane, event):
        raise ZeroDivisionError

    stories = [transferred(seed) for seed in range(7)]
    monkeypatch.setitem(EFFECTS, CaseOpened, fail)
    topics.put(*(story.topic[0][0] for story in stories))
    for _ in range(2):
        worker = Running(settings_of(topics, dsn, batch_records=1))
        worker.thread.start()
        failure = worker.wait()
        assert isinstance(failure, RecordRejected)
        assert "breaker" == failure.rule
    assert [(5,)] == database.run("SELECT count(*) FROM read_1.parked")
    assert 5 == mirrored(dsn)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO mirror.stray VALUES ('shared', 0, 0, 'noise', 'size')",
        "UPDATE mirror.record SET effect_offset = 9",
        "DELETE FROM mirror.record",
        "TRUNCATE mirror.record",
        "UPDATE read_1.position SET next_offset = 0",
        "DELETE FROM read_1.audit_trail",
        "UPDATE projections.current_generation SET number = 2",
    ],
)
@pytest.mark.parametrize("role", ["append", "relay", "audit"])
def test_only_projecting_roles_write_what_is_read(database, dsn, role, statement):
    with psycopg.connect(dsn, autocommit=True) as connection:
        generation.ensure(connection)
    with (
        psycopg.connect(database.as_role(role), autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE mirror.record SET value = ''",
        "DELETE FROM mirror.record",
        "TRUNCATE mirror.record",
        "DELETE FROM mirror.stray",
        "INSERT INTO ledger.ledger_events VALUES (gen_random_uuid(), 1, 'shared/X', '')",
    ],
)
def test_not_even_a_worker_changes_what_was_mirrored(dsn, statement):
    with (
        psycopg.connect(dsn, autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)
