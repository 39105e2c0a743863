"""The relay as somebody watches it from outside: what waits, since when, and what became of it."""

import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from events.codec import encode
from events.errors import ServiceUnavailable
from ledger.case.case import Topic
from ledger.relaying import outbox
from ledger.relaying.metrics import RelayMetrics
from ledger.relaying.outbox import Outbox
from ledger.relaying.own_log import Place
from ledger.relaying.source import Hint, Row, Stretch
from tests.given import changed
from tests.readers import events_of, transferred

BOTH = (Topic.SHARED, Topic.NATIONAL)
AN_EVENT = events_of(transferred())[0]


def row(number: int, plane: Topic, *, age: timedelta) -> Row:
    """Return a row whose event was recorded so long ago."""
    event = changed(AN_EVENT, recorded_at=datetime.now(UTC) - age)
    return Row(number, uuid4(), f"{plane}/X", encode(event))


class Stored:
    """A store that holds these rows, and hints that say how far they are published."""

    def __init__(self, *rows: Row, published: int = 0) -> None:
        self.rows = rows
        self.published = published
        self.asked = 0

    def hint(self, plane: Topic) -> Hint | None:
        return Hint(Place(self.published, 0), {}, uuid4()) if self.published else None

    def stretch(self, plane: Topic, progress, *, after: int = 0) -> Stretch:
        self.asked += 1
        found = [one.id for one in self.rows if one.topic.startswith(plane) and one.id > after]
        progress()
        return Stretch(len(found), min(found, default=None))

    def state(self, notification_id: int) -> bytes:
        return next(one.state for one in self.rows if one.id == notification_id)


@pytest.fixture
def registry():
    return CollectorRegistry()


def watched(registry, store: Stored, *planes: Topic) -> Outbox:
    metrics = RelayMetrics("KZ", registry)
    return Outbox(store, planes or BOTH, metrics, progress=lambda: None)


def told(registry, plane: Topic) -> tuple[float | None, float | None]:
    """Return how many events wait, and the age of the oldest in whole hours."""
    labels = {"origin": "KZ", "topic": plane.value}
    age = registry.get_sample_value("ledger_relay_oldest_unpublished_seconds", labels)
    pending = registry.get_sample_value("ledger_outbox_pending_events", labels)
    return pending, None if age is None else age // 3600


def test_what_waits_is_told_before_anything_is_published(registry):
    """A relay that cannot get at Kafka is the one whose backlog somebody has to see."""
    hours = [row(at, Topic.SHARED, age=timedelta(hours=10 - at)) for at in range(1, 5)]
    watched(registry, Stored(*hours, published=2)).look()
    assert (2, 7) == told(registry, Topic.SHARED)
    assert (0, 0) == told(registry, Topic.NATIONAL)


def test_without_a_hint_everything_waits(registry):
    """Nothing is known to be on the topic; the start will find out better."""
    rows = [row(at, Topic.NATIONAL, age=timedelta(hours=at)) for at in (1, 2)]
    watched(registry, Stored(*rows)).look()
    assert (2, 1) == told(registry, Topic.NATIONAL)


def test_two_relays_of_one_country_tell_of_their_own_topics(registry):
    """With a national cluster both live in one process: neither hides what waits at the other."""
    metrics = RelayMetrics("KZ", registry)
    old = row(1, Topic.SHARED, age=timedelta(hours=3))
    for store, plane in ((Stored(old), Topic.SHARED), (Stored(), Topic.NATIONAL)):
        Outbox(store, (plane,), metrics, progress=lambda: None).look()
    assert (1, 3) == told(registry, Topic.SHARED)
    assert (0, 0) == told(registry, Topic.NATIONAL)


def test_a_batch_that_holds_everything_says_what_waits_by_itself(registry):
    """No question to the store for the usual case."""
    store = Stored()
    opened = watched(registry, store)
    opened.look()
    store.asked = 0
    rows = [row(7, Topic.NATIONAL, age=timedelta(hours=2)), row(8, Topic.SHARED, age=timedelta(0))]
    opened.measure(rows, more=False)
    assert ((1, 0), (1, 2)) == (told(registry, Topic.SHARED), told(registry, Topic.NATIONAL))
    opened.measure([], more=False)
    assert ((0, 0), (0, 0)) == (told(registry, Topic.SHARED), told(registry, Topic.NATIONAL))
    assert 0 == store.asked


def test_a_full_batch_does_not_hide_what_stands_behind_it(registry, monkeypatch):
    """Also of a topic that it has no event of; and the store is not counted for every batch."""
    rows = [row(at, Topic.NATIONAL, age=timedelta(hours=9)) for at in (1, 2)]
    store = Stored(*rows, row(3, Topic.SHARED, age=timedelta(hours=4)))
    opened = watched(registry, store)
    monkeypatch.setattr(outbox, "_COUNT_S", 3_600)
    opened.look()
    store.asked = 0
    opened.measure(rows, more=True)
    assert 0 == store.asked
    monkeypatch.setattr(outbox, "_COUNT_S", -1)
    opened.measure(rows[1:], more=True)
    assert ((1, 4), (1, 9)) == (told(registry, Topic.SHARED), told(registry, Topic.NATIONAL))


def test_the_age_grows_while_nothing_is_heard_of_the_relay(registry, monkeypatch):
    """It is computed when asked: a relay that is stuck cannot set it any more."""
    watched(registry, Stored(row(1, Topic.SHARED, age=timedelta(0)))).look()
    later = time.time() + 7_200
    monkeypatch.setattr("ledger.relaying.metrics.time.time", lambda: later)
    assert (1, 2) == told(registry, Topic.SHARED)


def test_a_transaction_that_failed_is_not_counted_as_a_commit(registry):
    """Its time is a timeout's, and would be read as a slow broker's."""
    metrics = RelayMetrics("KZ", registry)
    with metrics.transaction():
        pass
    with pytest.raises(ServiceUnavailable), metrics.transaction():
        raise ServiceUnavailable("no answer")
    for outcome in ("committed", "failed"):
        labels = {"origin": "KZ", "outcome": outcome}
        count = registry.get_sample_value("ledger_relay_transaction_seconds_count", labels)
        assert 1 == count
