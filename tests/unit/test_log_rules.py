"""R1 and R10 over one log: an honest log breaks nothing, and each way to change it is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.codec import Stamp
from events.stamp import NOTHING_SEEN, leaf_hash
from ledger.log.findings import Heard
from ledger.log.merkle import CompactRange
from ledger.log.rule_log import Known, Leaf, LogRules, check_signature
from ledger.log.signature import LogSigner

NAME, SIGNER = "t.ledger/KZ", LogSigner("KZ-log", bytes(32))
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
#: Rule, code word, place in the log or size.
Told = tuple[str, str, int | None]


@dataclass
class Log:
    """A log as a mirror has it: events a second apart, checkpoints two seconds after their last."""

    leaves: list[Leaf] = field(default_factory=list)
    signatures: list[bytes] = field(default_factory=list)
    known: list[Known] = field(default_factory=list)

    @classmethod
    def honest(cls, events: int, sizes: set[int]) -> Log:
        log, tree = cls(), CompactRange()
        for place in range(events):
            log.add(place, b"%d" % place)
            tree.append(log.leaves[-1].heard.leaf)
            if tree.size in sizes:
                at = NOON + place * SECOND + 2 * SECOND
                log.known.append(Known(tree.size, tree.root, True, True, at, at, at))
        return log

    def add(self, place: int, value: bytes) -> None:
        at = NOON + place * SECOND
        stamp = Stamp(
            event_id=UUID(int=place), case_id=UUID(int=1), origin="KZ", version=place + 1,
            seen=NOTHING_SEEN, occurred_at=at, recorded_at=at,
        )  # fmt: skip
        leaf = leaf_hash(value)
        heard = Heard(stamp, leaf, 0, place, log=NAME, log_index=place)
        self.leaves.append(Leaf(heard, leaf, True, at + SECOND))
        self.signatures.append(SIGNER.sign(NAME, place, leaf))

    def change(self, at: int, **said: object) -> None:
        """Let an event stand there otherwise."""
        heard = self.leaves[at].heard._replace(**said)
        self.leaves[at] = self.leaves[at]._replace(heard=heard, stated=heard.leaf)

    def at(self, place: int, moment: datetime) -> None:
        """Let an event claim another time."""
        stamp = self.leaves[place].heard.event
        said = {name: getattr(stamp, name) for name in Stamp.__dataclass_fields__}
        self.change(place, event=Stamp(**{**said, "recorded_at": moment}))

    def told(self, *, until: datetime = NOON + 99 * MINUTE) -> list[Told]:
        """Return what the rules find."""
        rules = LogRules(
            log=NAME, topic="shared", origin="KZ", checkpoints=iter(self.known), until=until
        )
        found = [one for leaf in self.leaves for one in rules.hear(leaf)] + rules.end()
        for leaf, signature in zip(self.leaves, self.signatures, strict=True):
            if (leaf.heard.log_index or 0) >= rules.proven:
                found += check_signature(leaf.heard, signature, [SIGNER.verifier])
        self.rules = rules
        assert all(one.log == NAME for one in found)
        return [(one.rule, one.what, one.size or one.log_index) for one in found]


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
    return {("R10", "too_late", 3), ("R10", "mirrored_too_early", 3)}


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
    log.at(3, NOON + 4 * SECOND + 2 * MINUTE)
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
