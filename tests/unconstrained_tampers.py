"""Ways to tamper that a constraint of the tables is in the way of, until somebody takes it away."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Any

from ledger.log.checkpoint import Checkpoint
from ledger.log.commitment import Commitment, committed
from ledger.log.merkle import CompactRange
from tests.note_tampers import _checkpoint, _order, _ordered, _rewrite
from tests.row_tampers import (
    CHECK,
    COMPARE,
    ORDER,
    THIEF,
    WHERE,
    Hand,
    Tampered,
    _forged,
    _last_offset,
    about,
    kind,
)
from tests.tampered_world import SEALERS, log_of

_CHECKS = """
SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'
"""


_KEYS = "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'p'"
#: What is no time that a program here can count with, or none at which it can have heard anything.
_NEVER = ("infinity", "-infinity", "4713-01-01 BC", "20000-01-01", None)


def unchecked(hand: Hand, table: str) -> None:
    """Take away what a table checks of each row."""
    for (name,) in hand.run(_CHECKS, table):
        hand.run(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')


def nullable(hand: Hand, table: str, *columns: str) -> None:
    """Let columns be empty; nothing refers to a key any more."""
    for (name,) in hand.run(_KEYS, table):
        hand.run(f'ALTER TABLE {table} DROP CONSTRAINT "{name}" CASCADE')
    for name in columns:
        hand.run(f'ALTER TABLE {table} ALTER COLUMN "{name}" DROP NOT NULL')


def _emptied(hand: Hand, table: str, columns: tuple[str, ...], where: str, *of: Any) -> None:
    column = hand.chance.choice(columns)
    nullable(hand, table, column)
    hand.run(f'UPDATE {table} SET "{column}" = NULL {where}', *of)


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
    return Tampered(CHECK, frozenset({one.log}), frozenset({record.event_id}))


@kind
def spoils_what_was_put_aside(hand: Hand) -> Tampered:
    one = hand.node.history.shared[3]
    garbage = hand.chance.choice((b"", b"\0", b"\xc3\x01" + bytes(8)))
    hand.run(
        "UPDATE mirror.stray SET outcome = 'equivocation', value = %s WHERE outcome = 'repeat'",
        hand.chance.choice((garbage, None)),
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


@kind
def hides_a_drop_behind_young_notes(hand: Hand) -> Tampered | None:
    """What a young checkpoint counts may be on its way; but this country has signed for it."""
    cosigned = "SELECT log, max(size) FROM witness.cosignature GROUP BY log ORDER BY log"
    log, size = hand.chance.choice(hand.run(cosigned))
    hand.drop([one for one in hand.log(log) if one.record.log_index >= size - 1])
    hand.refold()
    hand.run("UPDATE witness.checkpoint SET signed_at = now()")
    hand.run("UPDATE witness.order_note SET heard_at = now()")
    return Tampered(CHECK, frozenset({log}))


_OF_AN_EVENT = (
    "topic", "partition", "offset", "case_id", "origin", "version", "event_id", "leaf",
    "log_index", "signature", "ce_type", "value", "mirrored_at",
)  # fmt: skip


@kind
def empties_a_column_of_an_event(hand: Hand) -> Tampered:
    one = hand.one()
    _emptied(hand, "mirror.record", _OF_AN_EVENT, WHERE, *one.record[:3])
    topic, _, origin = one.log.rpartition("/")
    return about(CHECK, one)._replace(logs=frozenset({one.log, f"{topic}/", f"/{origin}"}))


@kind
def mirrors_an_event_at_no_time(hand: Hand) -> Tampered:
    one = hand.one()
    nullable(hand, "mirror.record", "mirrored_at")
    hand.set(one, mirrored_at=hand.chance.choice(_NEVER))
    return about(CHECK, one)


@kind
def gives_an_event_no_rank(hand: Hand) -> Tampered:
    unchecked(hand, "mirror.record")
    one = hand.one()
    hand.set(one, effect_rank=None)
    return about(CHECK, one)


@kind
def signs_twice_as_nobody(hand: Hand) -> Tampered:
    """An equivocation of a country that is none: no log would ask for it."""
    hand.run(
        "UPDATE mirror.stray SET outcome = 'equivocation', origin = 'ZZ' WHERE outcome = 'repeat'"
    )
    return Tampered(CHECK, frozenset({f"{ORDER}/ZZ"}))


@kind
def calls_a_stray_record_nothing(hand: Hand) -> Tampered:
    unchecked(hand, "mirror.stray")
    one = hand.node.history.shared[3]
    nullable(hand, "mirror.stray", "outcome")
    said = hand.chance.choice((None, "", "x"))
    hand.run("UPDATE mirror.stray SET outcome = %s WHERE outcome = 'repeat'", said)
    return Tampered(CHECK, frozenset({one.log}))


@kind
def empties_a_checkpoint(hand: Hand) -> Tampered:
    log, size, _, _ = _checkpoint(hand)
    columns = ("size", "root", "note", "signed_at")
    _emptied(hand, "witness.checkpoint", columns, "WHERE (log, size) = (%s, %s)", log, size)
    return Tampered(CHECK, frozenset({log}))


@kind
def hears_a_checkpoint_at_no_time(hand: Hand) -> Tampered:
    log, size, _, _ = _checkpoint(hand)
    nullable(hand, "witness.checkpoint", "signed_at")
    _rewrite(hand, log, size, signed_at=hand.chance.choice((*_NEVER, "9999-12-31")))
    return Tampered(CHECK, frozenset({log}))


@kind
def cosigns_at_no_time(hand: Hand) -> Tampered:
    log, size, _, _ = _checkpoint(hand, shared=True)
    nullable(hand, "witness.cosignature", "cosigned_at")
    hand.run(
        "UPDATE witness.cosignature SET cosigned_at = %s WHERE (log, size) = (%s, %s)",
        hand.chance.choice((*_NEVER, "9999-12-31", "0001-01-01")), log, size,
    )  # fmt: skip
    return Tampered(CHECK, frozenset({log}))


@kind
def empties_an_order_note(hand: Hand) -> Tampered:
    row = _order(hand)
    columns = ("partition", "size", "root", "note", "heard_at")
    where = "WHERE (country, partition, size) = (%s, %s, %s)"
    _emptied(hand, "witness.order_note", columns, where, *row)
    return _ordered(row[0])


@kind
def hears_an_order_in_no_partition_or_at_no_time(hand: Hand) -> Tampered:
    row = _order(hand)
    nullable(hand, "witness.order_note", "heard_at")
    column, said = hand.chance.choice(
        [("partition", part) for part in (-1, -9, 2**31 - 1)] + [("heard_at", at) for at in _NEVER]
    )
    hand.run(
        f"UPDATE witness.order_note SET {column} = %s"
        " WHERE (country, partition, size) = (%s, %s, %s)",
        said, *row,
    )  # fmt: skip
    return _ordered(row[0])


@kind
def commits_to_what_cannot_be(hand: Hand) -> Tampered:
    """A country's own commitment of a day, opened to no size, no root or no salt."""
    country = hand.node.country
    log, day = log_of("national", country), date(2024, 12, 24)
    head, salt = Checkpoint(log, 0, CompactRange().root), bytes(32)
    said = committed(day, head, salt)
    note = Commitment(log, day, said).signed_by(SEALERS[log]).render().decode()
    values = (log, day, said, note, salt, head.size, head.root)
    row: dict[str, Any] = dict(zip(_OF_A_DAY, values, strict=True))
    columns = tuple(name for name in _OF_A_DAY if name != "log")
    unchecked(hand, "witness.commitment")
    nullable(hand, "witness.commitment", *columns)
    column = hand.chance.choice(columns)
    row[column] = hand.chance.choice((None, *_NOTHING_OF_A_DAY[column]))
    hand.run("INSERT INTO witness.commitment VALUES (%s, %s, %s, %s, %s, %s, %s)", *row.values())
    return Tampered(CHECK, frozenset({log}))


_OF_A_DAY = ("log", "day", "commitment", "note", "salt", "size", "root")
_NOTHING_OF_A_DAY: dict[str, tuple[Any, ...]] = {
    "day": ("infinity", "-infinity", "20000-01-01", "4713-01-01 BC"),
    "commitment": (b"", bytes(31), bytes(33)),
    "note": ("", "x", "\n\n"),
    "salt": (b"", bytes(31), bytes(33)),
    "size": (-1, 2**63 - 1),
    "root": (b"", bytes(31), bytes(33)),
}


@kind
def empties_what_another_country_has_as_well(hand: Hand) -> Tampered:
    one = hand.one(shared=True)
    columns = ("leaf", "case_id", "origin", "version", "event_id", "log_index", "signature")
    _emptied(hand, "mirror.record", (*columns, "ce_type"), WHERE, *one.record[:3])
    return about(COMPARE, one)


@kind
def empties_a_note_that_another_country_has_as_well(hand: Hand) -> Tampered:
    log, size, _, _ = _checkpoint(hand, shared=True)
    where, columns = "WHERE (log, size) = (%s, %s)", ("size",)
    table = hand.chance.choice(("checkpoint", "cosignature"))
    columns += ("root",) if table == "checkpoint" else ("witness", "cosigned_at")
    _emptied(hand, f"witness.{table}", columns, where, log, size)
    return Tampered(COMPARE, frozenset({log}))
