"""A worker among servers and other workers that vanish without a word."""

import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import psycopg
from prometheus_client import REGISTRY

from consumers import measures, session
from consumers.worker import Worker
from events.codec import encode
from events.errors import StartAgain
from ledger.case import transfer
from ledger.watchdog import Watchdog
from node.children import ChildrenWaiting
from tests.given import NOON, SCOPES, consented, opened, ready
from tests.readers import (
    Running,
    events_of,
    eventually,
    hashes,
    read_all,
    running,
    settings_of,
    transferred,
    until_mirrored,
)


def test_a_worker_that_vanishes_within_a_batch_does_not_keep_its_successor_waiting(
    topics, database, dsn
):
    """Stopped with the positions locked, it says neither yes nor no; its host may be gone."""
    events = events_of(*(transferred(seed) for seed in range(3)))
    topics.put(*events)
    program = [sys.executable, "-m", "tests.killed_worker", topics.bootstrap, topics.pens.prefix]
    with subprocess.Popen([*program, dsn, "swapped", "1", "1", "SIGSTOP"]) as vanished:
        try:
            os.waitpid(vanished.pid, os.WUNTRACED)
            read_all(topics, dsn, len(events))
            before = hashes(dsn)
            vanished.send_signal(signal.SIGCONT)
            assert vanished.wait(60), "it was told that it is no longer the one who reads"
        finally:
            vanished.kill()
    assert before == hashes(dsn)
    assert [(len(events),)] == database.run("SELECT count(*) FROM read_1.audit_trail")


def test_what_a_dsn_says_about_the_wire_counts(dsn):
    """Both ends ask each other; the DSN of an operator is not overruled."""
    own = psycopg.conninfo.make_conninfo(dsn, keepalives_idle=7, application_name="mine")
    with session.connect(own, idle_s=3, lock_s=4) as connection:
        given = connection.info.get_parameters()
        assert ("7", "10", "30000") == (
            given["keepalives_idle"],
            given["keepalives_interval"],
            given["tcp_user_timeout"],
        )
        shown = {
            name: connection.execute(f"SHOW {name}").fetchone()
            for name in ("idle_in_transaction_session_timeout", "lock_timeout", "application_name")
        }
    assert {
        "idle_in_transaction_session_timeout": ("3s",),
        "lock_timeout": ("4s",),
        "application_name": ("mine",),
    } == shown


def test_it_says_how_far_it_is_and_where_the_log_stands(topics, dsn):
    events = events_of(transferred())
    (written,) = {record.partition for record in topics.put(*events)}

    def values() -> dict[str, float]:
        return {
            family.name: sample.value
            for family in measures.PLACES.collect()
            for sample in family.samples
            if sample.labels["topic"] == "shared" and sample.labels["partition"] == str(written)
        }

    with running(settings_of(topics, dsn)) as worker:
        eventually(lambda: not worker.worker.waiting(), "being ready")
        eventually(lambda: values()["ledger_projection_lag_events"] == 0, "the end")
        found = values()
    assert found.pop("ledger_projection_lag_seconds") == 0
    # Five events and the mark of their transaction.
    assert {
        "ledger_projection_next_offset": 6,
        "ledger_projection_lag_events": 0,
        "ledger_log_start_offset": 0,
        "ledger_log_stable_offset": 6,
        "ledger_log_end_offset": 6,
    } == found


def test_an_open_transaction_of_somebody_else_is_no_lag(topics, dsn):
    """What nobody can read yet does not keep a worker from being ready, and is seen as a gap."""
    topics.put(*events_of(transferred()))
    producer = topics._open()
    producer.begin_transaction()
    name = topics.pens.agreement.shared_topic
    producer.send(name, value=b"x", partition=0)
    producer.flush()

    def gaps() -> set[float]:
        shown = {family.name: family.samples for family in measures.PLACES.collect()}
        ends = zip(shown["ledger_log_end_offset"], shown["ledger_log_stable_offset"], strict=True)
        return {end.value - stable.value for end, stable in ends}

    with running(settings_of(topics, dsn)) as worker:
        eventually(lambda: not worker.worker.waiting(), "being ready")
        eventually(lambda: 1 in gaps(), "the gap")
        producer.abort_transaction()
        eventually(lambda: gaps() == {0}, "no gap")


def test_a_worker_that_has_not_begun_waits_for_its_start(topics, dsn):
    assert {"start"} == set(Worker(settings_of(topics, dsn)).waiting())


def _asked(dsn: str) -> dict[tuple[str, ...], float]:
    """Return what is known of children who wait, by name of the metric and labels."""
    return {
        (sample.name.removeprefix("ledger_"), *sample.labels.values()): sample.value
        for family in ChildrenWaiting(dsn, "KZ").collect()
        for sample in family.samples
    }


def test_a_child_who_waits_is_seen(topics, database, dsn):
    """One handoff was sent and not looked at; one consent ends within a month."""
    moment = datetime.now(UTC) - timedelta(hours=5)
    story, today = opened("KZ", "KG"), moment.date()
    days = (today - NOON.date()).days + 20
    basis_id = consented(story, days=days)
    ready(story)
    story.did(
        "KZ",
        transfer.propose_transfer,
        at=moment,
        recipient="KG",
        basis_id=basis_id,
        scopes=SCOPES[:1],
        due_on=today + timedelta(days=7),
    )
    events = events_of(story)
    topics.put(*events)
    database.forget_read_models()
    assert {("children_asked_success", "KZ"): 0} == _asked(dsn)  # nothing was read yet
    read_all(topics, dsn, len(events))
    found = _asked(dsn)
    assert 5 * 3600 <= found.pop(("oldest_unacknowledged_handoff_seconds", "KZ", "KG")) < 24 * 3600
    assert {
        ("children_asked_success", "KZ"): 1,
        ("consent_expiring_cases", "KZ", "7d"): 0,
        ("consent_expiring_cases", "KZ", "30d"): 1,
        ("consent_expiring_cases", "KZ", "90d"): 1,
        ("oldest_late_transfer_seconds", "KZ"): 0,
        ("oldest_unfinished_erasure_seconds", "KZ"): 0,
        ("oldest_unreviewed_access_seconds", "KZ"): 0,
    } == found


def test_a_question_without_an_answer_is_no_silence(topics, database, dsn):
    """A database that is away, or locked, or has no such table: the alert hears of each."""
    read_all(topics, dsn, 0)
    away = psycopg.conninfo.make_conninfo(dsn, port=1)
    assert {("children_asked_success", "KZ"): 0} == _asked(away)
    with psycopg.connect(database.dsn) as busy:
        busy.execute("LOCK TABLE read_1.referrals IN ACCESS EXCLUSIVE MODE")
        assert {("children_asked_success", "KZ"): 0} == _asked(dsn)
    assert 1 == _asked(dsn)["children_asked_success", "KZ"]
    database.run("ALTER TABLE read_1.referrals RENAME TO elsewhere")
    assert {("children_asked_success", "KZ"): 0} == _asked(dsn)


def counted(name: str, **labels: str) -> float:
    """Return the value of a series now; 0 if there is none yet."""
    return REGISTRY.get_sample_value(name, {"country": "KZ", **labels}) or 0.0


def test_what_came_late_is_counted_when_it_takes_effect(topics, dsn):
    """The slowest events are those that were held: without them the slow end of it is missing."""
    count = "ledger_event_end_to_end_seconds_count"
    names = ("ledger_projection_gaps_total", "ledger_projection_duplicates_total")
    labels: list[dict[str, str]] = [{}, {"topic": "shared"}]
    before = [counted(name, **one) for name, one in zip(names, labels, strict=True)]
    seen = {one: counted(count, topic="shared", origin=one) for one in ("KZ", "KG")}
    first, *others = topics.pens.write_all(events_of(transferred()))
    shared = topics.pens.agreement.shared_topic
    with running(settings_of(topics, dsn)):
        topics.put_records(others, shared)
        until_mirrored(dsn, 4)
        eventually(lambda: counted("ledger_quarantine_events", kind="held") == 4, "four held")
        topics.put_records([first, first], shared)
        until_mirrored(dsn, 6)
        eventually(lambda: counted("ledger_quarantine_events", kind="held") == 0, "none held")
    after = [counted(name, **one) for name, one in zip(names, labels, strict=True)]
    assert [4, 1] == [now - then for now, then in zip(after, before, strict=True)]
    assert {"KZ": 3, "KG": 2} == {
        one: counted(count, topic="shared", origin=one) - then for one, then in seen.items()
    }


def test_an_event_that_cannot_be_read_yet_is_counted_with_what_waits_behind_it(topics, dsn):
    names = ("ledger_schema_unknown_fingerprint_total", "ledger_projection_unknown_type_total")
    before = [counted(name) for name in names]
    pens, events = topics.pens, events_of(transferred())
    records = [pens.write(event) for event in events[:2]]
    unknown = b"\xc3\x01" + b"\x99" * 8 + encode(events[2])[10:]
    records.append(pens.write(events[2], value=unknown, index=2))
    topics.put_records(records, pens.agreement.shared_topic)
    with running(settings_of(topics, dsn)):
        until_mirrored(dsn, 3)
        eventually(lambda: counted("ledger_quarantine_events", kind="parked") == 1, "one parked")
    assert [1, 0] == [counted(name) - then for name, then in zip(names, before, strict=True)]


def test_a_step_that_never_ends_ends_the_process(topics, dsn):
    """A call without a timeout, a pipe that nobody answers: the next worker begins anew."""
    left: list[int] = []
    gone = threading.Event()

    def hang(step: str) -> None:
        if step == "polled":
            assert gone.wait(60), "nobody noticed"

    running = Running(settings_of(topics, dsn, step_s=0), at=hang)
    (stream,) = running.worker._streams
    stream._watchdog = Watchdog(lambda code: (left.append(code), gone.set()))
    running.thread.start()
    assert gone.wait(60)
    assert running.end() is None
    assert [StartAgain.exit_code] == left
