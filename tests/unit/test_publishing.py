"""One transaction: nothing is committed before every record of it is known to be written.

kafka-python commits a transaction of which a record was lost, and says that all is well.
"""

from types import SimpleNamespace
from uuid import uuid4

import pytest
from kafka import errors

from events.errors import RecordRejected
from ledger.case.case import Topic
from ledger.relaying import publishing
from ledger.relaying.own_log import OwnLog
from ledger.relaying.publishing import Publisher, Record
from ledger.topics import Found


class Producer:
    """Writes down what is asked of it; `answers` are offsets, or errors, by record."""

    def __init__(self, *answers: int | Exception, elsewhere: bool = False) -> None:
        self.done: list[str] = []
        self._answers = list(enumerate(answers))
        self._elsewhere = elsewhere

    def begin_transaction(self) -> None:
        self.done.append("begin")

    def send(self, topic: str, *, partition: int, **_said):
        number, answer = self._answers.pop(0)
        self.done.append(f"send {number}")

        def get(timeout: float):
            assert timeout > 0
            self.done.append(f"get {number}")
            if isinstance(answer, Exception):
                raise answer
            at = partition + self._elsewhere
            return SimpleNamespace(topic=topic, partition=at, offset=answer)

        return SimpleNamespace(get=get)

    def flush(self, timeout: float) -> None:
        assert timeout > 0
        self.done.append("flush")

    def commit_transaction(self) -> None:
        self.done.append("commit")


@pytest.fixture
def log():
    return OwnLog(Topic.SHARED, Found("t.ledger", uuid4(), 4), "KZ", ())


def publish(monkeypatch, log: OwnLog, producer: Producer) -> None:
    monkeypatch.setattr(publishing, "KafkaProducer", lambda **_: producer)
    records = [Record(log, index, index % 2, b"k", b"v", "CaseOpened") for index in range(3)]
    publisher = Publisher("", "t.relay.KZ", {}, lambda _step: None)
    publisher.publish(records, [bytes(64)] * 3, lambda: producer.done.append("meanwhile"))


def test_every_record_is_acknowledged_before_the_commit(monkeypatch, log):
    """Sent together, flushed once, then asked for one by one."""
    producer = Producer(7, 3, 8)
    publish(monkeypatch, log, producer)
    sent, asked = [f"send {at}" for at in range(3)], [f"get {at}" for at in range(3)]
    assert ["begin", *sent, "meanwhile", "flush", *asked, "commit"] == producer.done
    assert {0: 9, 1: 4} == log.ends


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_record_that_was_lost_is_not_committed_around(monkeypatch, log, lost):
    """A commit would leave a hole in the log, for ever; the error ends the relay instead."""
    answers: list[int | Exception] = [7, 3, 8]
    answers[lost] = errors.KafkaTimeoutError("expired")
    producer = Producer(*answers)
    with pytest.raises(errors.KafkaTimeoutError):
        publish(monkeypatch, log, producer)
    assert ["flush", *(f"get {at}" for at in range(lost + 1))] == producer.done[5:]


def test_a_record_that_went_elsewhere_is_not_committed(monkeypatch, log):
    """Its case would have two orders."""
    producer = Producer(7, 3, 8, elsewhere=True)
    with pytest.raises(RecordRejected, match="another partition"):
        publish(monkeypatch, log, producer)
    assert "commit" not in producer.done
