"""Ways to tamper with the rows of a node's database, as a superuser can, past triggers and keys.

Each kind changes something in a transaction that is rolled back afterwards, and says what has to be
found: by whom, in which log, at which event. What leaves every byte as it was returns None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from events.codec import encode
from events.stamp import leaf_hash
from ledger.log.checkpoint import Checkpoint
from ledger.log.merkle import CompactRange
from ledger.log.signature import LogSigner
from tests.tampered_world import (
    AGREEMENT,
    COUNTRIES,
    PARTITIONS,
    SEALERS,
    SIGNERS,
    Entry,
    Node,
    log_of,
)

#: Who looks: `ledger audit check` and `compare`, the sealer, `ledger projections verify`.
CHECK, COMPARE, SEAL, REBUILD = "check", "compare", "seal", "rebuild"
THIEF = LogSigner("KZ-log", bytes(32))
ORDER = AGREEMENT.shared_topic
_FREE = """
SET LOCAL session_replication_role = replica;
DROP INDEX mirror.record_version_idx;
ALTER TABLE mirror.record DROP CONSTRAINT record_pkey;
ALTER TABLE mirror.record DROP CONSTRAINT record_check1;
ALTER TABLE mirror.stray DROP CONSTRAINT stray_pkey;
"""


class Tampered(NamedTuple):
    """What was done: who has to find it, and what the finding has to name."""

    finder: str
    #: Any of these logs (or topics, of an order); none for a read model.
    logs: frozenset[str] = frozenset()
    #: Any of these events; none if no event is touched, or none is here any more.
    events: frozenset[UUID] = frozenset()
    #: Or any of these places of a log: bytes may have been changed where an event names itself.
    places: frozenset[tuple[str, int]] = frozenset()
    #: Any of these cases, where neither log nor event can be named; a read model's name.
    also: frozenset[Any] = frozenset()


@dataclass
class Hand:
    """Somebody with a superuser's login on one country's database."""

    node: Node
    connection: psycopg.Connection[Any]
    chance: Random

    def run(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a statement."""
        cursor = self.connection.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []

    @property
    def entries(self) -> list[Entry]:
        """All that was mirrored."""
        return self.node.history.of(self.node.country)

    def log(self, name: str) -> list[Entry]:
        """Return one log in its order."""
        return [one for one in self.entries if one.log == name]

    def free(self) -> None:
        """Take away what a superuser can take away."""
        self.run(_FREE)

    def one(self, *, shared: bool = False) -> Entry:
        """Choose an event."""
        return self.chance.choice(self.node.history.shared if shared else self.entries)

    def pair(self, fits: Callable[[Entry, Entry], bool]) -> tuple[Entry, Entry] | None:
        """Choose two events that fit together."""
        for _ in range(99):
            one, other = self.one(), self.one()
            if one is not other and fits(one, other):
                return one, other
        return None

    def set(self, entry: Entry, **columns: Any) -> None:
        """Rewrite columns of an event's row."""
        names = ", ".join(f'"{name}" = %s' for name in columns)
        self.run(f"UPDATE mirror.record SET {names} {WHERE}", *columns.values(), *entry.record[:3])

    def set_line(self, entry: Entry, **columns: Any) -> None:
        """Rewrite columns of an event's line in the audit trail."""
        names = ", ".join(f'"{name}" = %s' for name in columns)
        self.run(
            f"UPDATE read_1.audit_trail SET {names} {WHERE}", *columns.values(), *entry.record[:3]
        )

    def drop(self, entries: Iterable[Entry], *, line: bool = False) -> None:
        """Delete rows, with their lines in the audit trail."""
        for one in entries:
            self.run(f"DELETE FROM mirror.record {WHERE}", *one.record[:3])
            if line:
                self.run(f"DELETE FROM read_1.audit_trail {WHERE}", *one.record[:3])

    def add(self, record: Any, at: Any) -> None:
        """Insert a row."""
        self.run(
            "INSERT INTO mirror.record VALUES"
            " (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            *record, at,
        )  # fmt: skip

    def refold(self, *, without: frozenset[bytes] = frozenset()) -> None:
        """Make all read models say what the rows say now, but for some."""
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'read_1'"
        for (name,) in self.run(tables):
            self.run(f"DELETE FROM read_1.{name}")
        self.node.fold(self.connection, strict=False, without=without)

    def edited(self, value: bytes) -> bytes:
        """Change one byte, or add or take away some."""
        at = self.chance.randrange(10, len(value))
        match self.chance.randrange(4):
            case 0:
                return (
                    value[:at]
                    + bytes([value[at] ^ (1 << self.chance.randrange(8))])
                    + value[at + 1 :]
                )
            case 1:
                return value[:at] + self.chance.randbytes(1) + value[at:]
            case 2:
                return value[:at] + value[at + 1 :]
            case _:
                return value[:at] + bytes([value[at] ^ 255]) + value[at + 1 :]


WHERE = 'WHERE topic = %s AND partition = %s AND "offset" = %s'
Kind = Callable[[Hand], Tampered | None]
KINDS: dict[str, Kind] = {}


def kind(make: Kind) -> Kind:
    """Make a kind known."""
    KINDS[make.__name__] = make
    return make


def about(finder: str, *entries: Entry, **said: Any) -> Tampered:
    """Say that a finding has to name one of these events and its log."""
    logs = frozenset(one.log for one in entries)
    places = frozenset((one.log, one.record.log_index) for one in entries)
    ids = frozenset(one.event.event_id for one in entries)
    return Tampered(finder, logs, ids, places, **said)


# Single edits.


@kind
def edits_bytes(hand: Hand) -> Tampered:
    one = hand.one()
    hand.set(one, value=hand.edited(one.record.value))
    return about(CHECK, one)


@kind
def edits_bytes_and_their_hash(hand: Hand) -> Tampered:
    one = hand.one()
    value = hand.edited(one.record.value)
    hand.set(one, value=value, leaf=leaf_hash(value))
    hand.set_line(one, leaf=leaf_hash(value))
    return about(CHECK, one)


@kind
def edits_and_signs_with_a_foreign_key(hand: Hand) -> Tampered:
    one = hand.one()
    value = hand.edited(one.record.value)
    leaf = leaf_hash(value)
    signature = THIEF.sign(one.log, one.record.log_index, leaf)
    hand.set(one, value=value, leaf=leaf, signature=signature)
    hand.refold()
    return about(CHECK, one)


@kind
def writes_another_time_into_an_event(hand: Hand) -> Tampered:
    one = hand.one()
    days = timedelta(days=hand.chance.choice((-30, -1, 1, 30)))
    event = replace(one.event, recorded_at=one.event.recorded_at + days)
    value = encode(event)
    leaf = leaf_hash(value)
    hand.set(one, value=value, leaf=leaf, signature=THIEF.sign(one.log, one.record.log_index, leaf))
    hand.refold()
    return about(CHECK, one)


@kind
def edits_the_hash(hand: Hand) -> Tampered:
    one = hand.one()
    hand.set(one, leaf=hand.chance.randbytes(32))
    return about(CHECK, one)


@kind
def edits_a_column(hand: Hand) -> Tampered | None:
    one = hand.one()
    name = hand.chance.choice(("case_id", "origin", "version", "event_id", "log_index"))
    said: Any = {
        "case_id": hand.one().event.case_id,
        "origin": hand.chance.choice((*COUNTRIES, "TJ")),
        "version": one.record.version + hand.chance.choice((-1, 1, 500)),
        "event_id": UUID(bytes=hand.chance.randbytes(16)),
        "log_index": hand.chance.randrange(len(hand.log(one.log)) + 3),
    }[name]
    if said == getattr(one.record, name):
        return None
    hand.set(one, **{name: said})
    logs = {one.log, *([f"{one.log.rpartition('/')[0]}/{said}"] if name == "origin" else [])}
    ids = {one.event.event_id, said} if name == "event_id" else {one.event.event_id}
    return Tampered(CHECK, frozenset(logs), frozenset(ids))


@kind
def edits_the_signature(hand: Hand) -> Tampered:
    one = hand.one(shared=True)
    at = hand.chance.randrange(64)
    signature = bytearray(one.record.signature)
    signature[at] ^= 1 << hand.chance.randrange(8)
    hand.set(one, signature=bytes(signature))
    return about(COMPARE, one)


@kind
def signs_with_a_foreign_key(hand: Hand) -> Tampered:
    one = hand.one(shared=True)
    signature = THIEF.sign(one.log, one.record.log_index, one.record.leaf)
    hand.set(one, signature=signature)
    return about(COMPARE, one)


@kind
def names_another_type(hand: Hand) -> Tampered:
    one = hand.one(shared=True)
    hand.set(one, ce_type=hand.chance.choice(("", "ConsentRefusedX", one.record.ce_type + "X")))
    return about(COMPARE, one)


@kind
def takes_another_events_bytes(hand: Hand) -> Tampered | None:
    pair = hand.pair(lambda one, other: one.record.topic == other.record.topic)
    if pair is None:
        return None
    one, other = pair
    hand.set(one, value=other.record.value, leaf=other.record.leaf)
    return about(CHECK, one, other)  # named is what the bytes say, at the place where they stand


# Swaps.


def _swaps_bytes(hand: Hand, fits: Callable[[Entry, Entry], bool]) -> Tampered | None:
    pair = hand.pair(fits)
    if pair is None:
        return None
    for one, other in (pair, pair[::-1]):
        hand.set(one, value=other.record.value, leaf=other.record.leaf)
        hand.set_line(one, leaf=other.record.leaf)
    return about(CHECK, *pair)


@kind
def swaps_bytes_in_one_log(hand: Hand) -> Tampered | None:
    return _swaps_bytes(hand, lambda one, other: one.log == other.log)


@kind
def swaps_bytes_of_two_origins(hand: Hand) -> Tampered | None:
    return _swaps_bytes(hand, lambda one, other: one.record.origin != other.record.origin)


def _swaps_rows(hand: Hand, fits: Callable[[Entry, Entry], bool]) -> Tampered | None:
    pair = hand.pair(fits)
    if pair is None:
        return None
    for one, other in (pair, pair[::-1]):
        new = {"offset": other.record.offset + 100_000, "effect_offset": other.record.offset}
        hand.set(one, **new)
    hand.run('UPDATE mirror.record SET "offset" = "offset" - 100000 WHERE "offset" >= 100000')
    _swaps_times(hand, *pair)
    hand.refold()
    return about(CHECK, *pair)._replace(
        logs=frozenset({ORDER, *(one.log for one in pair)}), events=frozenset()
    )


def _swaps_times(hand: Hand, one: Entry, other: Entry) -> None:
    hand.run(
        "UPDATE mirror.record SET mirrored_at ="
        " CASE leaf WHEN %s THEN %s::timestamptz ELSE %s END WHERE leaf IN (%s, %s)",
        one.record.leaf, other.at, one.at, one.record.leaf, other.record.leaf,
    )  # fmt: skip


def _beside(one: Entry, other: Entry) -> bool:
    """Both on the shared topic, in one partition."""
    return one.record[:2] == other.record[:2] and one.record.topic == "shared"


@kind
def swaps_places_in_one_log(hand: Hand) -> Tampered | None:
    return _swaps_rows(hand, lambda one, other: _beside(one, other) and one.log == other.log)


@kind
def swaps_places_of_two_origins(hand: Hand) -> Tampered | None:
    return _swaps_rows(hand, lambda one, other: _beside(one, other) and one.log != other.log)


@kind
def swaps_indexes(hand: Hand) -> Tampered | None:
    pair = hand.pair(lambda one, other: one.log == other.log)
    if pair is None:
        return None
    for one, other in (pair, pair[::-1]):
        hand.set(one, log_index=other.record.log_index)
    return about(CHECK, *pair)


@kind
def swaps_signatures(hand: Hand) -> Tampered | None:
    pair = hand.pair(lambda one, other: one.record.topic == other.record.topic == "shared")
    if pair is None:
        return None
    for one, other in (pair, pair[::-1]):
        hand.set(one, signature=other.record.signature)
    return about(COMPARE, *pair)


# Drops, rollbacks.


def _after(hand: Hand, one: Entry) -> frozenset[UUID]:
    """An event that is gone, and the one that shows the hole."""
    log = hand.log(one.log)
    at = log.index(one)
    return frozenset(found.event.event_id for found in log[max(at - 1, 0) : at + 2])


@kind
def drops_a_row(hand: Hand) -> Tampered:
    one = hand.one()
    hand.drop([one])
    return about(CHECK, one)


@kind
def drops_a_row_and_its_line(hand: Hand) -> Tampered:
    one = hand.one()
    hand.drop([one], line=True)
    return Tampered(CHECK, frozenset({one.log}), _after(hand, one))


@kind
def drops_a_row_and_all_that_shows_it(hand: Hand) -> Tampered:
    one = hand.one()
    hand.drop([one])
    hand.refold()
    return Tampered(CHECK, frozenset({one.log}), _after(hand, one))


@kind
def drops_some_rows(hand: Hand) -> Tampered:
    gone = hand.chance.sample(hand.entries, hand.chance.randrange(2, 9))
    hand.drop(gone)
    return about(CHECK, *gone)


@kind
def rolls_a_log_back(hand: Hand) -> Tampered:
    log = hand.log(hand.one().log)
    keep = hand.chance.randrange(len(log))
    hand.drop(log[keep:])
    hand.refold()
    last = frozenset(one.event.event_id for one in log[max(0, keep - 1) : keep])
    return Tampered(CHECK, frozenset({log[0].log}), last)


@kind
def rolls_all_back_with_every_note(hand: Hand) -> Tampered:
    """As an old backup that nobody tells of: nothing here contradicts it, but for the others."""
    shared = hand.node.history.shared
    keep = hand.chance.randrange(1, len(shared))
    gone = shared[keep:]
    hand.drop(gone)
    for log in {one.log for one in gone}:
        size = sum(one.log == log for one in shared[:keep])
        for name in ("cosignature", "checkpoint"):
            hand.run(f"DELETE FROM witness.{name} WHERE log = %s AND size > %s", log, size)
    for at in range(PARTITIONS):
        size = sum(one.record.partition == at for one in shared[:keep])
        hand.run("DELETE FROM witness.order_note WHERE partition = %s AND size > %s", at, size)
    positions = hand.run("SELECT topic, partition, next_offset FROM read_1.position")
    hand.refold()
    for topic, at, end in positions:  # it claims to have read as far as before
        hand.run(
            "UPDATE read_1.position SET next_offset = %s WHERE (topic, partition) = (%s, %s)",
            end, topic, at,
        )  # fmt: skip
    return about(COMPARE, *gone)


# Inserts, duplicates.


def _forged(hand: Hand, one: Entry, index: int, signer: LogSigner, **said: Any) -> Any:
    new_id = UUID(bytes=hand.chance.randbytes(16), version=4)
    event = replace(one.event, event_id=new_id, version=one.event.version + 1, **said)
    value = encode(event)
    leaf = leaf_hash(value)
    return one.record._replace(
        version=event.version, event_id=new_id, value=value, leaf=leaf, log_index=index,
        signature=signer.sign(one.log, index, leaf),
    )  # fmt: skip


def _last_offset(hand: Hand, one: Entry) -> int:
    return max(other.record.offset for other in hand.entries if other.record[:2] == one.record[:2])


@kind
def adds_an_event_of_a_foreign_key_at_the_end(hand: Hand) -> Tampered:
    one = hand.one()
    offset = _last_offset(hand, one) + 1
    record = _forged(hand, one, len(hand.log(one.log)), THIEF)
    hand.add(record._replace(offset=offset, effect_offset=offset), hand.entries[-1].at)
    hand.refold()
    return Tampered(CHECK, frozenset({one.log}), frozenset({record.event_id}))


@kind
def adds_an_event_and_moves_the_others_up(hand: Hand) -> Tampered:
    one = hand.one()
    index, offset = one.record.log_index + 1, _last_offset(hand, one) + 1
    hand.run(
        "UPDATE mirror.record SET log_index = log_index + 1"
        " WHERE topic = %s AND origin = %s AND log_index >= %s",
        one.record.topic, one.record.origin, index,
    )  # fmt: skip
    record = _forged(hand, one, index, THIEF)
    hand.add(record._replace(offset=offset, effect_offset=offset), hand.entries[-1].at)
    hand.refold()
    return Tampered(CHECK, frozenset({one.log}), frozenset({record.event_id}))


@kind
def doubles_a_row(hand: Hand) -> Tampered:
    one = hand.one()
    offset = _last_offset(hand, one) + 1
    record = one.record._replace(offset=offset, effect_offset=offset)
    if hand.chance.random() < 0.5:
        record = record._replace(log_index=len(hand.log(one.log)))
    hand.add(record, hand.entries[-1].at)
    hand.refold()
    return about(CHECK, one)


@kind
def hides_an_event_behind_another_of_its_version(hand: Hand) -> Tampered:
    one = hand.one()
    record = _forged(hand, one, one.record.log_index, THIEF)._replace(version=one.record.version)
    hand.drop([one])
    hand.add(record, one.at)
    hand.refold()
    return Tampered(CHECK, frozenset({one.log}), frozenset({record.event_id}))


# Moves.


@kind
def moves_to_another_partition(hand: Hand) -> Tampered:
    one = hand.one()
    hand.set(one, partition=(one.record.partition + 1) % PARTITIONS)
    return about(CHECK, one)


@kind
def moves_to_another_offset(hand: Hand) -> Tampered:
    one = hand.one()
    offset = _last_offset(hand, one) + hand.chance.randrange(1, 50)
    hand.set(one, offset=offset, effect_offset=offset)
    return about(CHECK, one)


@kind
def moves_to_another_offset_in_all_that_shows_it(hand: Hand) -> Tampered:
    """The last of its partition, a little further: the order of all stays what it was."""
    shared = [one for one in hand.node.history.shared if one.record.partition == 0]
    one = shared[-1]
    offset = one.record.offset + hand.chance.randrange(1, 9)
    hand.set(one, offset=offset, effect_offset=offset)
    hand.refold()
    return about(COMPARE, one)


@kind
def moves_to_the_other_topic(hand: Hand) -> Tampered:
    one = hand.one()
    other = "national" if one.record.topic == "shared" else "shared"
    hand.set(one, topic=other)
    logs = frozenset({one.log, log_of(other, one.record.origin)})
    return about(CHECK, one)._replace(logs=logs)


@kind
def holds_an_event_back(hand: Hand) -> Tampered:
    one = hand.one()
    hand.set(one, effect_offset=None, effect_rank=None)
    hand.refold()
    return about(CHECK, one)


@kind
def lets_an_event_take_effect_later(hand: Hand) -> Tampered:
    one = hand.one()
    if hand.chance.random() < 0.5:
        hand.set(one, effect_rank=hand.chance.randrange(1, 5))
    else:
        hand.set(one, effect_offset=one.record.offset + hand.chance.randrange(1, 40))
    hand.refold()
    return about(CHECK, one)


@kind
def pretends_that_an_event_came_earlier(hand: Hand) -> Tampered:
    one = hand.one()
    hand.set(one, mirrored_at=one.event.recorded_at - timedelta(seconds=130 + hand.chance.random()))
    return about(CHECK, one)


@kind
def pretends_that_an_event_came_later(hand: Hand) -> Tampered | None:
    pair = hand.pair(
        lambda one, other: (
            one.record[:2] == other.record[:2] and one.record.offset < other.record.offset
        )
    )
    if pair is None:
        return None
    hand.set(pair[0], mirrored_at=pair[1].at + timedelta(seconds=130))
    return about(CHECK, pair[0])


# Forks.


@kind
def forks_a_log_with_its_own_key(hand: Hand) -> Tampered:
    """Who has the log key signs another history; the signed roots stay."""
    log = hand.log(hand.one().log)
    begin = hand.chance.randrange(len(log))
    for one in log[begin:]:
        event = replace(one.event, recorded_at=one.event.recorded_at + timedelta(microseconds=1))
        value = encode(event)
        leaf = leaf_hash(value)
        signature = SIGNERS[one.record.origin].sign(one.log, one.record.log_index, leaf)
        hand.set(one, value=value, leaf=leaf, signature=signature)
    hand.refold()
    return Tampered(CHECK, frozenset({log[0].log}), frozenset(x.event.event_id for x in log))


@kind
def forks_a_log_with_its_own_keys_and_forged_roots(hand: Hand) -> Tampered:
    """The sealer's key, too: what others have cosigned stays behind, and shows it."""
    log = _forked(hand)
    return Tampered(CHECK, frozenset({log[0].log}))


@kind
def forks_a_log_and_every_note_about_it(hand: Hand) -> Tampered:
    """Nothing in this database contradicts it; the other country's mirror does."""
    log = _forked(hand)
    hand.run("DELETE FROM witness.cosignature WHERE log = %s", log[0].log)
    hand.run("DELETE FROM witness.order_note")
    return about(COMPARE, *log)


def _forked(hand: Hand) -> Sequence[Entry]:
    shared = hand.node.history.shared
    log = hand.log(hand.chance.choice([one.log for one in shared]))
    tree, begin = CompactRange(), hand.chance.randrange(len(log))
    sizes = {
        size
        for (size,) in hand.run("SELECT size FROM witness.checkpoint WHERE log = %s", log[0].log)
    }
    for at, one in enumerate(log):
        leaf = one.record.leaf
        if at >= begin:
            later = one.event.recorded_at + timedelta(microseconds=1)
            value = encode(replace(one.event, recorded_at=later))
            leaf = leaf_hash(value)
            signature = SIGNERS[one.record.origin].sign(one.log, one.record.log_index, leaf)
            hand.set(one, value=value, leaf=leaf, signature=signature)
        tree.append(leaf)
        if tree.size in sizes:
            note = Checkpoint(one.log, tree.size, tree.root).signed_by(SEALERS[one.log])
            hand.run(
                "UPDATE witness.checkpoint SET root = %s, note = %s WHERE log = %s AND size = %s",
                tree.root, note.render().decode(), one.log, tree.size,
            )  # fmt: skip
    hand.refold()
    return log


# What is put aside.


@kind
def drops_a_stray_record(hand: Hand) -> Tampered:
    one = hand.node.history.shared[3]
    hand.run("DELETE FROM mirror.stray WHERE outcome = 'repeat'")
    return Tampered(COMPARE, frozenset({one.log}))


@kind
def calls_a_stray_record_something_else(hand: Hand) -> Tampered:
    one = hand.node.history.shared[3]
    column = hand.chance.choice(
        ("outcome = 'noise'", "reason = 'size'", "key = 'x'", "log = 'x'", "leaf = sha256(leaf)")
    )
    hand.run(f"UPDATE mirror.stray SET {column} WHERE outcome = 'repeat'")
    return Tampered(COMPARE, frozenset({one.log}))


@kind
def calls_an_event_a_stray_record(hand: Hand) -> Tampered:
    one = hand.one(shared=True)
    hand.drop([one])
    hand.run(
        "INSERT INTO mirror.stray VALUES (%s, %s, %s, 'noise', 'signature', %s, %s)",
        *one.record[:3], one.event.case_id.bytes, one.record.value,
    )  # fmt: skip
    return about(CHECK, one)
