"""The mirror against its topic, and what can be asked of it: history, prefixes, conflicts."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from consumers.verification import verify_all
from events.codec import encode
from events.stamp import leaf_hash
from ledger import mirror
from ledger.case.case import Topic
from ledger.log.merkle import root_of
from projections import queries
from projections.as_of import AtPlaces, Prefix, case_then
from tests.given import NOON, changed
from tests.readers import events_of, heard, read_all, settings_of, transferred


@pytest.fixture
def story(topics, dsn):
    """A case in the mirror: five shared events and a national one."""
    found = transferred()
    topics.put(*events_of(found))
    topics.put(heard(found), topic=Topic.NATIONAL)
    read_all(topics, dsn, 6)
    return found


@pytest.fixture
def connection(dsn):
    with psycopg.connect(dsn, autocommit=True) as found:
        yield found


def test_a_history_is_in_order_of_effect_with_the_shared_topic_first(story, connection):
    placed = mirror.history(connection, story.case_id)
    assert [leaf for _, leaf in story.topic] == [one.leaf for one in placed[:5]]
    assert ["shared"] * 5 + ["national"] == [one.topic for one in placed]
    assert [encode(event) for event, _ in story.topic] == [one.value for one in placed[:5]]


def test_a_true_copy_is_found_to_be_one(story, topics, dsn):
    """Bytes, offsets, leaf hashes, and one order root per partition on both sides."""
    found = verify_all(settings_of(topics, dsn))
    assert all(one.equal for one in found)
    assert 6 == sum(one.records for one in found)
    shared = next(one for one in found if one.topic == "shared" and one.size)
    assert root_of([leaf for _, leaf in story.topic]) == shared.topic_root == shared.mirror_root


SET = "UPDATE mirror.record SET"
AT = "WHERE topic = 'shared' AND \"offset\" ="


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        (f"{SET} value = value || '\\x00' {AT} 1", "other_bytes"),
        (f"{SET} leaf = sha256(leaf) {AT} 2", "other_bytes"),
        (f"{SET} log_index = 9 {AT} 0", "other_bytes"),
        (f"DELETE FROM mirror.record {AT} 3", "not_mirrored"),
        (f'{SET} "offset" = 5, effect_offset = 5 {AT} 4', "not_on_topic"),
    ],
)
def test_a_changed_mirror_is_found_out(story, topics, database, dsn, damage, kind):
    database.run(damage)
    found = verify_all(settings_of(topics, dsn))
    assert kind in {difference.kind for one in found for difference in one.differences}


def test_an_order_that_was_changed_gives_another_root(story, topics, database, dsn):
    """Exchange two whole records: every row is true, and the order is not."""
    for before, after in ((1, 98), (2, 99), (98, 2), (99, 1)):
        database.run(f"{SET} effect_offset = 99 {AT} {before}")
        database.run(f'{SET} "offset" = {after} {AT} {before}')
    assert not all(
        one.topic_root == one.mirror_root for one in verify_all(settings_of(topics, dsn))
    )


def test_two_events_at_one_place_of_a_log_are_shown(topics, connection, dsn):
    """Both take effect, by version; that one log cannot hold both is the witness's to say."""
    first, second = events_of(transferred())[:2]
    topics.put(first, index=0)
    topics.put(second, index=0)
    topics.put(first, index=5)
    read_all(topics, dsn, 3)
    rows = connection.execute("SELECT origin, log_index FROM mirror.log_conflict").fetchall()
    assert [("KZ", 0), ("KZ", 0)] == rows


def test_the_time_of_recording_filters_the_list_and_not_the_fold(topics, dsn, connection):
    """A clock that is wrong may hide a line, never change what the case was."""
    story = transferred()
    fast = story.topic[1][1]
    leaves: dict[bytes, bytes] = {}
    for event, leaf in story.topic:
        moment = NOON + timedelta(days=400 if leaf == fast else 0)
        said = changed(event, recorded_at=moment, seen=leaves.get(event.seen, event.seen))
        leaves[leaf] = leaf_hash(encode(said))
        topics.put(said)
    read_all(topics, dsn, len(leaves))
    at_the_end = AtPlaces((Prefix.before(Topic.SHARED, 99),))
    found = case_then(connection, story.case_id, at_the_end, country="KZ")
    assert len(leaves) == found.count
    assert all(line["effective"] for line in found.trail())
    in_time = [line["leaf"] for line in found.listed(NOON, NOON + timedelta(days=1))]
    assert [mark for leaf, mark in leaves.items() if leaf != fast] == in_time


def test_responsibility_has_no_gap_and_no_overlap(topics, connection, dsn):
    """At every place of a shared case exactly one country answers for it."""
    from ledger.case import transfer

    story = transferred()
    (handoff_id,) = story["KZ"].settled.transfers
    story.did("KG", transfer.move_responsibility, handoff_id=handoff_id)
    story.did("KG", transfer.complete_handover, handoff_id=handoff_id)
    topics.put(*events_of(story))
    read_all(topics, dsn, len(story.topic))
    spans = queries.responsibility(connection, 1, story.case_id)
    assert [("KZ", 1, 6), ("KG", 6, None)] == [
        (span.country, span.since_place, span.until_place) for span in spans
    ]
    now = queries.responsible_at(connection, 1, story.case_id, NOON + timedelta(seconds=1))
    assert now is not None
    assert "KG" == now.country
    assert queries.responsible_at(connection, 1, uuid4(), NOON) is None


def test_status_tells_how_far_a_country_has_read_and_what_waits(topics, dsn, connection):
    topics.put(*events_of(transferred())[1:])
    read_all(topics, dsn, 4)
    said = queries.status(connection, 1)
    assert {("held", 1), ("parked", 0)} == {(kind, cases) for kind, cases, _ in said.waits}
    assert {"shared", "national"} == {position.topic for position in said.positions}
