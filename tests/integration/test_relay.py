"""The relay: each own event once and in order on its topic, and what it refuses to start on."""

import threading
import time
from uuid import UUID, uuid4

import pytest
from kafka import KafkaProducer

from events.codec import MAX_EVENT_BYTES
from events.contract import log_header, partition_of
from events.errors import Misconfigured
from events.stamp import leaf_hash
from ledger import topics
from ledger.case import care, identity
from ledger.case.case import Topic
from ledger.log.signature import LogSigner, LogVerifier
from ledger.relaying import source
from ledger.relaying.exits import ExitCode
from ledger.relaying.health import RelayHealth
from ledger.request import Request, decision
from node.embedded.kafka import EmbeddedKafka
from tests.country import CASEWORKER, PARTITIONS, SUPERVISOR, opened
from tests.integration.test_service import proposed
from tests.relay_process import end_of
from tests.topic import log_of, records, transaction


@pytest.fixture
def kz(kafka, new_node):
    """Kazakhstan with its topics; its mirror is as far as it has to be."""
    node = new_node("KZ", kafka=kafka)
    topics.ensure_topics(kafka, node.agreement, countries=["KZ"])
    node.mirrored()
    return node


def open_cases(node, count: int) -> None:
    with node.ledger() as ledger:
        asked = Request(by=CASEWORKER, decisions=(decision(identity.open_case),))
        assert count == len(list(ledger.record_many([asked] * count)))


def hand_over(node) -> UUID:
    """Record a case whose events stand on both topics."""
    with node.ledger() as ledger:
        case_id = opened(ledger).case_id
        proposed(ledger, case_id)
    return case_id


def names(node) -> list[str]:
    return [node.agreement.shared_topic, node.agreement.national_topic(node.code)]


def require_published(node) -> None:
    """Every stored event stands on its topic once, as it was stored, in order, signed."""
    stored = node.stored()
    for topic in names(node):
        plane = "shared" if topic == node.agreement.shared_topic else "national"
        ours = [(case, name, value) for case, _, name, value in stored if name.startswith(plane)]
        found = records(node.kafka, topic)
        indexes = log_of(node.agreement, node.code, topic, found)
        assert list(range(len(ours))) == sorted(indexes)
        for index, record in zip(indexes, found, strict=True):
            case_id, name, value = ours[index]
            shown = name.partition("/")[2] if plane == "shared" else "NationalEvent"
            assert (case_id.bytes, value) == (record.key, record.value)
            assert partition_of(case_id, PARTITIONS) == record.partition
            assert [("ce_type", shown.encode())] == [h for h in record.headers if h[0] != "log"]
        for partition in range(PARTITIONS):
            order = [i for i, r in zip(indexes, found, strict=True) if r.partition == partition]
            assert sorted(order) == order


def test_every_event_stands_on_its_topic_once_in_order_and_signed(kz):
    """Key, partition, headers, signature and bytes: what every reader relies on."""
    hand_over(kz)
    hand_over(kz)
    kz.relay_until(len(kz.stored()))
    require_published(kz)


def test_a_relay_goes_on_where_the_last_one_stopped(kz):
    """Log indexes go on without a gap, and nothing is written twice."""
    for _ in range(3):
        hand_over(kz)
        kz.relay_until(len(kz.stored()))
    require_published(kz)


@pytest.mark.parametrize("batch", [1, 3, 500])
def test_order_does_not_depend_on_how_much_goes_at_a_time(kz, batch):
    """A transaction is a matter of speed only."""
    hand_over(kz)
    hand_over(kz)
    kz.relay_until(len(kz.stored()), batch=batch)
    require_published(kz)


def test_what_is_recorded_while_the_relay_runs_follows_at_once(kz):
    """Told by a notice; a minute's poll would be a child's minute."""
    with kz.relay() as health:
        while health.waiting():
            time.sleep(0.01)
        hand_over(kz)
        while kz.published() < len(kz.stored()):
            time.sleep(0.01)
    require_published(kz)


@pytest.mark.parametrize(
    "hint",
    [
        "DELETE FROM ledger.relay_hint",
        "UPDATE ledger.relay_hint SET notification_id = 0, rank = 0, next_offsets = '{}'",
        "UPDATE ledger.relay_hint SET rank = rank + 1",
        "UPDATE ledger.relay_hint SET notification_id = 1000000",
    ],
    ids=["lost", "old", "of another store", "of a longer store"],
)
def test_the_topic_decides_what_is_on_it_and_not_the_hint(kz, hint):
    """The hint may be old or lost: then more is looked at, and nothing is written twice."""
    hand_over(kz)
    count = len(kz.stored())
    kz.relay_until(count)
    kz.database.run(hint)
    hand_over(kz)
    metrics = kz.relay_until(len(kz.stored()))
    require_published(kz)
    found = [metrics.recovered.labels("KZ", name)._value.get() for name in names(kz)]
    assert count == sum(found)


def test_a_topic_that_others_write_too_does_not_confuse_the_look_back(kz, kafka):
    """Other countries' events, noise, and records that only claim to be ours are passed over."""
    case_id = hand_over(kz)
    kz.relay_until(len(kz.stored()))
    ours = records(kafka, kz.agreement.shared_topic)[0].value
    stranger = LogSigner("KZ-log", bytes(32))
    signature = stranger.sign(f"{kz.agreement.shared_topic}/KZ", 9, leaf_hash(ours))
    forged = [("ce_type", b"CaseOpened"), ("log", log_header(9, signature))]
    producer = KafkaProducer(bootstrap_servers=kafka)
    for value, headers in [(ours, forged), (ours, []), (b"noise", []), (None, [])]:
        partition = partition_of(case_id, PARTITIONS)
        key = case_id.bytes
        producer.send(kz.agreement.shared_topic, value, key, headers, partition).get(9)
    producer.close()
    kz.database.run("DELETE FROM ledger.relay_hint")
    stored = kz.stored()
    kz.relay_until(len(stored))
    assert stored == kz.stored()
    assert 4 + 3 == len(records(kafka, kz.agreement.shared_topic))


def test_an_open_transaction_of_another_country_is_waited_for(kz, kafka):
    """It hides our own committed records; to stop before it would publish them again."""
    open_cases(kz, 4)
    topic = kz.agreement.national_topic("KZ")
    first = threading.Event()
    with transaction(kafka, f"{kz.agreement.prefix}.other") as other:
        for partition in range(PARTITIONS):
            other.send(topic, b"theirs", bytes(16), partition=partition).get(9)
        for index, (case_id, _, _, value) in enumerate(kz.stored()):
            publish_by_hand(kz, index, case_id, value)
        looks = threading.Thread(target=lambda: (kz.relay_until(4), first.set()))
        looks.start()
        assert not first.wait(1)
    looks.join()
    ours = [record for record in records(kafka, topic) if record.value != b"theirs"]
    assert list(range(4)) == sorted(log_of(kz.agreement, "KZ", topic, ours))


def test_the_start_marks_how_far_the_topics_reach(kz, kafka):
    """Once for each life of the database; a relay that is merely started again moves nothing."""
    kz.database.run("DELETE FROM ledger.start_mark")
    kz.relay_until(0)
    marks = kz.database.run("SELECT topic, partition, high_watermark FROM ledger.start_mark")
    assert {("shared", p, 0) for p in range(PARTITIONS)} <= set(marks)
    hand_over(kz)
    kz.relay_until(len(kz.stored()))
    kz.relay_until(len(kz.stored()))
    select = "SELECT topic, partition, high_watermark FROM ledger.start_mark"
    assert set(marks) == set(kz.database.run(select))
    kz.database.run("UPDATE ledger.start_mark SET incarnation = 'a life before'")
    kz.relay_until(len(kz.stored()))
    ends = sum(end for *_, end in kz.database.run(select))
    assert ends >= len(kz.stored())


# Restored backups.


def restore(node, keep: int) -> None:
    """Put the store back to its first `keep` rows, as an older backup would."""
    node.database.run(
        "DELETE FROM ledger.ledger_events WHERE notification_id > ("
        " SELECT max(notification_id) FROM (SELECT notification_id FROM ledger.ledger_events"
        " ORDER BY 1 LIMIT %s) AS kept)",
        keep,
    )
    node.database.run("UPDATE ledger.start_mark SET incarnation = 'before the restore'")


def by_log(rows) -> dict[str, list]:
    """Return what stands on each topic, in order: what a restore has to bring back."""
    return {
        plane: [(case, topic, value) for case, _, topic, value in rows if topic.startswith(plane)]
        for plane in ("shared", "national")
    }


@pytest.mark.parametrize("hint", ["of the backup", "lost"])
@pytest.mark.parametrize("keep", [1, 5, 12])
def test_a_restored_store_gets_back_what_the_topics_hold(kz, keep, hint):
    """Own events that others have already seen are not decided a second time."""
    hand_over(kz)
    hand_over(kz)
    before = kz.stored()
    kz.relay_until(len(before))
    restore(kz, keep)
    if hint == "lost":
        kz.database.run("DELETE FROM ledger.relay_hint")
    else:
        kz.database.run(
            "UPDATE ledger.relay_hint SET notification_id = 0, rank = 0, next_offsets = '{}'"
        )
    metrics = kz.relay_until(len(before))
    assert len(before) - keep == metrics.copied_back.labels("KZ")._value.get()
    assert by_log(before) == by_log(kz.stored())
    require_published(kz)


def test_numbers_of_copied_events_follow_those_of_their_case(kz):
    """They are not on the wire; a gap or a double would stop the case."""
    hand_over(kz)
    hand_over(kz)
    kz.relay_until(len(kz.stored()))
    restore(kz, 3)
    kz.database.run("DELETE FROM ledger.relay_hint")
    kz.relay_until(3)
    numbers: dict[UUID, list[int]] = {}
    for case_id, number, *_ in kz.stored():
        numbers.setdefault(case_id, []).append(number)
    assert all(sorted(found) == list(range(1, len(found) + 1)) for found in numbers.values())


def test_a_restored_node_decides_again_and_its_logs_go_on(kz):
    """The state is the one that was decided on, and the next log index is the next."""
    case_id = hand_over(kz)
    with kz.ledger() as ledger:
        before = ledger.case(case_id)
    kz.relay_until(len(kz.stored()))
    restore(kz, 1)
    kz.database.run("DELETE FROM ledger.relay_hint")
    kz.relay_until(8)
    kz.database.run("UPDATE ledger.start_mark SET high_watermark = 0")  # as if mirrored
    with kz.ledger() as ledger:
        after = ledger.case(case_id)
        assert (before.ahead, before.national) == (after.ahead, after.national)
        assert (before.number, before.decided_at) == (after.number, after.decided_at)
        assert before.national_leaves == after.national_leaves
        ledger.on(case_id, by=SUPERVISOR).decide(care.record_concern)
    kz.relay_until(len(kz.stored()))
    require_published(kz)


def publish_by_hand(node, index: int, case_id: UUID, value: bytes) -> None:
    """Write a record of this country's log, signed, as a torn transaction might leave it."""
    topic = node.agreement.national_topic(node.code)
    signer = LogSigner.load(node.key)
    leaf = leaf_hash(value)
    signature = signer.sign(f"{topic}/{node.code}", index, leaf)
    verifier = LogVerifier.parse(node.agreement.countries[node.code].log_keys[-1])
    assert verifier.is_signed(f"{topic}/{node.code}", index, leaf, signature)
    header = log_header(index, signature)
    producer = KafkaProducer(bootstrap_servers=node.kafka)
    partition = partition_of(case_id, PARTITIONS)
    headers = [("ce_type", b"NationalEvent"), ("log", header)]
    producer.send(topic, value, case_id.bytes, headers, partition).get(9)
    producer.close()


def test_records_of_a_torn_transaction_are_completed_and_not_repeated(kz):
    """A prefix of each partition may be visible: only what is missing is written."""
    open_cases(kz, 9)
    for index in (0, 2, 5):
        case_id, _, _, value = kz.stored()[index]
        publish_by_hand(kz, index, case_id, value)
    kz.relay_until(9)
    found = records(kz.kafka, kz.agreement.national_topic("KZ"))
    indexes = log_of(kz.agreement, "KZ", kz.agreement.national_topic("KZ"), found)
    assert list(range(9)) == sorted(indexes)


def test_an_event_that_is_neither_here_nor_there_stops_the_relay(kz):
    """Torn, and then restored: a person has to look, since a log index would stay empty."""
    open_cases(kz, 4)
    rows = kz.stored()
    restore(kz, 1)
    for index in (1, 3):
        publish_by_hand(kz, index, rows[index][0], rows[index][3])
    assert end_of(kz) == ExitCode.BROKEN
    assert 1 == len(kz.stored())


def test_another_event_under_our_index_stops_the_relay(kz):
    """Two signed events of one index are an equivocation; publishing more would hide it."""
    open_cases(kz, 2)
    (case_id, _, _, value), _ = kz.stored()
    publish_by_hand(kz, 1, case_id, value)
    assert end_of(kz) == ExitCode.BROKEN


# What it refuses to start on.


def test_topics_are_made_by_the_contract_and_found_again(kz, kafka):
    """Making them a second time changes nothing."""
    topics.ensure_topics(kafka, kz.agreement, countries=["KZ"])
    with topics.admin(kafka) as cluster:
        for name in names(kz):
            assert PARTITIONS == topics.require_topic(cluster, name, partitions=4).partitions


def test_a_topic_with_other_partitions_is_refused(kz, kafka):
    """Its cases would stand elsewhere."""
    with topics.admin(kafka) as cluster:
        cluster.create_partitions({kz.agreement.shared_topic: 6})
    assert end_of(kz) == ExitCode.BROKEN
    with pytest.raises(Misconfigured, match="has 6 partitions; the agreement says 4"):
        topics.ensure_topics(kafka, kz.agreement, countries=["KZ"])


def test_a_topic_that_forgets_is_refused(kafka, new_node):
    """A permanent ledger on a topic with retention would lose its history silently."""
    node = new_node("KZ", kafka=kafka)
    with topics.admin(kafka) as cluster:
        cluster.create_topics(
            {
                node.agreement.shared_topic: {
                    "num_partitions": PARTITIONS,
                    "replication_factor": 1,
                    "configs": {"retention.ms": "1000"},
                }
            }
        )
    with pytest.raises(Misconfigured, match=r"retention\.ms=1000; the contract says -1"):
        topics.ensure_topics(kafka, node.agreement, countries=["KZ"])


def test_a_missing_topic_is_refused_and_not_made(kafka, new_node):
    """A typing error in a prefix must not begin an empty ledger."""
    node = new_node("KZ", kafka=kafka)
    assert end_of(node) == ExitCode.BROKEN
    with topics.admin(kafka) as cluster:
        assert node.agreement.shared_topic not in cluster.list_topics()


def test_a_topic_that_was_made_anew_is_refused(kz, kafka):
    """What had been published is gone; only a person can say what that means."""
    open_cases(kz, 2)
    kz.relay_until(2)
    with topics.admin(kafka) as cluster:
        cluster.delete_topics(names(kz))
    for _ in range(50):
        try:
            topics.ensure_topics(kafka, kz.agreement, countries=["KZ"])
            break
        except Misconfigured:
            time.sleep(0.1)  # the broker deletes in its own time
    assert end_of(kz) == ExitCode.BROKEN


def test_a_key_that_the_agreement_does_not_name_is_refused(kz, tmp_path):
    """Every other country would drop what it signs as noise."""
    LogSigner.create("KZ-log", tmp_path / "other.key")
    assert end_of(kz, log_key=str(tmp_path / "other.key")) == ExitCode.BROKEN
    assert end_of(kz, log_key=str(tmp_path / "none.key")) == ExitCode.BROKEN


def test_an_event_that_is_too_large_is_not_sent(kz, kafka):
    """Refused by the broker it would be fatal, again and again; here it is named."""
    open_cases(kz, 1)
    kz.database.run(
        "INSERT INTO ledger.ledger_events VALUES (%s, 1, 'national/CaseOpened', %s)",
        uuid4(),
        kz.stored()[0][3] + bytes(MAX_EVENT_BYTES),
    )
    assert end_of(kz) == ExitCode.BROKEN
    assert [] == records(kafka, kz.agreement.national_topic("KZ"))


def test_the_largest_events_fit_the_topic(kz):
    """A batch of them is smaller than the topic's largest message, whatever else is in it."""
    open_cases(kz, 1)
    value = kz.stored()[0][3]
    kz.database.run("DELETE FROM ledger.ledger_events")
    case_id = uuid4()
    large = value + b"".join(uuid4().bytes for _ in range(5_000))[: MAX_EVENT_BYTES - len(value)]
    for number in range(1, 7):
        kz.database.run(
            "INSERT INTO ledger.ledger_events VALUES (%s, %s, 'national/CaseOpened', %s)",
            case_id,
            number,
            large,
        )
    kz.relay_until(6)
    assert 6 == len(records(kz.kafka, kz.agreement.national_topic("KZ")))


def test_a_second_relay_waits_for_the_first(kz):
    """Two would fence each other in turn."""
    with kz.relay() as health:
        while health.waiting():
            time.sleep(0.01)
        assert end_of(kz, lock_s=0.3) == ExitCode.AGAIN


def test_a_relay_that_went_silent_loses_its_lock(kz, monkeypatch):
    """A stopped process keeps its connection; a child's case must not wait for it."""
    zombie = source.Source(kz.database.as_role("relay"))
    assert zombie.lock("ledger.relay.shared")
    monkeypatch.setattr(source, "SILENT_S", 0.2)
    time.sleep(0.3)
    hand_over(kz)
    kz.relay_until(len(kz.stored()))
    zombie.close()
    require_published(kz)


def test_without_a_broker_the_relay_ends_and_may_be_started_again(kz):
    """Exit code 75: the supervisor starts it again, with a pause."""
    assert end_of(kz, kafka="127.0.0.1:1") == ExitCode.AGAIN


def test_without_a_database_the_relay_ends_and_may_be_started_again(kz):
    """The same for PostgreSQL."""
    dsn = "host=127.0.0.1 port=1 dbname=x user=x password=secret"
    assert end_of(kz, dsn=dsn) == ExitCode.AGAIN


# One country, two clusters; and what it tells.


@pytest.mark.soak
def test_the_national_topic_may_stand_on_a_cluster_of_its_own(kafka, new_node, tmp_path):
    """Then nothing national ever leaves the country, and each cluster has its own transactions."""
    own = EmbeddedKafka(tmp_path / "own")
    own.start()
    try:
        node = new_node("KZ", kafka=kafka)
        node.mirrored()
        topics.ensure_topics(kafka, node.agreement, countries=[])
        topics.ensure_topics(own.bootstrap, node.agreement, countries=["KZ"], shared=False)
        hand_over(node)
        node.relay_until(len(node.stored()), national_kafka=own.bootstrap)
        national = records(own.bootstrap, node.agreement.national_topic("KZ"))
        shared = records(kafka, node.agreement.shared_topic)
        assert (5, 3) == (len(national), len(shared))
        with topics.admin(kafka) as cluster:
            assert node.agreement.national_topic("KZ") not in cluster.list_topics()
    finally:
        own.stop()


def test_the_relay_tells_how_it_is(kz):
    """What is published, under which name, and that nothing waits."""
    hand_over(kz)
    metrics = kz.relay_until(len(kz.stored()))
    shared, national = names(kz)
    published = {
        tuple(sample.labels.values()): sample.value
        for family in metrics.published.collect()
        for sample in family.samples
        if sample.name.endswith("_total")
    }
    assert {
        ("KZ", shared, "CaseOpened"): 1,
        ("KZ", shared, "ConsentGranted"): 1,
        ("KZ", shared, "TransferProposed"): 1,
        ("KZ", national, "NationalEvent"): 5,
    } == published
    waits = [metrics.pending.labels("KZ", plane)._value.get() for plane in Topic]
    assert [0, 0] == waits
    assert 3 == metrics.index.labels("KZ", shared)._value.get()


def test_a_relay_is_ready_after_its_start_and_not_before():
    """And no longer when it has not gone round for a while."""
    health = RelayHealth()
    assert {"relay": "to be started"} == health.waiting()
    health.starts("shared", "the lock of its log")
    assert {"shared": "the lock of its log"} == health.waiting()
    health.went_round("shared")
    assert {} == health.waiting()
