"""Order notes on a real database: what a country signs of the order, and who contradicts it."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from consumers.sealed_log import EVERY_S, REPEAT_S
from ledger.log import order
from ledger.log.heads import Heads
from ledger.log.note import Note
from ledger.log.order import OrderNote
from tests.witnessing import Bench, Event, Keys, events_of, orders_of

KEYS = Keys()
MINE, THEIRS = "referral.order/KG", "referral.order/KZ"
PARTITIONS = KEYS.agreement.partitions


@pytest.fixture(scope="module")
def standing_bench(standing_database, tmp_path_factory) -> Iterator[Bench]:
    found = Bench(KEYS, "KG", standing_database, tmp_path_factory.mktemp("order"))
    yield found
    found.close()


@pytest.fixture
def kg(standing_bench) -> Bench:
    """The witness of KG, which knows nothing yet."""
    standing_bench.emptied()
    return standing_bench


@pytest.fixture
def events() -> list[Event]:
    return events_of(random.Random(5), 60, KEYS)


def said_by(kg: Bench) -> list[OrderNote]:
    """Return what the witness has signed, each under its key."""
    notes = kg.posted.of(MINE)
    assert all(note.verified_by([KEYS.orders["KG"].verifier]) for note in notes)
    return [OrderNote.parse(note.text, PARTITIONS) for note in notes]


def noted(events: list[Event], country: str = "KZ") -> Note:
    return KEYS.order(country, orders_of(events, PARTITIONS))


def swapped(events: list[Event], partition: int, at: int) -> list[Event]:
    """Return the events with two neighbours of a partition in the other order."""
    places = [place for place, one in enumerate(events) if one.partition == partition]
    first, second = places[at], places[at + 1]
    found = list(events)
    found[first], found[second] = found[second], found[first]
    return found


def test_it_signs_in_which_order_it_has_heard_the_topic(kg, events):
    """One note for all partitions; with news every second, without any every minute."""
    kg.looks()
    assert [] == said_by(kg)  # of nothing there is nothing to say
    kg.mirrors(*events[:40])
    kg.looks()
    kg.mirrors(*events[40:])
    kg.looks()
    assert [KEYS.order("KG", orders_of(events[:40], PARTITIONS)).text] == [
        one.body for one in said_by(kg)
    ]
    kg.clock.at += EVERY_S
    kg.looks()
    kg.clock.at += REPEAT_S / 2
    kg.looks()
    assert 2 == len(said_by(kg))
    kg.clock.at += REPEAT_S / 2
    kg.looks()
    assert 3 == len(said_by(kg))
    assert said_by(kg)[1] == said_by(kg)[2]
    assert said_by(kg)[2].heads == tuple(
        Heads(kg.folder / "KG-heads.json").get(f"{MINE}/{at}") for at in range(PARTITIONS)
    )
    kept = kg.database.run(
        "SELECT size, root FROM witness.order_note WHERE country = 'KG' AND size > 0"
        " ORDER BY partition, size DESC"
    )
    assert set(said_by(kg)[2].heads) <= set(kept)


@pytest.mark.parametrize("recent", [4_096, 4])
@pytest.mark.parametrize("by", [0, 1, 17, 60])
def test_a_country_that_has_heard_the_same_is_not_accused(kg, events, monkeypatch, recent, by):
    """Behind, ahead or level; also longer ago than is remembered."""
    monkeypatch.setattr(order, "RECENT", recent)
    kg.mirrors(*events[:30])
    kg.hears(noted(events[:by]))
    kg.looks()
    kg.mirrors(*events[30:])
    kg.hears(noted(events))
    kg.looks()
    kg.looks()
    assert [] == kg.alarms()


@pytest.mark.parametrize("recent", [4_096, 4])
@pytest.mark.parametrize("first", ["theirs", "ours"])
def test_another_order_is_an_alarm_that_names_the_partition(kg, events, monkeypatch, first, recent):
    """Whoever is ahead; and nobody else is held up by it."""
    monkeypatch.setattr(order, "RECENT", recent)
    other = swapped(events, 1, 3)
    steps = [lambda: kg.hears(noted(other)), lambda: kg.mirrors(*events)]
    for step in steps if first == "theirs" else steps[::-1]:
        step()
        kg.looks()
    size = len(orders_of(events, PARTITIONS)[1])
    assert [("order_differs", THEIRS, 1, size)] == kg.alarms()
    assert 1 == len(said_by(kg))


def test_two_notes_one_event_apart_name_the_event(kg, events):
    """The last size at which both agreed, and the next one: it is that event."""
    partition = 2
    places = [place for place, one in enumerate(events) if one.partition == partition]
    other = swapped(events, partition, 4)
    kg.mirrors(*events)
    kg.hears(noted(other[: places[3] + 1]), noted(other[: places[4] + 1]))
    kg.looks()
    kg.hears(noted(other[: places[4] + 1]))
    kg.looks()
    rows = kg.database.run("SELECT partition, size, log_index, event_id FROM witness.alarm")
    event = events[places[4]]
    ((event_id,),) = kg.database.run(
        "SELECT event_id FROM mirror.record WHERE origin = %s AND log_index = %s",
        event.origin,
        event.index,
    )
    assert [(partition, 5, event.index, event_id)] == rows


def test_a_difference_is_said_once_until_somebody_has_looked(kg, events):
    """Every later note differs, too; called resolved, it is said again if it still differs."""
    other = swapped(events, 1, 3)
    kg.mirrors(*events)
    for many in (50, 55, 60):
        kg.hears(noted(other[:many]))
        kg.looks()
    assert 1 == len(kg.alarms())
    kg.resolved()
    assert [] == kg.alarms()
    kg.looks()
    assert 1 == len(kg.alarms())


def test_a_country_that_signs_two_orders_of_one_size_is_caught(kg, events):
    """Whichever is the one that was heard here."""
    kg.hears(noted(events), noted(swapped(events, 0, 2)))
    size = len(orders_of(events, PARTITIONS)[0])
    assert [("order_differs", THEIRS, 0, size)] == kg.alarms()


def test_after_a_new_start_it_still_knows_what_others_have_said(kg, events):
    """The note is not read again, and the difference lies in what is mirrored only now."""
    kg.hears(noted(swapped(events, 1, 3)))
    kg.looks()
    kg.started()
    kg.mirrors(*events)
    kg.looks()
    assert ["order_differs"] == [rule for rule, *_ in kg.alarms()]


def test_a_mirror_with_another_order_than_was_signed_signs_nothing_more(kg, events):
    """Somebody has exchanged two rows since: the file knows, at the next start at the latest."""
    kg.mirrors(*events[:50])
    kg.looks()
    kg.database.run(
        'UPDATE mirror.record SET "offset" = CASE "offset" WHEN 2 THEN -1 ELSE 2 END,'
        ' effect_offset = NULL, effect_rank = NULL WHERE partition = 1 AND "offset" IN (2)'
    )
    kg.started()
    kg.mirrors(*events[50:])
    kg.clock.at += REPEAT_S
    kg.looks()
    size = len(orders_of(events[:50], PARTITIONS)[1])
    assert [("root_differs", MINE, 1, size)] == kg.alarms()
    assert 1 == len(said_by(kg))
    kg.resolved()
    kg.looks()
    kg.looks()
    assert [("root_differs", MINE, 1, size)] == kg.alarms()
    assert 1 == len(said_by(kg))


def test_a_mirror_that_is_being_filled_again_signs_when_it_is_as_far_as_before(kg, events):
    kg.mirrors(*events)
    kg.looks()
    kg._owner.execute("DELETE FROM mirror.record")
    kg._offsets.clear()
    kg.started()
    kg.mirrors(*events[:30])
    kg.clock.at += REPEAT_S
    kg.looks()
    assert 1 == len(said_by(kg))
    assert "less is here" in kg.witness.waiting()["order"]
    kg.mirrors(*events[30:])
    kg.looks()
    assert 2 == len(said_by(kg))
    assert [] == kg.alarms()


def test_without_its_database_it_signs_no_other_order_than_the_file_remembers(kg, events):
    """Everything was restored from before, or is another country's: the file was not."""
    kg.mirrors(*events[:50])
    kg.looks()
    for table in ("mirror.record", "witness.order_note", "witness.position"):
        kg._owner.execute(f"DELETE FROM {table}")
    kg._offsets.clear()
    kg.started()
    kg.mirrors(*swapped(events, 1, 3))
    kg.looks()
    size = len(orders_of(events[:50], PARTITIONS)[1])
    assert [("root_differs", MINE, 1, size)] == kg.alarms()
    assert 1 == len(said_by(kg))


def test_without_its_file_it_signs_no_other_order_than_the_database_remembers(kg, events):
    """What was published is remembered twice."""
    kg.mirrors(*events[:50])
    kg.looks()
    (kg.folder / "KG-heads.json").unlink()
    kg._owner.execute("DELETE FROM mirror.record")
    kg._offsets.clear()
    kg.started()
    kg.mirrors(*swapped(events, 1, 3))
    kg.looks()
    size = len(orders_of(events[:50], PARTITIONS)[1])
    assert [("root_differs", MINE, 1, size)] == kg.alarms()
    assert 1 == len(said_by(kg))
