"""The small parts of the relay: how it ends, what it watches, and which rows become records."""

import threading
from uuid import uuid4

import psycopg
import pytest
from kafka import errors

from events.errors import EventTooLarge, Misconfigured, RecordRejected, ServiceUnavailable
from events.stamp import leaf_hash
from ledger import watchdog as watchdogs
from ledger.case.case import Topic
from ledger.relaying import clients, publishing, scan
from ledger.relaying.clients import CONSUMER, PRODUCER
from ledger.relaying.exits import ExitCode, exit_code, is_fenced
from ledger.relaying.own_log import OwnLog, Place, hint_contradicts
from ledger.relaying.publishing import batch_of
from ledger.relaying.source import Row
from ledger.topics import Found
from ledger.watchdog import Watchdog
from tests.readers import transferred
from tests.wire import Pens, Written


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.KafkaTimeoutError(), ExitCode.AGAIN),
        (errors.KafkaConnectionError(), ExitCode.AGAIN),
        (errors.ProducerFencedError(), ExitCode.AGAIN),
        (errors.InvalidTxnStateError(), ExitCode.AGAIN),
        (psycopg.OperationalError(), ExitCode.AGAIN),
        (ServiceUnavailable("x"), ExitCode.AGAIN),
        (ValueError(), ExitCode.AGAIN),
        (errors.TopicAuthorizationFailedError(), ExitCode.BROKEN),
        (errors.TransactionalIdAuthorizationFailedError(), ExitCode.BROKEN),
        (errors.MessageSizeTooLargeError(), ExitCode.BROKEN),
        (errors.InvalidTimestampError(), ExitCode.BROKEN),
        (errors.OffsetOutOfRangeError(), ExitCode.BROKEN),
        (psycopg.errors.InsufficientPrivilege(), ExitCode.BROKEN),
        (Misconfigured("x"), ExitCode.BROKEN),
        (EventTooLarge("x"), ExitCode.BROKEN),
        (errors.KafkaError("fatal", errors.MessageSizeTooLargeError()), ExitCode.BROKEN),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(int(value)),
)
def test_an_error_says_whether_another_start_may_help(error, code):
    """No restart storm for what a person has to repair; no page for what passes."""
    assert code is exit_code(error)


def test_the_cause_of_a_fatal_state_is_found_inside_the_error():
    """kafka-python wraps it as an argument; the chain of Python's causes counts too."""
    wrapped = errors.KafkaError("cannot go on", errors.ProducerFencedError())
    assert is_fenced(wrapped)
    chained = ServiceUnavailable("x")
    chained.__cause__ = errors.InvalidProducerEpochError()
    assert is_fenced(chained)
    assert not is_fenced(errors.KafkaTimeoutError())


def test_a_step_that_takes_too_long_ends_the_process():
    """Some calls of the client have no timeout at all."""
    left: list[int] = []
    gone = threading.Event()
    watchdog = Watchdog(lambda code: (left.append(code), gone.set()))
    watchdog.start()
    watchdog.allow(0, "a commit")
    assert gone.wait(20)
    assert [ExitCode.AGAIN] == left


class Clock:
    """Stands still until it is set, and tells whenever it is looked at."""

    def __init__(self) -> None:
        self.now = 0.0
        self.looked_at = threading.Semaphore(0)

    def monotonic(self) -> float:
        self.looked_at.release()
        return self.now


def test_progress_keeps_the_watchdog_quiet(monkeypatch):
    """Only what stands still is ended: a time that is over counts no longer once there is more."""
    clock, left, gone = Clock(), [], threading.Event()
    monkeypatch.setattr(watchdogs, "time", clock)
    monkeypatch.setattr(watchdogs, "_LOOK_EVERY_S", 0.001)
    watchdog = Watchdog(lambda code: (left.append(code), gone.set()))
    watchdog.allow(10, "a long look")
    clock.now = 9
    watchdog.allow(10, "a long look")
    clock.now = 18
    watchdog.start()
    for _ in range(4):  # two were ours
        assert clock.looked_at.acquire(timeout=20)
    assert [] == left
    clock.now = 20
    assert gone.wait(20)
    assert [ExitCode.AGAIN] == left


def test_deadlines_end_before_the_transaction_does():
    """The process has to be gone before the coordinator fences it by itself."""
    assert PRODUCER["delivery_timeout_ms"] < PRODUCER["transaction_timeout_ms"]
    assert PRODUCER["request_timeout_ms"] < PRODUCER["delivery_timeout_ms"]
    assert "read_committed" == CONSUMER["isolation_level"]
    assert "none" == CONSUMER["auto_offset_reset"]


def log(plane: Topic = Topic.SHARED) -> OwnLog:
    return OwnLog(plane, Found("t.ledger", uuid4(), 4), "KZ", ())


def rows(*topics: str) -> list[Row]:
    return [Row(10 * at, uuid4(), f"{topic}/X", b"%d" % at) for at, topic in enumerate(topics, 1)]


def test_the_log_index_is_the_rank_among_the_events_of_a_topic():
    """Computed from the store alone, whatever batch an event is in."""
    logs = {Topic.SHARED: log(), Topic.NATIONAL: log(Topic.NATIONAL)}
    places = dict.fromkeys(logs, Place())
    found = rows("shared", "national", "shared", "national", "shared")
    first = batch_of(found[:2], logs, places)
    second = batch_of(found[2:], logs, first.after)
    indexes = [(r.log.plane, r.log_index) for r in (*first.records, *second.records)]
    assert [
        (Topic.SHARED, 0),
        (Topic.NATIONAL, 0),
        (Topic.SHARED, 1),
        (Topic.NATIONAL, 1),
        (Topic.SHARED, 2),
    ] == indexes
    assert {Topic.SHARED: Place(50, 3), Topic.NATIONAL: Place(50, 2)} == second.after


def test_rows_that_one_log_has_passed_are_left_out():
    """Two logs may stand at different places after a change of clusters."""
    logs = {Topic.SHARED: log(), Topic.NATIONAL: log(Topic.NATIONAL)}
    places = {Topic.SHARED: Place(30, 2), Topic.NATIONAL: Place()}
    batch = batch_of(rows("shared", "national", "shared", "shared"), logs, places)
    assert [(Topic.NATIONAL, 0), (Topic.SHARED, 2)] == [
        (record.log.plane, record.log_index) for record in batch.records
    ]


def test_a_transaction_ends_at_some_bytes_too(monkeypatch):
    """The client bounds nothing by itself."""
    monkeypatch.setattr(publishing, "TRANSACTION_BYTES", 2)
    logs = {Topic.SHARED: log()}
    batch = batch_of(rows("shared", "shared", "shared"), logs, {Topic.SHARED: Place()})
    assert (2, 2, Place(20, 2)) == (
        len(batch.records),
        len(batch.rows),
        batch.after[Topic.SHARED],
    )
    assert clients.BATCH_BYTES < 131_072


def test_an_event_that_stands_on_the_topic_is_not_sent_again():
    """Found by log index and bytes; another event under the index is an alarm."""
    own = log()
    own.find(0, b"1", stored=3)
    own.find(2, b"another", stored=3)
    logs, places = {Topic.SHARED: own}, {Topic.SHARED: Place()}
    found = rows("shared", "shared", "shared")
    batch = batch_of(found[:2], logs, places)
    assert [1] == [record.log_index for record in batch.records]
    with pytest.raises(RecordRejected, match="another event of index 2"):
        batch_of(found[2:], logs, batch.after)


def test_two_events_of_one_index_on_the_topic_are_an_alarm():
    """Both are signed by us, and one of them was never recorded here."""
    own = log()
    own.find(0, b"1", stored=3)
    own.find(0, b"1", stored=3)
    with pytest.raises(RecordRejected, match="two events of index 0"):
        own.find(0, b"2", stored=3)


PENS = Pens(prefix="t", partitions=4)


def seen(record: Written) -> dict[int, bytes]:
    """Return what a relay of KZ takes a record of the topic for: log index -> leaf hash."""
    topic = Found("t.ledger", uuid4(), PENS.partitions)
    own = OwnLog(Topic.SHARED, topic, "KZ", (PENS.signers["KZ"].verifier,))
    scan._take(own, record, stored=9)
    return own.found


def test_only_what_readers_take_for_our_event_has_been_published():
    """A copy of a record of an aborted transaction, put elsewhere, must not pass for the event."""
    good = PENS.write(transferred().topic[0][0], index=3)
    (named, log) = good.headers
    assert good.value is not None
    assert {3: leaf_hash(good.value)} == seen(good)
    assert seen(good) == seen(good._replace(headers=[log, ("other", None)]))
    for unlike in (
        {"key": bytes(16)},
        {"key": None},
        {"partition": (good.partition + 1) % PENS.partitions},
        {"headers": [named, log, log]},
        {"headers": [named, log, ("log", None)]},
        {"headers": [named, ("log", None)]},
        {"headers": [named]},
        {"value": None},
        {"value": good.value[:-1] + b"x"},
    ):
        assert {} == seen(good._replace(**unlike)), unlike


def test_what_the_store_lacks_is_kept_for_copying_back():
    """Only beyond what the store has."""
    own = log()
    own.find(2, b"have", stored=3)
    own.find(3, b"lack", stored=3)
    assert {3: b"lack"} == own.absent
    assert leaf_hash(b"have") == own.found[2]


def test_a_hint_of_another_topic_is_a_contradiction():
    """A person has to say what a topic that was made anew, or cut, means."""
    topic = Found("t.ledger", uuid4(), 2)
    ends = {0: 7, 1: 9}
    assert hint_contradicts(topic, topic.topic_id, {0: 7, 1: 2}, ends) is None
    assert "made anew" in str(hint_contradicts(topic, uuid4(), {}, ends))
    assert "lost records of partition 1" in str(
        hint_contradicts(topic, topic.topic_id, {1: 10}, ends)
    )


def test_the_ends_are_the_next_start_once_everything_found_is_accounted_for():
    """Then nothing of ours stands between the hint's place and them."""
    own = log()
    own.ends = {0: 9, 1: 4}
    own.next_offsets = {0: 11}
    own.find(1, b"x", stored=2)
    own.moved(Place(10, 1))
    assert {0: 11} == own.next_offsets
    own.is_there(1, b"x")
    own.moved(Place(20, 2))
    assert {0: 11, 1: 4} == own.next_offsets


def test_an_acknowledged_record_moves_the_next_start_only_with_those_found_before_it():
    """Torn transaction: what was missing is sent last, and stands behind what was found."""
    own = log()
    own.ends = {0: 9}
    own.find(1, b"x", stored=3)
    own.written(0, 12)
    own.moved(Place(5, 1))
    assert {} == own.next_offsets
    own.is_there(1, b"x")
    own.moved(Place(20, 2))
    assert {0: 13} == own.next_offsets
