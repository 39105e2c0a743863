"""A log in memory, tampered with in every way and at every place: found, with rule, log and place.

The oracle is exact: it says which rule has to name which place, and demands nothing of an honest
log, which is looked at in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from random import Random

import pytest

from events.stamp import leaf_hash
from ledger.log.signature import LogSigner
from tests.known_log import MINUTE, NAME, SECOND, SIGNER, Log

THIEF = LogSigner("KZ-log", b"another key of the very same name"[:32])
#: Any of these has to be found: rule, code word, place in the log or size.
Wanted = set[tuple[str, str, int | None]]


def put(log: Log, at: int, value: bytes, signer: LogSigner = THIEF) -> None:
    """Let other bytes stand at a place, with their hash and a signature."""
    log.change(at, leaf=leaf_hash(value))
    log.signatures[at] = signer.sign(NAME, at, leaf_hash(value))


def place(log: Log, luck: Random) -> int:
    return luck.randrange(len(log.leaves))


def covering(log: Log, at: int) -> int | None:
    """The first checkpoint that counts a place."""
    return next((one.size for one in log.known if one.size > at), None)


def edits(log: Log, luck: Random) -> Wanted:
    at = place(log, luck)
    log.change(at, leaf=luck.randbytes(32))
    return {("R1", "signature", at)}


def edits_and_signs(log: Log, luck: Random) -> Wanted:
    at = place(log, luck)
    put(log, at, luck.randbytes(40))
    return {("R1", "signature", at)}


def edits_without_the_hash(log: Log, luck: Random) -> Wanted:
    at = place(log, luck)
    log.leaves[at] = log.leaves[at]._replace(stated=luck.randbytes(32))
    return {("R1", "leaf_differs", at)}


def edits_the_row(log: Log, luck: Random) -> Wanted:
    at = place(log, luck)
    log.leaves[at] = log.leaves[at]._replace(row_fits=False)
    return {("R1", "row_differs", at)}


def swaps(log: Log, luck: Random) -> Wanted:
    one, other = luck.sample(range(len(log.leaves)), 2)
    first, second = log.leaves[one].heard.leaf, log.leaves[other].heard.leaf
    log.change(one, leaf=second)
    log.change(other, leaf=first)
    return {("R1", "signature", one), ("R1", "signature", other)}


def swaps_with_signatures(log: Log, luck: Random) -> Wanted:
    wanted = swaps(log, luck)
    one, other = (at for _, _, at in wanted)
    log.signatures[one], log.signatures[other] = log.signatures[other], log.signatures[one]
    return wanted


def takes_out(log: Log, luck: Random) -> Wanted:
    at = luck.randrange(len(log.leaves) - 1)
    del log.leaves[at], log.signatures[at]
    return {("R1", "missing", at + 1)}


def takes_out_and_closes_the_hole(log: Log, luck: Random) -> Wanted:
    at = luck.randrange(len(log.leaves) - 1)
    del log.leaves[at], log.signatures[at]
    for later in range(at, len(log.leaves)):
        log.change(later, log_index=later)
    return {("R1", "signature", at)}


def puts_in(log: Log, luck: Random) -> Wanted:
    at = place(log, luck)
    log.leaves.insert(at, log.leaves[at])
    log.signatures.insert(at, log.signatures[at])
    return {("R1", "index_twice", at)}


def puts_in_and_moves_the_others_up(log: Log, luck: Random) -> Wanted:
    at = place(log, luck)
    log.leaves.insert(at, log.leaves[at])
    log.signatures.insert(at, log.signatures[at])
    for later in range(at, len(log.leaves)):
        log.change(later, log_index=later)
    return {("R1", "signature", at + 1)}


def adds_at_the_end(log: Log, luck: Random) -> Wanted:
    end = len(log.leaves)
    log.add(end, luck.randbytes(9))
    put(log, end, luck.randbytes(40))
    return {("R1", "signature", end)}


def rolls_back(log: Log, luck: Random) -> Wanted:
    keep = luck.randrange(log.known[-1].size)
    del log.leaves[keep:], log.signatures[keep:]
    return {("R1", "withheld", log.known[-1].size)}


def forks(log: Log, luck: Random) -> Wanted:
    """With the log's own key: no event is wrong, and the roots are."""
    begin = luck.randrange(log.known[-1].size)
    for at in range(begin, len(log.leaves)):
        put(log, at, b"fork" + luck.randbytes(8), SIGNER)
    return {("R1", "root_differs", covering(log, begin))}


def forges_a_root(log: Log, luck: Random) -> Wanted:
    at = luck.randrange(len(log.known))
    log.known[at] = log.known[at]._replace(root=luck.randbytes(32))
    return {("R1", "root_differs", log.known[at].size)}


def forges_a_note(log: Log, luck: Random) -> Wanted:
    at = luck.randrange(len(log.known))
    log.known[at] = log.known[at]._replace(root=luck.randbytes(32), fits=False)
    return {("R1", "note_differs", log.known[at].size)}


def forges_a_cosignature(log: Log, luck: Random) -> Wanted:
    at = luck.randrange(len(log.known))
    log.known[at] = log.known[at]._replace(cosigned_fits=False)
    return {("R1", "cosignature_differs", log.known[at].size)}


def backdates(log: Log, luck: Random) -> Wanted:
    """By more than the tolerance, after somebody had cosigned the log without it."""
    size = luck.choice(log.known).size
    if size == len(log.leaves):
        log.add(size, b"late")
    at = luck.randrange(size, len(log.leaves))
    before = max(one.not_before for one in log.known if one.size <= at)
    log.at(at, before - 2 * MINUTE - luck.random() * 99 * MINUTE - SECOND)
    return {("R10", "backdated", at)}


def postdates(log: Log, luck: Random) -> Wanted:
    at = luck.randrange(log.known[-1].size)
    after = next(one.not_after for one in log.known if one.size > at)
    log.at(at, after + 2 * MINUTE + luck.random() * 99 * MINUTE + SECOND)
    return {("R10", "too_late", at)}


def mirrors_before_it_was_recorded(log: Log, luck: Random) -> Wanted:
    at = place(log, luck)
    earlier = log.leaves[at].heard.event.recorded_at - timedelta(seconds=121 + luck.random())
    log.leaves[at] = log.leaves[at]._replace(mirrored_at=earlier)
    return {("R10", "mirrored_too_early", at)}


KINDS: tuple[Callable[[Log, Random], Wanted], ...] = (
    edits, edits_and_signs, edits_without_the_hash, edits_the_row, swaps, swaps_with_signatures,
    takes_out, takes_out_and_closes_the_hole, puts_in, puts_in_and_moves_the_others_up,
    adds_at_the_end, rolls_back, forks, forges_a_root, forges_a_note, forges_a_cosignature,
    backdates, postdates, mirrors_before_it_was_recorded,
)  # fmt: skip


def honest(luck: Random) -> Log:
    """A log of some events and at least one checkpoint."""
    events = luck.randrange(2, 60)
    return Log.honest(events, {luck.randrange(1, events + 1) for _ in range(luck.randrange(1, 6))})


def tampered(times: int) -> Counter[str]:
    done: Counter[str] = Counter()
    for kind in KINDS:
        for number in range(times):
            luck = Random(f"{kind.__name__} {number}")
            log = honest(luck)
            assert number % 5 or log.told() == []
            wanted = kind(log, luck)
            told = log.told()
            assert wanted <= set(told), (kind.__name__, number, wanted, told[:5])
            done[kind.__name__] += 1
    return done


def test_whatever_is_done_to_a_log_is_found_with_rule_and_place():
    assert tampered(15).total() == 15 * len(KINDS)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_ten_thousand_times():
    assert tampered(600).total() >= 10_000
