"""Figures of a closed quarter from real read models: counted once more, and asked for later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg
import pytest

from events.errors import NotAllowedNow
from ledger import mirror
from ledger.mirror import Placed, Record
from node.reading import Reader
from node.statistics.counting import KINDS, count
from node.statistics.quarter import Quarter
from node.statistics.telling import HANDOFFS, LINES, statistics
from projections.folding import fold_in
from tests.asked_world import KEYS, World, world_of
from tests.plan_histories import planned
from tests.raw_fold import cases_of
from tests.routing_histories import directed

CASES = 80
#: Behind everything that was mirrored before.
FAR = 1_000_000
#: All of it is played in November and December 2024 (tests/sharing_play.py).
PLAYED = Quarter(2024, 4, "Asia/Almaty")
YEARS_LATER = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def read(database):
    """Read models that somebody goes on filling, and a person who reads them."""
    with (
        psycopg.connect(database.as_role("project"), autocommit=True) as writing,
        psycopg.connect(database.as_role("audit"), autocommit=True) as reading,
    ):

        def later(records: Sequence[Record]) -> None:
            mirror.append(writing, records)
            placed = [Placed(*one[:8], one.leaf, one.ce_type, one.value) for one in records]
            assert [] == fold_in(writing, "read_1", placed, country="KZ", keys=KEYS).stops

        def begin(world: World):
            world.mirror(writing)
            return Reader(reading, world.country, 1, KEYS), later

        yield begin


def test_a_quarter_has_the_same_figures_years_later(read):
    world = World.of(CASES)
    found, later = read(world)
    at_once = statistics(found, PLAYED, PLAYED.end)
    assert any(row["open_at_end"] for row in at_once["tables"][0]["rows"]), "something is told"
    assert at_once["withheld"], "and something is not"
    more = world_of(directed(), planned())  # recorded in March 2026
    for one in more.records:
        world.records.append(one._replace(offset=one.offset + FAR, effect_offset=one.offset + FAR))
    later(world.records[-len(more.records) :])
    assert found.rows("plans"), "and it was heard"
    assert at_once == statistics(found, PLAYED, YEARS_LATER)


def test_a_running_quarter_is_refused_before_anything_is_read(read):
    found, _ = read(World.of(1))
    with pytest.raises(NotAllowedNow) as refused:
        statistics(found, PLAYED, datetime(2024, 12, 31, 18, 59, tzinfo=UTC))
    assert "quarter_closed" == refused.value.rule


def test_the_figures_are_what_the_raw_records_say(read):
    world = World.of(CASES)
    found, _ = read(world)
    lines = found.ask(LINES, KINDS.split(), PLAYED.end)
    handoffs = found.rows("referrals", HANDOFFS, PLAYED.end)
    cells = count(lines, handoffs, "KZ", PLAYED).cells
    open_, opened, outcomes = 0, 0, {"fulfilled": 0, "unfulfilled": 0}
    for case in cases_of(world.records, KEYS.open).values():
        moves = case.all("CaseOpened", "ResponsibilityMoved")
        newest = ([one for one in moves if one.topic == "shared"] or moves)[-1]
        ends = case.all("CaseClosed", "CaseJoined", "CaseReopened")
        last = [one for one in ends if one.topic == newest.topic][-1:]
        if newest.event.origin == "KZ" and (not last or last[0].kind == "CaseReopened"):
            open_ += 1
        opened += any(one.kind == "CaseOpened" and one.event.origin == "KZ" for one in moves)
        sent = {one.event.handoff_id: one.event.origin for one in case.all("ReferralSent")}
        for one in case.all("ReferralCompleted"):
            if sent[one.event.handoff_id] == "KZ":
                outcomes[str(one.event.outcome)] += 1
    total = {
        column: sum(
            number for key, number in cells.items() if key[0] == "cases" and key[2] == column
        )
        for column in ("opened", "open_at_end")
    }
    assert {"opened": opened, "open_at_end": open_} == total
    assert outcomes == {name: cells["referrals", "sent", name] for name in outcomes}
    assert opened > 0
    assert sum(outcomes.values()) > 0
