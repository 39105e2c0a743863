"""R1 and R10 over one log: an honest log breaks nothing, and each way to change it is found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.stamp import leaf_hash
from tests.known_log import MINUTE, NOON, SECOND, Log, Told


def test_an_honest_log_breaks_nothing_and_says_how_far_it_is_proven():
    log = Log.honest(10, {4, 8})
    assert log.told() == []
    assert (log.rules.proven, log.rules.compared, log.rules.waiting) == (8, 2, False)


def changed(log: Log) -> set[Told]:
    """Somebody changes bytes and their hash: the next root differs, and the signature names it."""
    log.change(2, leaf=leaf_hash(b"other"))
    return {("R1", "root_differs", 4), ("R1", "signature", 2)}


def changed_without_its_hash(log: Log) -> set[Told]:
    log.leaves[2] = log.leaves[2]._replace(stated=leaf_hash(b"what it was"))
    return {("R1", "leaf_differs", 2)}


def moved_to_another_case(log: Log) -> set[Told]:
    log.leaves[2] = log.leaves[2]._replace(row_fits=False)
    return {("R1", "row_differs", 2)}


def changed_after_the_last_checkpoint(log: Log) -> set[Told]:
    log.change(9, leaf=leaf_hash(b"other"))
    return {("R1", "signature", 9)}


def swapped(log: Log) -> set[Told]:
    one, other = log.leaves[1].heard.leaf, log.leaves[2].heard.leaf
    log.change(1, leaf=other)
    log.change(2, leaf=one)
    return {("R1", "root_differs", 4), ("R1", "signature", 1), ("R1", "signature", 2)}


def taken_out(log: Log) -> set[Told]:
    del log.leaves[5], log.signatures[5]
    return {("R1", "missing", 6)}


def cut_off(log: Log) -> set[Told]:
    del log.leaves[6:], log.signatures[6:]
    return {("R1", "withheld", 8)}


def cut_off_whole(log: Log) -> set[Told]:
    log.leaves.clear()
    log.signatures.clear()
    return {("R1", "withheld", 8)}


def put_in_twice(log: Log) -> set[Told]:
    log.leaves.insert(6, log.leaves[5])
    log.signatures.insert(6, log.signatures[5])
    return {("R1", "index_twice", 5)}


def forked(log: Log) -> set[Told]:
    """The country itself signed another root: every event here has its signature."""
    log.known[0] = log.known[0]._replace(root=bytes(32))
    return {("R1", "root_differs", 4)}


def cosigned_otherwise(log: Log) -> set[Told]:
    log.known[1] = log.known[1]._replace(cosigned_fits=False)
    return {("R1", "cosignature_differs", 8)}


def mirrored_before_it_was_recorded(log: Log) -> set[Told]:
    """Somebody dates a row of the mirror back."""
    log.leaves[9] = log.leaves[9]._replace(mirrored_at=NOON + 8 * SECOND - 2 * MINUTE)
    return {("R10", "mirrored_too_early", 9)}


def noted_otherwise(log: Log) -> set[Told]:
    log.known[1] = log.known[1]._replace(fits=False)
    return {("R1", "note_differs", 8)}


def claimed_too_late(log: Log) -> set[Told]:
    log.at(3, NOON + 5 * SECOND + 2 * MINUTE + SECOND)
    return {("R10", "too_late", 3)}


def claimed_too_early(log: Log) -> set[Told]:
    log.at(4, NOON + 5 * SECOND - 2 * MINUTE - SECOND)
    return {("R10", "backdated", 4)}


TAMPERS = (
    changed, changed_without_its_hash, moved_to_another_case, changed_after_the_last_checkpoint,
    swapped, taken_out, cut_off, cut_off_whole, put_in_twice, forked, noted_otherwise,
    cosigned_otherwise, claimed_too_late, claimed_too_early, mirrored_before_it_was_recorded,
)  # fmt: skip


@pytest.mark.parametrize("tamper", TAMPERS, ids=lambda one: one.__name__)
def test_whoever_changes_a_log_is_found_at_the_place(tamper: Callable[[Log], set[Told]]):
    log = Log.honest(10, {4, 8})
    assert set(log.told()) == set()
    assert tamper(log) == set(log.told())


def test_two_minutes_are_no_breach():
    log = Log.honest(10, {4, 8})
    log.at(3, NOON + 5 * SECOND + 2 * MINUTE)
    log.at(4, NOON + 5 * SECOND - 2 * MINUTE)
    assert log.told() == []


def test_what_may_still_be_on_its_way_is_waited_for():
    """Partitions are mirrored one beside the other, and notes stand on a topic of their own."""
    for tamper in (taken_out, cut_off):
        log = Log.honest(10, {4, 8})
        tamper(log)
        assert log.told(until=NOON + MINUTE) == []
        assert log.rules.waiting
        assert log.rules.proven == 4


def young(log: Log, **said: datetime) -> None:
    """Let all be heard just now, by the words of the database."""
    log.leaves = [one._replace(mirrored_at=NOON + 98 * MINUTE) for one in log.leaves]
    heard = NOON + 98 * MINUTE
    log.known = [one._replace(heard_at=heard, **said) for one in log.known]


def test_what_this_country_signed_long_ago_is_waited_for_no_more():
    """Whoever calls every row young hides no event that a signature of here has counted."""
    for tamper in (taken_out, cut_off, cut_off_whole):
        log = Log.honest(10, {4, 8})
        expected = tamper(log)
        young(log, here_by=NOON + MINUTE)
        assert set(log.told()) == expected


def test_what_others_cosigned_long_ago_may_come_after_a_standstill_of_this_node():
    for tamper in (taken_out, cut_off, cut_off_whole):
        log = Log.honest(10, {4, 8})
        tamper(log)
        young(log)
        assert log.told() == []
        assert log.rules.waiting


def other_bytes(log: Log, luck: Random) -> None:
    log.change(luck.randrange(len(log.leaves)), leaf=luck.randbytes(32))


def other_order(log: Log, luck: Random) -> None:
    one, other = luck.sample(range(len(log.leaves)), 2)
    leaves = log.leaves[one].heard.leaf, log.leaves[other].heard.leaf
    log.change(one, leaf=leaves[1])
    log.change(other, leaf=leaves[0])


def one_less(log: Log, luck: Random) -> None:
    at = luck.randrange(len(log.leaves) - 1)
    del log.leaves[at], log.signatures[at]


def one_more(log: Log, luck: Random) -> None:
    at = luck.randrange(len(log.leaves))
    log.leaves.insert(at, log.leaves[at])
    log.signatures.insert(at, log.signatures[at])


LOGS = (st.integers(2, 70), st.sets(st.integers(0, 70)))


@settings(max_examples=300, deadline=None)
@given(*LOGS)
def test_no_honest_log_breaks_a_rule(events: int, sizes: set[int]):
    assert Log.honest(events, sizes).told() == []


@settings(max_examples=500, deadline=None)
@given(*LOGS, st.sampled_from([other_bytes, other_order, one_less, one_more]), st.randoms())
def test_every_single_change_is_found_and_some_event_named(events, sizes, tamper, luck):
    log = Log.honest(events, sizes)
    tamper(log, luck)
    told = log.told()
    assert {what for _, what, _ in told} & {"signature", "missing", "index_twice"}
