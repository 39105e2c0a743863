"""Ways to tamper where no other row of this database, and no note, says anything."""

from __future__ import annotations

from uuid import UUID

from tests.row_tampers import (
    CHECK,
    COMPARE,
    ORDER,
    SIGNERS,
    THIEF,
    Hand,
    Tampered,
    _forged,
    _last_offset,
    kind,
)
from tests.tampered_world import DAYS, log_of


@kind
def adds_an_event_that_was_never_read(hand: Hand) -> Tampered:
    """At the node's own position or behind it, with its country's own key."""
    one = hand.one(shared=True)
    offset = _last_offset(hand, one) + 1 + hand.chance.randrange(9)
    signer = SIGNERS[one.record.origin]
    record = _forged(hand, one, len(hand.log(one.log)), signer)
    hand.add(record._replace(offset=offset, effect_offset=offset), hand.entries[-1].at)
    return _about(one.log, record.event_id)


@kind
def adds_an_event_of_a_foreign_key_and_moves_the_position(hand: Hand) -> Tampered:
    one = hand.one(shared=True)
    offset = _last_offset(hand, one) + 1 + hand.chance.randrange(9)
    record = _forged(hand, one, len(hand.log(one.log)), THIEF)
    hand.add(record._replace(offset=offset, effect_offset=offset), hand.entries[-1].at)
    hand.refold()
    return _about(one.log, record.event_id)


def _about(log: str, event_id: UUID) -> Tampered:
    return Tampered(COMPARE, frozenset({log}), frozenset({event_id}))


@kind
def takes_a_day_away(hand: Hand) -> Tampered:
    """Of another country or of its own: a third one, or the others, have heard it as well."""
    log = log_of("national", hand.chance.choice((hand.node.country, "UZ")))
    day = hand.chance.choice(DAYS)
    hand.run("DELETE FROM witness.commitment WHERE (log, day) = (%s, %s)", log, day)
    return Tampered(COMPARE, frozenset({log}))


@kind
def resolves_an_alarm_by_hand(hand: Hand) -> Tampered:
    """Decisions go on that it kept waiting, and nobody has answered for that."""
    log = hand.chance.choice((ORDER, hand.one().log))
    hand.run(
        "INSERT INTO witness.alarm (rule, log, words, resolved_at, resolved_by)"
        " VALUES ('order_differs', %s, 'two orders', now(), 'sup-7')",
        log,
    )
    return Tampered(CHECK, frozenset({log}))
