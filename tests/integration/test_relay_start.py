"""The start of a relay: what it tells before it can publish, and the time that each step has."""

import signal
import threading
from itertools import pairwise

import pytest
from prometheus_client import CollectorRegistry

from ledger import relay, topics
from ledger.case.case import Topic
from ledger.log.signature import LogSigner
from ledger.relaying import source
from ledger.relaying.endings import Reason
from ledger.relaying.exits import ExitCode
from ledger.relaying.health import RelayHealth
from ledger.relaying.metrics import RelayMetrics
from tests.integration.test_relay import hand_over, open_cases
from tests.relay_process import end_of
from tests.topic import transaction

NOBODY, NOBODY_ELSE = "127.0.0.1:1", "127.0.0.1:2"


class Asking(RelayHealth):
    """Asks for how long events have waited, whenever a relay says what it waits for next."""

    def __init__(self) -> None:
        super().__init__()
        self.registry = CollectorRegistry()
        self.told: dict[str, dict[Topic, float | None]] = {}

    def starts(self, relay: str, doing: str) -> None:
        super().starts(relay, doing)
        self.told[doing] = {plane: self._oldest(plane) for plane in Topic}

    def _oldest(self, plane: Topic) -> float | None:
        labels = {"origin": "KZ", "topic": plane.value}
        return self.registry.get_sample_value("ledger_relay_oldest_unpublished_seconds", labels)


def told_by_relays_that_fail(node, **changes) -> dict[str, dict[Topic, float | None]]:
    """Run the relays of a node one after the other; return what was told at each step."""
    health = Asking()
    metrics = RelayMetrics("KZ", health.registry)
    settings = node.relay_settings(**changes)
    for cluster in settings.clusters:
        one = relay.Relay(settings, cluster, health, metrics, lambda _step: None)
        assert ExitCode.AGAIN is one.run(threading.Event())
        one._source.close()
        one._signing.close()
    return health.told


def test_a_relay_without_a_broker_tells_how_long_an_event_waits(kz):
    """Each start ends soon, but whoever looks meanwhile sees that a child's case waits."""
    open_cases(kz, 1)
    waits = told_by_relays_that_fail(kz, kafka=NOBODY)["Kafka and its topics"]
    assert waits[Topic.NATIONAL] > 0
    assert 0 == waits[Topic.SHARED]


def test_a_relay_that_waits_for_the_lock_tells_it_too(kz, monkeypatch):
    """The other relay may be the one that is stuck."""
    open_cases(kz, 1)
    monkeypatch.setattr(relay, "_LOCK_S", 0)
    holder = source.Source(kz.database.as_role("relay"))
    assert holder.lock("ledger.relay.shared")
    waits = told_by_relays_that_fail(kz, kafka=NOBODY)["the lock of its log"]
    holder.close()
    assert waits[Topic.NATIONAL] > 0


@pytest.mark.soak
def test_with_two_clusters_each_topic_has_an_age_of_its_own(kz):
    """Both relays live in one process, and neither speaks for the other."""
    hand_over(kz)
    waits = told_by_relays_that_fail(kz, kafka=NOBODY, national_kafka=NOBODY_ELSE)
    assert all(age > 0 for age in waits["Kafka and its topics"].values())


class Times:
    """A watchdog that only writes down when it was told of progress."""

    def __init__(self, heard: list[str]) -> None:
        self._heard = heard

    def start(self) -> None:
        """Watch nothing."""

    def stop(self) -> None:
        """Go on watching nothing."""

    def allow(self, _seconds: float, _doing: str) -> None:
        """Note it."""
        self._heard.append("more time")


@pytest.fixture
def with_topics(kafka, new_node):
    """Kazakhstan with its topics; its mirror is as far as it has to be."""
    node = new_node("KZ", kafka=kafka)
    topics.ensure_topics(kafka, node.agreement, countries=["KZ"])
    node.mirrored()
    return node


def test_each_step_of_a_start_has_a_time_of_its_own(with_topics, monkeypatch):
    """Ten seconds for a lock and as many for a large store are not a stuck relay together."""
    kz = with_topics
    hand_over(kz)
    kz.relay_until(len(kz.stored()))
    hand_over(kz)
    heard: list[str] = []
    stop = threading.Event()

    class Noting(source.Source):
        def stretch(self, *args, **bounds):
            heard.append("counted")
            return super().stretch(*args, **bounds)

    def at(step: str) -> None:
        heard.append(step)
        if step == "read":
            stop.set()

    monkeypatch.setattr(relay, "Source", Noting)
    monkeypatch.setattr(relay, "Watchdog", lambda: Times(heard))
    metrics = RelayMetrics("KZ", CollectorRegistry())
    assert ExitCode.DONE is relay.run(kz.relay_settings(), stop, metrics=metrics, at=at)
    long = {"locked", "fenced", "counted"}
    start = [one for one in heard[: heard.index("read")] if one in {*long, "more time"}]
    assert long < set(start)
    assert [] == [pair for pair in pairwise(start) if long.issuperset(pair)]


def test_a_long_log_is_counted_part_by_part(kz, monkeypatch):
    """However many events there are, nobody waits for one answer about all of them."""
    hand_over(kz)
    numbers = kz.database.run(
        "SELECT notification_id, state FROM ledger.ledger_events"
        " WHERE starts_with(topic, 'national/') ORDER BY 1"
    )
    (first, event), (second, _), *_ = numbers
    monkeypatch.setattr(source, "_PART", 2)
    parts: list[None] = []
    opened = source.Source(kz.database.as_role("relay"))

    def counted(**bounds: int) -> source.Stretch:
        return opened.stretch(Topic.NATIONAL, lambda: parts.append(None), **bounds)

    assert (len(numbers), first) == counted()
    assert len(parts) >= len(kz.stored()) // 2
    assert (len(numbers) - 1, second) == counted(after=first)
    assert (2, first) == counted(until=second)
    assert (0, None) == counted(after=10**9)
    assert event == opened.state(first)
    opened.close()


def endings(metrics: RelayMetrics) -> dict[str, float]:
    """Return what a relay tells of those before it, by reason, and how many were fenced."""
    told = {reason: metrics._restarts.labels("KZ", reason)._value.get() for reason in Reason}
    assert told[Reason.FENCED] == metrics._fenced.labels("KZ")._value.get()
    return {reason.value: times for reason, times in told.items() if times}


@pytest.mark.soak
def test_a_relay_tells_how_those_before_it_ended(with_topics, tmp_path):
    """Whoever crashes is gone before anybody asks; in a crash loop somebody has to know why."""
    kz = with_topics
    assert end_of(kz, step="fenced") == -signal.SIGKILL
    assert end_of(kz, kafka=NOBODY) == ExitCode.AGAIN
    LogSigner.create("KZ-log", tmp_path / "other.key")
    assert end_of(kz, log_key=str(tmp_path / "other.key")) == ExitCode.BROKEN
    before = {"killed": 1, "away": 1, "broken": 1}
    assert before == endings(kz.relay_until(0))
    assert before == endings(kz.relay_until(0))  # one that was asked to stop did not crash


def test_a_relay_that_was_fenced_is_counted(with_topics):
    """Two that fence each other in turn would publish nothing, each with a good conscience."""
    kz = with_topics
    open_cases(kz, 1)
    settings = kz.relay_settings()

    def fence(step: str) -> None:
        if step == "begun":
            with transaction(kz.kafka, f"{kz.agreement.prefix}.relay.KZ"):
                """Begun and ended under the relay's own name."""

    metrics = RelayMetrics("KZ", CollectorRegistry())
    one = relay.Relay(settings, *settings.clusters, RelayHealth(), metrics, fence)
    assert ExitCode.AGAIN is one.run(threading.Event())
    one._source.close()
    one._signing.close()
    assert {"fenced": 1} == endings(kz.relay_until(1))
