"""Ways to tamper with which cases wait: who waits is shown nothing, and looked at by nobody."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from tests.row_tampers import CHECK, WHERE, Hand, Tampered, about, kind
from tests.tampered_world import Entry

_REASONS = ("unknown_schema", "KeyUnknown", "ZeroDivisionError")


def _side(hand: Hand, one: Entry) -> list[Entry]:
    """Return the events of a case on one topic, in order."""
    key = (one.event.case_id, one.record.topic)
    return [other for other in hand.entries if (other.event.case_id, other.record.topic) == key]


def _waiting(hand: Hand) -> tuple[list[Entry], int]:
    """Return the side that honestly waits, and which of its events stops it."""
    ((case_id, topic, offset),) = hand.run("SELECT case_id, topic, since_offset FROM read_1.parked")
    one = next(x for x in hand.entries if (x.event.case_id, x.record.topic) == (case_id, topic))
    side = _side(hand, one)
    return side, [other.record.effect_offset for other in side].index(offset)


def _park(hand: Hand, case_id: UUID, topic: str, offset: int, rank: int = 0) -> None:
    reason = hand.chance.choice(_REASONS)
    hand.run(
        "INSERT INTO read_1.parked (case_id, topic, reason, fingerprint, since_offset, since_rank)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        case_id, topic, reason, hand.chance.choice((None, bytes(8))), offset, rank,
    )  # fmt: skip


def _parked(hand: Hand) -> tuple[Sequence[Entry], int]:
    """Let an honest case wait from one of its events on; return its events, and which it is."""
    waiting, _ = _waiting(hand)
    side = _side(hand, hand.one())
    while side == waiting:
        side = _side(hand, hand.one())
    at = hand.chance.randrange(len(side))
    one = side[at]
    _park(hand, one.event.case_id, one.record.topic, *one.record[3:5])
    return side, at


@kind
def lets_an_honest_case_wait(hand: Hand) -> Tampered:
    side, at = _parked(hand)
    return about(CHECK, side[at])


@kind
def lets_an_honest_case_wait_for_no_event_of_it(hand: Hand) -> Tampered | None:
    waiting, _ = _waiting(hand)
    side = _side(hand, hand.one())
    if side == waiting:
        return None
    offset, rank = hand.chance.choice(((10**6, 0), (-1, 0), (side[0].record.offset, 5)))
    _park(hand, side[0].event.case_id, side[0].record.topic, offset, rank)
    return about(CHECK, *side)


@kind
def lets_no_case_wait(hand: Hand) -> Tampered:
    nobody = UUID(bytes=hand.chance.randbytes(16), version=4)
    case_id = hand.chance.choice((nobody, hand.one().event.case_id))
    _park(hand, case_id, "shared" if case_id == nobody else "nowhere", 0)
    return Tampered(CHECK, also=frozenset({case_id}))


@kind
def lets_a_case_wait_and_edits_a_line_behind(hand: Hand) -> Tampered:
    side, at = _parked(hand)
    behind = hand.chance.choice(side[at:])
    said = hand.chance.choice(
        ("effective = NOT effective", "actor_id = 'x'", "leaf = sha256(leaf)")
    )
    hand.run(f"UPDATE read_1.audit_trail SET {said} {WHERE}", *behind.record[:3])
    return about(CHECK, side[at])


@kind
def lets_a_case_wait_and_edits_its_state(hand: Hand) -> Tampered:
    side, at = _parked(hand)
    said = hand.chance.choice(("state = state || ' '", "count = count + 1"))
    hand.run(
        f"UPDATE read_1.case_state SET {said} WHERE (case_id, topic) = (%s, %s)",
        side[at].event.case_id, side[at].record.topic,
    )  # fmt: skip
    return about(CHECK, side[at])


@kind
def lets_a_case_wait_and_cuts_its_trail(hand: Hand) -> Tampered:
    """All read models as they would be if it waited: nothing in them looks wrong."""
    side, at = _parked(hand)
    parked = hand.run("SELECT * FROM read_1.parked")
    hand.refold(without=frozenset(one.record.leaf for one in side[at:]))
    hand.run("DELETE FROM read_1.parked")
    for row in parked:
        hand.run("INSERT INTO read_1.parked VALUES (%s, %s, %s, %s, %s, %s, %s)", *row)
    return about(CHECK, side[at])


@kind
def lets_a_waiting_case_not_wait(hand: Hand) -> Tampered:
    side, at = _waiting(hand)
    hand.run("DELETE FROM read_1.parked")
    return about(CHECK, side[at])


@kind
def moves_the_place_from_which_a_case_waits(hand: Hand) -> Tampered:
    side, at = _waiting(hand)
    other = hand.chance.choice([*side[:at], *side[at + 1 :], None])
    offset, rank = (10**6, 0) if other is None else other.record[3:5]
    hand.run("UPDATE read_1.parked SET since_offset = %s, since_rank = %s", offset, rank)
    return about(CHECK, *side)


@kind
def parks_a_waiting_case_twice(hand: Hand) -> Tampered:
    side, _ = _waiting(hand)
    one = hand.chance.choice(side)
    hand.run("ALTER TABLE read_1.parked DROP CONSTRAINT parked_pkey")
    _park(hand, one.event.case_id, one.record.topic, *one.record[3:5])
    return about(CHECK, *side)


@kind
def shows_what_stands_behind_a_waiting_case(hand: Hand) -> Tampered:
    """A line of the trail for an event that nobody here can have read."""
    side, at = _waiting(hand)
    one = hand.chance.choice(side[at:])
    first = side[0].record
    hand.run(f"CREATE TEMP TABLE forged AS SELECT * FROM read_1.audit_trail {WHERE}", *first[:3])
    hand.run(
        'UPDATE forged SET place = %s, "offset" = %s, effect_offset = %s, event_id = %s,'
        " version = %s, leaf = %s",
        side.index(one) + 1, one.record.offset, one.record.effect_offset, one.event.event_id,
        one.record.version, one.record.leaf,
    )  # fmt: skip
    hand.run("INSERT INTO read_1.audit_trail SELECT * FROM forged")
    return about(CHECK, one)
