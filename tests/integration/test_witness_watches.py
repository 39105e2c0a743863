"""What a witness notices that breaks no signature: copies, silence, and times that cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from consumers.event_times import TOLERANCE
from events.care import RiskAssessed
from events.codec import encode
from events.stamp import NOTHING_SEEN, Actor
from ledger.log.note import Note
from tests.integration.test_witness import KEYS, KZ, UZ, head, of_kz
from tests.witnessing import NOW, Bench, Event, log_of, orders_of

AT = datetime.fromtimestamp(NOW, UTC)


@pytest.fixture(scope="module")
def standing_bench(standing_database, tmp_path_factory) -> Iterator[Bench]:
    found = Bench(KEYS, "KG", standing_database, tmp_path_factory.mktemp("watches"))
    yield found
    found.close()


@pytest.fixture
def kg(standing_bench) -> Bench:
    standing_bench.emptied()
    return standing_bench


def lag(other: str) -> float:
    found = REGISTRY.get_sample_value("ledger_order_lag_seconds", {"country": "KG", "other": other})
    assert found is not None
    return found


def recorded(index: int, at: datetime) -> Event:
    """Return an event of KZ that says when it was recorded."""
    value = encode(
        RiskAssessed(
            event_id=uuid4(), case_id=uuid4(), origin="KZ", version=1, seen=NOTHING_SEEN,
            occurred_at=at, recorded_at=at, actor=Actor(id="a", role="system", organisation="o"),
            assessment_id=uuid4(), schema_version=2,
        )
    )  # fmt: skip
    return Event("KZ", index, index % 3, value)


def copied(note: Note, times: int) -> Note:
    return Note(note.text, note.signatures * times)


@pytest.mark.parametrize("by", [(), ("UZ",)], ids=["sealer", "witness"])
def test_a_line_that_somebody_has_copied_stops_nobody(kg, by):
    """A hundred copies fill a note: whoever carries it needs no key for that."""
    events = of_kz(7)
    kg.mirrors(*events)
    kg.hears(copied(head(events, 7, *by), 100 // (1 + len(by))))
    kg.hears(head(events, 7, "UZ"))
    kg.looks()
    assert [7] == kg.cosigned("KZ")
    kg.started()
    kg.looks()
    assert [] == kg.alarms()
    kept = kg.database.run("SELECT note FROM witness.checkpoint WHERE log = %s", KZ)
    assert all(len(Note.parse(one.encode()).signatures) <= 3 for (one,) in kept)


def test_an_order_that_another_country_does_not_speak_of_is_told_by_its_age(kg):
    """Two countries are shown two orders, and each other's notes are kept from them."""
    mine = [Event("UZ", 0, 0, b"b"), Event("KZ", 0, 0, b"a")]
    kg.mirrors(*mine)
    kg.hears(KEYS.checkpoint(KZ, [mine[1].leaf], "UZ"), KEYS.checkpoint(UZ, [mine[0].leaf], "KZ"))
    kg.looks()
    kg.clock.at += 30
    kg.looks()
    assert (30.0, 30.0) == (lag("KZ"), lag("UZ"))
    partitions = KEYS.agreement.partitions
    kg.hears(KEYS.order("UZ", orders_of(mine, partitions)))
    kg.looks()
    assert (30.0, 0.0) == (lag("KZ"), lag("UZ"))
    more = Event("UZ", 1, 2, b"c")
    kg.mirrors(more)
    kg.looks()
    kg.clock.at += 5
    assert (35.0, 5.0) == (lag("KZ"), lag("UZ"))
    kg.hears(KEYS.order("KZ", orders_of([*mine, more], partitions)))
    kg.looks()
    assert 0.0 == lag("KZ")


def test_how_long_somebody_is_silent_is_not_forgotten_over_many_events(kg):
    from consumers import order_lag

    watched = order_lag.OrderLag("XX", ["KZ", "UZ"], 1, kg.clock)
    began = kg.clock.at
    for size in range(1, 3 * order_lag._MOST):
        watched.grew(0, size)
        kg.clock.at += 1
    assert kg.clock.at - began == watched.lag("KZ")
    watched.said("KZ", 0, 3 * order_lag._MOST)
    assert 0.0 == watched.lag("KZ")
    assert kg.clock.at - began == watched.lag("UZ"), "one country's word is none of another's"


def test_an_event_that_claims_an_earlier_time_is_found_as_it_comes(kg):
    """Its log had gone further by then, and this country has said so itself."""
    honest = [recorded(index, AT - timedelta(seconds=9 - index)) for index in range(3)]
    kg.mirrors(*honest)
    kg.hears(head(honest, 3))
    kg.looks()
    assert [3] == kg.cosigned("KZ")
    inside = recorded(3, AT - TOLERANCE + timedelta(seconds=1))
    late = recorded(4, AT - TOLERANCE - timedelta(seconds=1))
    kg.mirrors(inside, late)
    events = [*honest, inside, late]
    kg.hears(KEYS.checkpoint(KZ, log_of(events, "KZ")))
    kg.looks()
    assert [("backdated", KZ, late.partition, None)] == kg.alarms()
    ((index,),) = kg.database.run("SELECT log_index FROM witness.alarm")
    assert 4 == index
    assert [3, 5] == kg.cosigned("KZ"), "it stops no signing: the log is what it is"
    kg.looks()
    kg.started()
    kg.looks()
    assert 1 == len(kg.alarms()), "and is said once"


def test_a_node_that_was_off_cosigns_nothing_old_while_it_catches_up(kg):
    """It hears of an hour at once, and its mirror comes further piece by piece."""
    told = [
        recorded(index, AT - timedelta(hours=1) + 5 * timedelta(minutes=index))
        for index in range(8)
    ]
    told.append(recorded(8, AT - timedelta(seconds=5)))
    kg.mirrors(*told[:3])
    kg.hears(*(KEYS.checkpoint(KZ, log_of(told, "KZ")[:size]) for size in (2, 3, 6, 9)))
    for event in told[3:]:
        kg.looks()
        assert [] == kg.cosigned("KZ")
        kg.mirrors(event)
    kg.looks()
    assert [9] == kg.cosigned("KZ")
    assert [] == kg.alarms(), "no honest event looks backdated"


def test_the_last_word_of_a_log_that_was_quiet_is_cosigned(kg):
    """However old: nothing was decided since."""
    told = [recorded(index, AT - timedelta(days=1)) for index in range(2)]
    kg.mirrors(*told)
    kg.hears(head(told, 1), head(told, 2))
    kg.looks()
    assert [2] == kg.cosigned("KZ")


def test_what_comes_while_a_witness_is_away_is_looked_at_when_it_is_back(kg):
    honest = [recorded(0, AT)]
    kg.mirrors(*honest)
    kg.hears(head(honest, 1))
    kg.looks()
    late = recorded(1, AT - timedelta(days=1))
    kg.mirrors(late)
    kg.started()
    kg.hears(KEYS.checkpoint(KZ, log_of([*honest, late], "KZ")))
    kg.looks()
    assert [("backdated", KZ, 1, None)] == kg.alarms()
