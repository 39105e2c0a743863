"""Notes that were found good, kept in the database; two that cannot both be true are a fault."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, LiteralString, NamedTuple

from psycopg import Connection
from psycopg.rows import tuple_row

from consumers.event_times import claims_before
from consumers.trust import Committed, Ordered, Signed
from events.errors import RecordRejected
from ledger.log.checkpoint import Checkpoint, signed_checkpoint
from ledger.log.cosignature import cosigned_at
from ledger.log.faults import Fault
from ledger.log.heads import Head
from ledger.log.mirrored import LogName
from ledger.log.note import Note, SignatureLine, Verifier

_ADD: LiteralString = """
INSERT INTO witness.checkpoint (log, size, root, note) VALUES (%b, %b, %b, %b)
ON CONFLICT DO NOTHING
"""
_THERE: LiteralString = "SELECT root, note FROM witness.checkpoint WHERE log = %b AND size = %b"
_LOCKED: LiteralString = f"{_THERE} FOR UPDATE"
_MERGE: LiteralString = "UPDATE witness.checkpoint SET note = %b WHERE log = %b AND size = %b"
_COSIGNED: LiteralString = """
INSERT INTO witness.cosignature (log, size, witness, cosigned_at)
VALUES (%b, %b, %b, to_timestamp(%b)) ON CONFLICT DO NOTHING
"""
# Whether a log has been known for long to go further than a size (NULL: it is not known to), and
# the last event of that size.
_WENT_ON: LiteralString = """
SELECT least(
    (SELECT min(signed_at) FROM witness.checkpoint WHERE log = %(log)s AND size > %(size)s),
    (SELECT mirrored_at FROM mirror.record
        WHERE topic = %(topic)s AND origin = %(origin)s AND log_index = %(size)s LIMIT 1)
) < now() - %(since_s)s * interval '1 second', (SELECT value FROM mirror.record
    WHERE topic = %(topic)s AND origin = %(origin)s AND log_index = %(size)s - 1 LIMIT 1)
"""
_IS_COSIGNED: LiteralString = """
SELECT FROM witness.cosignature WHERE log = %b AND size = %b AND witness = %b
"""
_ADD_ORDER: LiteralString = """
INSERT INTO witness.order_note (country, partition, size, root, note) VALUES (%b, %b, %b, %b, %b)
ON CONFLICT DO NOTHING
"""
_ORDER: LiteralString = """
SELECT root FROM witness.order_note WHERE country = %b AND partition = %b AND size = %b
"""
_COMMIT: LiteralString = """
INSERT INTO witness.commitment (log, day, commitment, note) VALUES (%b, %b, %b, %b)
ON CONFLICT DO NOTHING
"""
_COMMITTED: LiteralString = "SELECT commitment FROM witness.commitment WHERE log = %b AND day = %b"
_NEWEST_ORDERS: LiteralString = """
SELECT DISTINCT ON (country, partition) country, partition, size, root FROM witness.order_note
ORDER BY country, partition, size DESC
"""
_POSITION: LiteralString = "SELECT topic_id, next_offset FROM witness.position WHERE topic = %b"
_MOVE: LiteralString = """
INSERT INTO witness.position (topic, topic_id, next_offset) VALUES (%b, %b, %b)
ON CONFLICT (topic) DO UPDATE
SET topic_id = excluded.topic_id, next_offset = excluded.next_offset
"""
_OPEN: LiteralString = """
SELECT DISTINCT log, partition, rule FROM witness.alarm WHERE resolved_at IS NULL
"""


class Alarm(NamedTuple):
    """A fault that nobody has resolved yet."""

    log: str
    partition: int | None
    rule: str


def keep_checkpoint(database: Connection[Any], signed: Signed) -> bool | Fault:
    """Keep a checkpoint and its cosignatures; say whether its size is new, or why it cannot be.

    Within a transaction: others add cosignatures, too.
    """
    log, size, root = signed.checkpoint.origin, signed.checkpoint.size, signed.checkpoint.root
    row = (log, size, root, signed.note.render().decode())
    is_new = database.execute(_ADD, row, prepare=True).rowcount == 1
    if not is_new and _merge(database, log, size, signed.note) != root:
        return Fault("fork", log, size=size)
    for line in signed.cosignatures:
        keep_cosignature(database, log, size, line)
    return is_new


def keep_cosignature(database: Connection[Any], log: str, size: int, line: SignatureLine) -> None:
    """Keep when a witness has cosigned; the first time counts."""
    row = (log, size, line.name, cosigned_at(line))
    database.execute(_COSIGNED, row, prepare=True)


def is_cosigned(database: Connection[Any], log: str, size: int, witness: str) -> bool:
    """Say whether it is known here that a witness has cosigned a size of a log."""
    found = database.execute(_IS_COSIGNED, (log, size, witness), prepare=True)
    return found.fetchone() is not None


def is_outdated(
    database: Connection[Any], log: LogName, size: int, *, now: float, since_s: float
) -> bool:
    """Say whether a log went further than a size more than so many seconds before now.

    It has been known for so long, by what was signed or received: whoever carries the notes may be
    late with them on purpose. Or the last event of that size is as old: a node that was off hears
    of everything at once.
    """
    asked = {**log._asdict(), "log": log.name, "size": size, "since_s": since_s}
    row = database.execute(_WENT_ON, asked, prepare=True).fetchone()
    assert row is not None
    known_for_long, last = row
    if known_for_long is None or last is None:
        return known_for_long is True
    return known_for_long or claims_before(last, datetime.fromtimestamp(now - since_s, UTC))


def note_of(
    database: Connection[Any], checkpoint: Checkpoint, sealers: Sequence[Verifier]
) -> Note | None:
    """Return the note of a checkpoint with every cosignature that is known here.

    None if it is not here, or what is here is not what its log has signed.
    """
    cursor = database.cursor(row_factory=tuple_row)
    asked = (checkpoint.origin, checkpoint.size)
    row = cursor.execute(_THERE, asked, prepare=True).fetchone()
    try:
        note = Note.parse(row[1].encode()) if row is not None else None
        fits = note is not None and signed_checkpoint(note, sealers) == checkpoint
    except RecordRejected:
        return None
    return note if fits else None


def keep_cosigned(
    database: Connection[Any], checkpoint: Checkpoint, note: Note, line: SignatureLine
) -> None:
    """Keep a cosignature of a checkpoint that is here, beside it and under its note."""
    log, size = checkpoint.origin, checkpoint.size
    with database.transaction():
        if _merge(database, log, size, note.with_signatures([line])) == checkpoint.root:
            keep_cosignature(database, log, size, line)


def keep_order(database: Connection[Any], ordered: Ordered) -> tuple[list[int], list[Fault]]:
    """Keep what a country says; return of which partitions it is new, and what was said otherwise.

    A note that somebody puts there once more is new in nothing.
    """
    news, faults, note = [], [], ordered.note.render().decode()
    for partition, (size, root) in enumerate(ordered.order.heads):
        row = (ordered.country, partition, size, root, note)
        if database.execute(_ADD_ORDER, row, prepare=True).rowcount == 1:
            news.append(partition)
            continue
        cursor = database.cursor(row_factory=tuple_row)
        there = cursor.execute(_ORDER, row[:3], prepare=True).fetchone()
        if there is not None and there[0] != root:
            fault = Fault("order_differs", ordered.order.name, partition=partition, size=size)
            faults.append(fault)
    return news, faults


def keep_commitment(database: Connection[Any], committed: Committed) -> Fault | None:
    """Keep what a country has committed to on a day; return what it has said otherwise before."""
    log, day, hidden = committed.commitment.log, committed.commitment.day, committed.commitment.hash
    row = (log, day, hidden, committed.note.render().decode())
    if database.execute(_COMMIT, row, prepare=True).rowcount == 1:
        return None
    cursor = database.cursor(row_factory=tuple_row)
    there = cursor.execute(_COMMITTED, (log, day), prepare=True).fetchone()
    same = there is None or bytes(there[0]) == hidden
    return None if same else Fault("committed_twice", log)


def newest_orders(database: Connection[Any]) -> list[tuple[str, int, Head]]:
    """Return what each country has said last of each partition: country, partition, head."""
    cursor = database.cursor(row_factory=tuple_row)
    rows = cursor.execute(_NEWEST_ORDERS).fetchall()
    return [(country, partition, Head(size, root)) for country, partition, size, root in rows]


def position(database: Connection[Any], topic: str) -> tuple[Any, int] | None:
    """Return the id of a topic of notes, and the offset that is read next."""
    cursor = database.cursor(row_factory=tuple_row)
    row = cursor.execute(_POSITION, (topic,)).fetchone()
    return (row[0], row[1]) if row is not None else None


def move(database: Connection[Any], topic: str, topic_id: Any, next_offset: int) -> None:
    """Keep how far a topic of notes was read."""
    database.execute(_MOVE, (topic, topic_id, next_offset), prepare=True)


def open_alarms(database: Connection[Any]) -> set[Alarm]:
    """Return the faults that nobody has resolved yet."""
    cursor = database.cursor(row_factory=tuple_row)
    return {Alarm(*row) for row in cursor.execute(_OPEN, prepare=True)}


def _merge(database: Connection[Any], log: str, size: int, note: Note) -> bytes | None:
    """Add what a note has to the one that is here, if both are of one root; return its root."""
    cursor = database.cursor(row_factory=tuple_row)
    row = cursor.execute(_LOCKED, (log, size), prepare=True).fetchone()
    if row is None:
        return None
    root, there = bytes(row[0]), str(row[1])
    if root == Checkpoint.parse(note.text).root and (merged := _merged(there, note)) != there:
        database.execute(_MERGE, (merged, log, size), prepare=True)
    return root


def _merged(there: str, fresh: Note) -> str:
    """Return a note with the lines of another that it lacks; the first of each key stays."""
    try:
        note = Note.parse(there.encode())
    except RecordRejected:  # nobody but a superuser can have changed it
        return fresh.render().decode()
    if note.text != fresh.text:  # other extension lines: a signature of one is none of the other
        return there
    known = {(line.name, line.key_id) for line in note.signatures}
    lines = [one for one in fresh.signatures if (one.name, one.key_id) not in known]
    return note.with_signatures(lines).render().decode() if lines else there
