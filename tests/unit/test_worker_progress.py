"""What a worker says of itself: how far it is, and whether it is ready, whatever its loop does."""

import threading
from types import SimpleNamespace

import pytest
from kafka.errors import CorruptRecordError

from consumers import measures
from consumers.progress import MOST_EVENTS, SILENT_S, Ends, Progress
from consumers.settings import WorkerSettings
from consumers.stream import Stream
from ledger.case.case import Topic
from projections.positions import Move
from tests.wire import Pens

ONE, TWO = ("shared", 0), ("shared", 1)


class Clock:
    """Time, as the test wants it."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Worker:
    """The progress of a worker of which everything is told by hand."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.progress = Progress(self.clock)

    def looks(self, **ends: int) -> None:
        found = {("shared", int(name[1:])): Ends(0, end, end) for name, end in ends.items()}
        self.progress.looked(found, self.clock.now)

    def reads(self, expected: int, until: int, *, written_at: float) -> Move:
        move = Move("shared", 0, expected, until, 0)
        self.progress.read(move, written_at)
        return move

    def lives(self, seconds: float) -> None:
        """Let time pass in which the loop goes round and Kafka answers the same as before."""
        for _ in range(int(seconds // 10)):
            self.clock.now += 10
            self.progress.went_round()
            standings = self.progress.standings()
            self.progress.looked({at: one.ends for at, one in standings.items()}, self.clock.now)

    @property
    def lag(self) -> float:
        return self.progress.standings()[ONE].lag_seconds


@pytest.fixture
def worker() -> Worker:
    found = Worker()
    found.progress.assigned({ONE: 0})
    return found


def test_before_it_has_partitions_it_waits_for_them():
    progress = Progress()
    assert {"start"} == set(progress.waiting())
    progress.assigned({})
    assert {"partitions"} == set(progress.waiting())


def test_what_is_not_known_is_not_taken_for_read(worker):
    """Before Kafka has answered nobody knows whether there is anything to read."""
    assert {"shared/0"} == set(worker.progress.waiting())
    assert worker.progress.standings()[ONE].lag_events is None
    worker.looks(p0=0)
    assert {} == worker.progress.waiting()
    assert 0 == worker.progress.standings()[ONE].lag_events


def test_it_is_ready_when_it_has_read_what_was_there_at_first(worker):
    worker.looks(p0=10)
    assert "10 offsets" in worker.progress.waiting()["shared/0"]
    worker.looks(p0=12)  # others write on, and it need not wait until they stop
    worker.progress.applied([worker.reads(0, 10, written_at=worker.clock.now)])
    assert {} == worker.progress.waiting()


def test_far_behind_it_is_no_longer_ready(worker):
    worker.looks(p0=0)
    worker.looks(p0=MOST_EVENTS + 1)
    assert {"shared/0"} == set(worker.progress.waiting())
    assert MOST_EVENTS + 1 == worker.progress.standings()[ONE].lag_events


def test_late_it_is_no_longer_ready(worker):
    """One record is enough: a withdrawal of consent may stand in it."""
    worker.looks(p0=0)
    worker.looks(p0=1)
    worker.lives(SILENT_S)
    assert {} == worker.progress.waiting()
    worker.lives(10)
    assert "1 offsets to read, 40 s late" == worker.progress.waiting()["shared/0"]


@pytest.mark.parametrize("what", ["worker", "kafka"])
def test_a_loop_that_is_stuck_or_a_kafka_that_is_silent_is_not_ready(worker, what):
    worker.looks(p0=0)
    worker.clock.now += SILENT_S + 1
    if what == "kafka":
        worker.progress.went_round()
    else:
        worker.looks(p0=0)
    said = {"worker": "no round for 31 s", "kafka": "no answer for 31 s"}
    waiting = worker.progress.waiting()
    assert {what: said[what]} == {name: why for name, why in waiting.items() if name in said}


def test_the_lag_is_the_age_of_the_next_record_that_is_not_applied(worker):
    """Not of the last one that was: a quiet topic would count for a late one, or hide it."""
    now = worker.clock.now
    worker.looks(p0=30)
    first = worker.reads(0, 10, written_at=now - 500)
    second = worker.reads(10, 20, written_at=now - 100)
    assert 500 == worker.lag
    worker.clock.now += 5  # nothing happens, and it grows
    assert 505 == worker.lag
    worker.progress.applied([first])
    assert 105 == worker.lag
    worker.progress.applied([second])
    assert 5 == worker.lag  # of the last ten nothing is known, but that they came after the look
    worker.progress.applied([worker.reads(20, 30, written_at=now)])
    assert 0 == worker.lag


def test_a_record_that_came_after_a_long_silence_is_not_late_by_the_silence(worker):
    worker.looks(p0=0)
    worker.lives(10_000)
    worker.looks(p0=1)
    assert 0 == worker.lag
    worker.clock.now += 3
    assert 3 == worker.lag


def test_nobody_is_up_to_date_with_what_cannot_be_asked(worker):
    """Without Kafka the lag is at most the time since the last answer; it is not 0."""
    worker.looks(p0=0)
    assert 0 == worker.lag
    worker.clock.now += 3_600
    assert 3_600 == worker.lag


def test_what_was_read_and_dropped_is_not_waited_for(worker):
    worker.looks(p0=10)
    worker.reads(0, 10, written_at=worker.clock.now - 500)
    worker.progress.assigned({ONE: 10})
    worker.looks(p0=10)
    assert 0 == worker.lag


def test_a_partition_that_was_given_away_is_no_longer_shown(worker):
    def shown() -> set[str]:
        families = measures.PLACES.collect()
        return {one.labels["partition"] for family in families for one in family.samples}

    worker.progress.assigned({ONE: 0, TWO: 0})
    with measures.PLACES.shown("KZ", worker.progress):
        assert {"0", "1"} == shown()
        worker.progress.assigned({TWO: 0})
        assert {"1"} == shown()
    assert set() == shown()


class FakeSource:
    """Gives what it is told, then fails as kafka-python does: at the next poll."""

    was_reassigned = False

    def __init__(self, polled) -> None:
        self._polled = [polled]

    def poll(self, _timeout_ms):
        if self._polled:
            return self._polled.pop()
        raise CorruptRecordError


def test_a_partition_that_cannot_be_read_does_not_cost_what_was_read_of_the_others(monkeypatch):
    """The error of one partition comes when another's records are read and not yet applied."""
    pens = Pens(partitions=1)
    settings = WorkerSettings(agreement=pens.agreement, country="KZ", dsn="", kafka={})
    stream = Stream(settings, {}, (Topic.SHARED,))
    stream._progress.assigned({ONE: 0})
    applied = []
    monkeypatch.setattr(stream, "_read", lambda one, _checker: one)
    monkeypatch.setattr(stream, "_look", lambda *_: None)
    monkeypatch.setattr(
        stream, "_apply", lambda _database, _number, _source, batch, _at: applied.append(batch)
    )
    read = [SimpleNamespace(topic="shared", partition=0)]
    with pytest.raises(CorruptRecordError):
        stream._loop(None, 1, FakeSource(read), None, threading.Event(), lambda _step: None)
    assert [read] == applied
