"""A national topic in envelopes: mirrored as it is, read with the country's key, or waiting."""

from dataclasses import replace

import psycopg
import pytest

from ledger.case.case import Topic
from ledger.keys.national import NationalKeys
from projections import quarantine
from projections.as_of import AtPlaces, Prefix, case_then
from projections.rebuild import verify
from tests.given import opened
from tests.readers import heard, read_all


@pytest.fixture(scope="module")
def keys():
    return NationalKeys.drawn()


@pytest.fixture
def story(topics, keys):
    """A case whose child was heard twice; the third envelope holds another event's box."""
    found = opened("KZ", "KG")
    first, second, last = (keys.envelope(heard(found, version)) for version in (1, 2, 3))
    moved = replace(second, box=first.box)
    topics.put(first, moved, last, topic=Topic.NATIONAL)
    return found


def trail(database):
    return database.run(
        "SELECT event_type, effective, void_reason FROM read_1.audit_trail ORDER BY place"
    )


READ = [("ViewsRecorded", True, None), ("", False, "unreadable"), ("ViewsRecorded", True, None)]


def test_with_the_key_every_event_is_read_and_a_tampered_one_is_void(
    topics, dsn, database, story, keys
):
    read_all(topics, dsn, 3, national_keys=keys)
    assert trail(database) == READ
    types = database.run("SELECT DISTINCT ce_type FROM mirror.record")
    assert types == [("NationalEvent",)]
    assert story.case_id
    assert verify(dsn, country="KZ", keys=keys, processes=1).equal


@pytest.mark.parametrize("given", [None, NationalKeys.drawn()])
def test_without_its_key_the_case_waits_and_goes_on_with_it(
    topics, dsn, database, story, keys, given
):
    read_all(topics, dsn, 3, national_keys=given)
    assert trail(database) == []
    with psycopg.connect(dsn, autocommit=True) as connection:
        (parked,) = quarantine.parked(connection, 1)
        assert (parked.case_id, parked.topic, parked.reason) == (
            story.case_id, "national", "KeyUnknown",
        )  # fmt: skip
        (stop,) = quarantine.retry(connection, 1, [parked], country="KZ", keys=given)
        assert stop.reason == parked.reason
        parked_again = quarantine.parked(connection, 1)
        assert quarantine.retry(connection, 1, parked_again, country="KZ", keys=keys) == []
        assert quarantine.parked(connection, 1) == []
    assert trail(database) == READ


def test_what_was_sealed_before_a_rotation_is_read_after_it(topics, dsn, database, story, keys):
    newer = keys.rotated()
    topics.put(newer.envelope(heard(story, 4)), topic=Topic.NATIONAL)
    read_all(topics, dsn, 4, national_keys=newer)
    assert trail(database) == [*READ, ("ViewsRecorded", True, None)]


def test_as_of_a_place_needs_the_key_and_says_what_it_could_not_read(topics, dsn, story, keys):
    read_all(topics, dsn, 3, national_keys=keys)
    with psycopg.connect(dsn, autocommit=True) as connection:
        asked = (connection, story.case_id, AtPlaces((Prefix("national", 2),)))
        with_key = case_then(*asked, country="KZ", keys=keys)
        assert (len(with_key.trail()), with_key.unread) == (3, 0)
        assert with_key.plane(Topic.NATIONAL).care.views_heard
        without = case_then(*asked, country="KZ")
        assert (len(without.trail()), without.unread) == (0, 3)
        assert ["KeyUnknown"] == [stop.reason for stop in without.stops]
