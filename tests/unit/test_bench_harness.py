"""What the benchmarks rest on: ratios per round, and histories that could have happened."""

from collections import Counter
from itertools import islice

import pytest

from bench.append import rows_of
from bench.harness import BASELINE, OURS, Effort, compare
from bench.histories import KEYS, entries, whole_cases
from bench.stories import STORIES, long_national
from events.codec import decode
from events.national import NationalEvent
from events.stamp import leaf_hash
from ledger.case.case import Topic
from ledger.case.fold import fold
from ledger.case.plane import empty


def test_the_ratio_is_the_median_of_the_rounds_not_of_the_averages():
    """A machine that halves its speed in the middle must not change who is faster."""
    ours, baseline = iter([20.0, 10.0, 9.0, 2.0, 4.0]), iter([10.0, 5.0, 3.0, 1.0, 1.0])
    contenders = {OURS: lambda: next(ours), BASELINE: lambda: next(baseline)}
    figure = compare("x", contenders, unit="events/s", effort=Effort(rounds=5), goal="")
    assert 2.0 == figure.ratio
    assert [2.0, 3.0] == figure.extra["quartiles"]
    assert 9.0 == figure.ours


def test_contenders_take_turns_in_changing_order():
    """Who always runs second runs on a machine that the first has warmed up."""
    order = []
    contenders = {name: lambda name=name: order.append(name) or 1.0 for name in (OURS, BASELINE)}
    compare("x", contenders, unit="events/s", effort=Effort(rounds=16), goal="")
    rounds = [tuple(order[at : at + 2]) for at in range(0, 32, 2)]
    assert {(OURS, BASELINE), (BASELINE, OURS)} == set(rounds)


def verdicts(told):
    """Return the verdict of each event, folded case by case on its own topic."""
    planes, found = {}, []
    for entry in told:
        event, side = decode(entry.value), (entry.case_id, entry.topic)
        plane = planes.get(side) or empty(entry.case_id, shared=entry.topic is Topic.SHARED)
        planes[side], verdict = fold(plane, event, leaf_hash(entry.value))
        found.append(verdict.void)
    return found


@pytest.mark.parametrize("story", [*STORIES, long_national])
def test_a_copy_is_as_legal_as_what_was_decided(story):
    """Otherwise the fold under measurement would do nothing but refuse."""
    play = story()
    original = [(said.topic, type(said.event).__name__) for said in play.said]
    copied = whole_cases(2, story)
    half = len(copied) // 2
    assert original == [(entry.topic, entry.name) for entry in copied[:half]]
    assert verdicts(copied[:half]) == verdicts(copied[half:])
    assert 1 >= sum(void is not None for void in verdicts(copied[:half]))
    assert 3 == len({play.case_id, copied[0].case_id, copied[half].case_id})


def test_shuffled_cases_keep_their_order_and_their_ids_apart():
    """Neighbours on the topic are strangers, and no event says another one's id."""
    told = list(islice(entries(), 3_000))
    assert 0.05 > sum(void is not None for void in verdicts(told)) / len(told)
    assert len(told) == len({decode(entry.value).event_id for entry in told})
    assert 400 < len(Counter(entry.case_id for entry in told))


def test_what_is_national_is_stored_in_envelopes_as_a_node_stores_it():
    """Rows in clear would be shorter, cheaper to write and cheaper to read than a node's."""
    told = list(islice(entries(), 2_000))
    rows = rows_of(told)
    national = 0
    for entry, row in zip(told, rows, strict=True):
        stored = decode(row.state)
        if entry.topic is Topic.SHARED:
            assert (f"shared/{entry.name}", entry.value) == (row.topic, row.state)
        else:
            assert ("national/NationalEvent", NationalEvent) == (row.topic, type(stored))
            assert decode(entry.value) == KEYS.open(stored)
            national += 1
    assert 0 < national < len(told)
