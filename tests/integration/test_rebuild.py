"""Read models built again from the mirror, compared with the live ones, put in their place."""

from __future__ import annotations

import threading

import psycopg
import pytest

from consumers.worker import Worker
from events.errors import (
    Misconfigured,
    NotAllowedNow,
    RecordRejected,
    ServiceUnavailable,
    StartAgain,
)
from ledger.case.case import Topic
from projections import case_state, fillers, generation, hashing, rebuild
from tests.readers import (
    Running,
    events_of,
    hashes,
    heard,
    read_all,
    running,
    settings_of,
    transferred,
    until_mirrored,
)


def test_a_rebuild_says_what_the_live_read_models_said(topics, database, dsn):
    stories = [transferred(seed) for seed in range(6)]
    topics.put(*events_of(*stories))
    topics.put(*map(heard, stories), topic=Topic.NATIONAL)
    read_all(topics, dsn, 36)
    before = hashes(dsn)
    told = []

    done = rebuild.rebuild(dsn, country="KZ", processes=2, tell=told.append)

    assert (2, 1, 36, True) == (done.number, done.before, done.events, done.equal)
    assert before == hashes(dsn)
    assert [(2,)] == database.run("SELECT number FROM projections.current_generation")
    assert 36 == sum(progress.events for progress in told)
    assert [(2, 1, True, None)] == database.run(
        "SELECT number, before, equal, reason FROM projections.rebuilt"
    )


def test_held_and_released_events_keep_their_places(topics, dsn):
    story = transferred()
    first, *later = events_of(story)
    topics.put(*later)
    topics.put(first)
    read_all(topics, dsn, 5, batch_records=1)
    assert rebuild.rebuild(dsn, country="KZ").equal


def test_a_rebuild_beside_traffic_misses_nothing(topics, database, dsn):
    """The old worker leaves at the flip, the next one goes on in the new generation."""
    stories = [transferred(seed) for seed in range(30)]
    events = events_of(*stories)
    topics.put(*events[:60])
    with running(settings_of(topics, dsn, batch_records=7)) as worker:
        until_mirrored(dsn, 30, worker)
        writing = threading.Thread(target=_write_slowly, args=(topics, events[60:]))
        writing.start()
        done = rebuild.rebuild(dsn, country="KZ", processes=2)
        assert done.equal
        assert isinstance(worker.wait(), StartAgain)
        writing.join()
    read_all(topics, dsn, len(events))
    live = hashes(dsn)
    assert [(len(events),)] == database.run("SELECT count(*) FROM read_2.audit_trail")
    assert rebuild.rebuild(dsn, country="KZ").equal
    assert live == hashes(dsn)


def _write_slowly(topics, events):
    for at in range(0, len(events), 5):
        topics.put(*events[at : at + 5])


def test_a_parked_case_is_parked_in_the_new_generation_too(topics, database, dsn, monkeypatch):
    story = transferred()
    records = [topics.pens.write(event) for event in events_of(story)[:2]]
    last = events_of(story)[2]
    value = b"\xc3\x01" + b"\x99" * 8 + records[0].value[10:]
    late = topics.pens.write(last, value=value.replace(b"\x02", b"\x02"))
    topics.put_records([*records, late], topics.pens.agreement.shared_topic)
    read_all(topics, dsn, 3)
    before = database.run("SELECT case_id, topic, reason, since_offset FROM read_1.parked")
    assert rebuild.rebuild(dsn, country="KZ").equal
    assert before == database.run("SELECT case_id, topic, reason, since_offset FROM read_2.parked")


def test_read_models_that_differ_are_refused_unless_somebody_says_why(topics, database, dsn):
    """A changed fold is meant; a rebuild that silently says something else is not."""
    topics.put(*events_of(transferred()))
    read_all(topics, dsn, 5)
    database.run("UPDATE read_1.consents SET state = 'withdrawn'")

    with pytest.raises(RecordRejected, match="consents: 1 rows") as refused:
        rebuild.rebuild(dsn, country="KZ")
    assert "state_hash" == refused.value.rule
    assert [(1,)] == database.run("SELECT number FROM projections.current_generation")
    with psycopg.connect(dsn) as connection:
        assert [1] == generation.existing(connection)

    done = rebuild.rebuild(dsn, country="KZ", expect_difference="a hand was in the table")
    assert {"consents": 1} == done.differences
    assert [(False, "a hand was in the table")] == database.run(
        "SELECT equal, reason FROM projections.rebuilt"
    )
    assert [("granted",)] == database.run("SELECT state FROM read_2.consents")


def test_what_cannot_be_recorded_is_not_used(topics, database, dsn):
    """The register says which read models are used before they are, and what they say."""
    topics.put(*events_of(transferred()))
    read_all(topics, dsn, 5)

    def nobody_listens(_ready):
        raise ServiceUnavailable("the register cannot be reached")

    with pytest.raises(ServiceUnavailable):
        rebuild.rebuild(dsn, country="KZ", announce=nobody_listens)
    assert [(1,)] == database.run("SELECT number FROM projections.current_generation")
    told = []
    done = rebuild.rebuild(dsn, country="KZ", announce=told.append)
    ((rebuilt, reached, state),) = told
    assert rebuilt == done
    assert {part: one.next_offset for part, one in reached.items()} == {
        (topic, partition): offset
        for topic, partition, offset in database.run(
            "SELECT topic, partition, next_offset FROM read_2.position"
        )
    }
    with psycopg.connect(dsn) as connection:
        assert state.hex() == hashing.state_hash(connection, "read_2", case_state.TABLE)


def test_an_old_worker_cannot_write_into_a_retired_generation(topics, database, dsn):
    events = events_of(transferred())
    topics.put(*events[:2])
    worker = Running(settings_of(topics, dsn))
    worker.thread.start()
    until_mirrored(dsn, 2, worker)
    rebuild.rebuild(dsn, country="KZ")
    topics.put(*events[2:])
    assert isinstance(worker.wait(), StartAgain)
    assert [(2,)] == database.run("SELECT count(*) FROM mirror.record")


def test_only_one_rebuild_runs_at_a_time(topics, dsn):
    topics.put(*events_of(transferred()))
    read_all(topics, dsn, 5)
    with rebuild._alone(dsn), pytest.raises(NotAllowedNow, match="another rebuild"):
        rebuild.rebuild(dsn, country="KZ")


def test_there_is_nothing_to_rebuild_before_the_first_worker(database, dsn):
    database.forget_read_models()
    with pytest.raises(ServiceUnavailable, match="no worker has run yet"):
        rebuild.rebuild(dsn, country="KZ")


def test_old_generations_are_dropped_later_and_the_one_in_use_stays(topics, dsn):
    topics.put(*events_of(transferred()))
    read_all(topics, dsn, 5)
    for _ in range(2):
        rebuild.rebuild(dsn, country="KZ")
    with psycopg.connect(dsn, autocommit=True) as connection:
        assert [1, 2] == generation.drop_old(connection)
        assert [3] == generation.existing(connection)


def test_a_filling_process_that_dies_leaves_the_old_generation_in_use(topics, dsn, monkeypatch):
    topics.put(*events_of(transferred()))
    read_all(topics, dsn, 5)
    monkeypatch.setattr(fillers, "write_job", lambda _job: "no job\n")
    with pytest.raises(ServiceUnavailable, match="filling ended"):
        rebuild.rebuild(dsn, country="KZ")
    with psycopg.connect(dsn) as connection:
        assert 1 == generation.current(connection)
        assert [1] == generation.existing(connection)


def test_read_models_of_another_release_are_built_anew_and_not_written_into(topics, database, dsn):
    """A release may add a read model or a column: the mirror has what it needs."""
    topics.put(*events_of(transferred()))
    read_all(topics, dsn, 5)
    database.run("DROP TABLE read_1.releases")
    database.run("ALTER TABLE read_1.consent_terms DROP COLUMN giver")

    stop = threading.Event()
    with pytest.raises(Misconfigured, match="releases"):
        Worker(settings_of(topics, dsn)).run(stop)
    with pytest.raises(RecordRejected, match=r"state_hash|differ"):
        rebuild.rebuild(dsn, country="KZ")
    done = rebuild.rebuild(dsn, country="KZ", expect_difference="a new release")

    assert {"releases", "consent_terms"} == set(done.differences)
    read_all(topics, dsn, 5)
