"""What anybody with a producer may put on a topic stops no worker, no relay and no comparison."""

from __future__ import annotations

import gzip

import pytest

from consumers.verification import verify_all
from events.codec import MAX_EVENT_BYTES
from events.contract import MAX_BATCH_BYTES, log_header, log_name, partition_of
from events.errors import RecordRejected
from events.stamp import leaf_hash
from ledger import fetching
from ledger import topics as event_topics
from ledger.log.signature import LogSigner
from tests.country import PARTITIONS, opened
from tests.integration.test_service import proposed
from tests.mischief import NoText, Sent, compressing, put_batch
from tests.readers import Running, events_of, read_all, settings_of, transferred
from tests.topic import records

NOBODYS = bytes(16)


def all_is_mirrored(topics, dsn) -> bool:
    return all(one.equal for one in verify_all(settings_of(topics, dsn)))


def amid(topics, *records: Sent, pack=None):
    """Put a batch into the middle of a case; return the case's records."""
    good = [topics.pens.write(event) for event in events_of(transferred())]
    name = topics.pens.agreement.shared_topic
    topics.put_records(good[:2], name)
    if pack is None:
        put_batch(topics.bootstrap, name, good[0].partition, *records)
    else:
        with compressing() as compressed_by:
            compressed_by(pack)
            put_batch(topics.bootstrap, name, good[0].partition, *records)
    topics.put_records(good[2:], name)
    return good


def strays(database) -> list[tuple]:
    return database.run('SELECT outcome, reason, length(value) FROM mirror.stray ORDER BY "offset"')


def test_a_header_name_that_is_no_text_stops_no_worker(topics, database, dsn):
    """kafka-python gives up the whole poll over it, healthy partitions and all."""
    record = Sent(NOBODYS, b"value", [(NoText("?"), b"x"), ("log", b"")])
    amid(topics, record, record)
    read_all(topics, dsn, 7)
    assert [("noise", "stamp", 5)] * 2 == strays(database)
    assert [(5,)] == database.run("SELECT count(*) FROM read_1.audit_trail WHERE effective")
    assert all_is_mirrored(topics, dsn)


def test_an_event_is_an_event_whatever_other_header_stands_beside_its_own(topics, database, dsn):
    """Who wrote the record does not matter, as long as its origin signed the event."""
    good = [topics.pens.write(event) for event in events_of(transferred())]
    name, copied = topics.pens.agreement.shared_topic, good[0]
    headers = [(NoText("?"), b"x"), ("ce_type", b"ConsentWithdrawn"), copied.headers[1]]
    put_batch(topics.bootstrap, name, copied.partition, Sent(copied.key, copied.value, headers))
    topics.put_records(good, name)
    read_all(topics, dsn, 6)
    assert [("repeat", "same_bytes", None)] == strays(database)
    assert [(5,)] == database.run("SELECT count(*) FROM read_1.audit_trail WHERE effective")
    assert all_is_mirrored(topics, dsn)


def test_a_batch_that_grows_too_much_is_passed_over(topics, database, dsn):
    """A few kilobytes on the topic, many megabytes in a reader; its last offset stands for all."""
    bomb = Sent(NOBODYS, bytes(16 * MAX_BATCH_BYTES))
    amid(topics, bomb, Sent(NOBODYS, b"small"))
    read_all(topics, dsn, 6)
    assert [("noise", "size", None)] == strays(database)
    assert [(5,)] == database.run("SELECT count(*) FROM read_1.audit_trail WHERE effective")
    assert all_is_mirrored(topics, dsn)


def test_of_a_value_that_is_too_long_the_beginning_is_kept(topics, database, dsn):
    amid(topics, Sent(NOBODYS, bytes(900_000), [("log", bytes(90_000))]))
    read_all(topics, dsn, 6)
    assert [("noise", "size", MAX_EVENT_BYTES + 1)] == strays(database)
    assert [(128,)] == database.run("SELECT length(log) FROM mirror.stray")
    assert all_is_mirrored(topics, dsn)


def test_what_the_broker_can_unpack_and_this_client_cannot_is_passed_over(topics, database, dsn):
    """Java's reader leaves what follows the first gzip member alone; Python's refuses it."""
    record = Sent(NOBODYS, b"value")
    amid(topics, record, record, pack=lambda data: gzip.compress(data) + b"and more")
    read_all(topics, dsn, 6)
    assert [("noise", "size", None)] == strays(database)
    assert all_is_mirrored(topics, dsn)


def test_a_batch_that_was_damaged_is_for_a_person(topics, database, dsn, monkeypatch):
    """Starting again changes nothing; the message says where to look."""
    amid(topics, Sent(NOBODYS, b"value"))
    monkeypatch.setattr(fetching._Batch, "validate_crc", lambda _batch: False)
    worker = Running(settings_of(topics, dsn))
    worker.thread.start()
    failure = worker.wait()
    assert isinstance(failure, RecordRejected)
    assert "record_batch" == failure.rule
    assert f"{topics.pens.agreement.shared_topic} partition" in str(failure)
    assert "at offset 0" in str(failure)


@pytest.fixture
def kz(kafka, new_node):
    """Kazakhstan, whose events stand on its topics; where they do, its relay has to find out."""
    node = new_node("KZ", kafka=kafka)
    event_topics.ensure_topics(kafka, node.agreement, countries=["KZ"])
    node.mirrored()
    return node


def test_a_relay_starts_over_whatever_stands_on_its_topics(kz):
    """Without a hint it reads all of it; nothing is published twice, and nothing is forgotten."""
    with kz.ledger() as ledger:
        case_id = opened(ledger).case_id
        proposed(ledger, case_id)
    stored = kz.stored()
    kz.relay_until(len(stored))
    at = partition_of(case_id, PARTITIONS)
    for topic in (kz.agreement.shared_topic, kz.agreement.national_topic("KZ")):
        ours = next(one for one in records(kz.kafka, topic) if one.partition == at)
        doubled = [*ours.headers, (NoText("?"), b"x"), ours.headers[1]]
        put_batch(kz.kafka, topic, at, Sent(ours.key, ours.value, doubled))
        put_batch(kz.kafka, topic, at, Sent(NOBODYS, bytes(16 * MAX_BATCH_BYTES)))
    kz.database.run("DELETE FROM ledger.relay_hint")
    with kz.ledger() as ledger:
        opened(ledger)
    metrics = kz.relay_until(len(kz.stored()))
    topics = [kz.agreement.shared_topic, kz.agreement.national_topic("KZ")]
    found = [metrics.recovered.labels("KZ", topic)._value.get() for topic in topics]
    assert len(stored) == sum(found)


def test_a_copy_of_our_event_under_another_key_does_not_stand_for_it(kz):
    """As of a transaction that was aborted: whoever reads uncommitted records can put one there."""
    with kz.ledger() as ledger:
        case_id = opened(ledger).case_id
    ((_, _, _, value),) = kz.stored()
    topic, signer = kz.agreement.national_topic("KZ"), LogSigner.load(kz.key)
    signature = signer.sign(log_name(topic, "KZ"), 0, leaf_hash(value))
    copy = Sent(NOBODYS, value, [("ce_type", b"NationalEvent"), ("log", log_header(0, signature))])
    put_batch(kz.kafka, topic, partition_of(case_id, PARTITIONS), copy)
    kz.relay_until(1)
    assert [NOBODYS, case_id.bytes] == [record.key for record in records(kz.kafka, topic)]
