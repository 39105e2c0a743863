"""Ways to tamper that a constraint of the tables is in the way of, until somebody takes it away."""

from __future__ import annotations

from itertools import pairwise

from tests.note_tampers import _checkpoint, _rewrite
from tests.row_tampers import (
    CHECK,
    THIEF,
    WHERE,
    Hand,
    Tampered,
    _forged,
    _last_offset,
    about,
    kind,
)

_CHECKS = """
SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'
"""


def unchecked(hand: Hand, table: str) -> None:
    """Take away what a table checks of each row."""
    for (name,) in hand.run(_CHECKS, table):
        hand.run(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')


@kind
def puts_an_event_on_no_topic(hand: Hand) -> Tampered:
    unchecked(hand, "mirror.record")
    one = hand.one()
    hand.set(one, topic="x")
    return Tampered(
        CHECK,
        frozenset({one.log, f"x/{one.record.origin}"}),
        frozenset(other.event.event_id for other in hand.entries),
    )


@kind
def puts_an_event_of_nobody_s_into_no_place_of_a_log(hand: Hand) -> Tampered:
    one = hand.one()
    offset = _last_offset(hand, one) + 1
    record = _forged(hand, one, 0, THIEF)._replace(log_index=-1)
    hand.add(record._replace(offset=offset, effect_offset=offset), hand.entries[-1].at)
    hand.refold()
    log = f"{record.topic}/{record.origin}"
    return Tampered(CHECK, frozenset({one.log, log}), frozenset({record.event_id}))


@kind
def spoils_what_was_put_aside(hand: Hand) -> Tampered:
    one = hand.node.history.shared[3]
    garbage = hand.chance.choice((b"", b"\0", b"\xc3\x01" + bytes(8)))
    hand.run(
        "UPDATE mirror.stray SET outcome = 'equivocation', value = %s WHERE outcome = 'repeat'",
        garbage,
    )
    return Tampered(CHECK, frozenset({one.log}))


@kind
def cuts_a_root(hand: Hand) -> Tampered:
    unchecked(hand, "witness.checkpoint")
    log, size, root, _ = _checkpoint(hand)
    _rewrite(hand, log, size, root=root[: hand.chance.randrange(32)])
    return Tampered(CHECK, frozenset({log}))


@kind
def hides_a_drop_behind_a_young_row(hand: Hand) -> Tampered | None:
    """A hole may fill as long as it is young; how young it is stands in a row of this database."""
    last = {one.record[:2]: one for one in sorted(hand.entries, key=lambda one: one.record.offset)}
    for name in sorted({one.log for one in hand.entries}, key=lambda _: hand.chance.random()):
        log = hand.log(name)
        for one, after in pairwise(log):
            apart = one.record.partition != after.record.partition
            if apart and last[one.record[:2]] is one and last[after.record[:2]] is after:
                hand.drop([one])
                hand.run(f"UPDATE mirror.record SET mirrored_at = now() {WHERE}", *after.record[:3])
                hand.refold()
                return about(CHECK, one, after)
    return None
