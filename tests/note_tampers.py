"""Ways to tamper with what a node keeps beside the mirror: notes, read models, its own store."""

from __future__ import annotations

from typing import Any

from events.errors import RecordRejected
from ledger.log.checkpoint import Checkpoint
from ledger.log.cosignature import Ed25519Cosigner
from ledger.log.note import Note
from ledger.log.signature import LogSigner
from projections.models import TABLES
from tests.row_tampers import (
    CHECK,
    COMPARE,
    ORDER,
    REBUILD,
    SEAL,
    WHERE,
    Hand,
    Tampered,
    about,
    kind,
)
from tests.tampered_world import COUNTRIES, SEALERS, WITNESSES, Entry

# Checkpoints and cosignatures.


def _checkpoint(hand: Hand, *, shared: bool = False) -> tuple[str, int, bytes, str]:
    rows = hand.run("SELECT log, size, root, note FROM witness.checkpoint ORDER BY 1, 2")
    rows = [row for row in rows if not shared or row[0].startswith(ORDER)]
    log, size, root, note = hand.chance.choice(rows)
    return log, size, root, note


def _rewrite(hand: Hand, log: str, size: int, **columns: Any) -> None:
    names = ", ".join(f"{name} = %s" for name in columns)
    statement = f"UPDATE witness.checkpoint SET {names} WHERE log = %s AND size = %s"
    hand.run(statement, *columns.values(), log, size)


def _in(log: str, finder: str = CHECK) -> Tampered:
    return Tampered(finder, frozenset({log}))


@kind
def edits_a_root(hand: Hand) -> Tampered:
    log, size, _, _ = _checkpoint(hand)
    _rewrite(hand, log, size, root=hand.chance.randbytes(32))
    return _in(log)


@kind
def edits_a_note(hand: Hand) -> Tampered | None:
    log, size, _, note = _checkpoint(hand, shared=hand.chance.random() < 0.8)
    at = hand.chance.randrange(len(note))
    other = hand.chance.choice("abcdXYZ0189+/=\n —")
    edited = note[:at] + other + note[at + 1 :]
    if edited == note or not _says_otherwise(note, edited):
        return None
    _rewrite(hand, log, size, note=edited)
    return _in(log)


def _says_otherwise(note: str, edited: str) -> bool:
    """Say whether an edit changes more than how base64 is written."""
    try:
        return Note.parse(edited.encode()) != Note.parse(note.encode())
    except RecordRejected:
        return True


@kind
def signs_a_root_with_a_foreign_key(hand: Hand) -> Tampered:
    log, size, _, _ = _checkpoint(hand)
    root = hand.chance.randbytes(32)
    note = Checkpoint(log, size, root).signed_by(LogSigner(log, hand.chance.randbytes(32)))
    _rewrite(hand, log, size, root=root, note=note.render().decode())
    return _in(log)


@kind
def signs_another_root_with_the_log_s_own_key(hand: Hand) -> Tampered:
    log, size, _, _ = _checkpoint(hand)
    root = hand.chance.randbytes(32)
    note = Checkpoint(log, size, root).signed_by(SEALERS[log])
    _rewrite(hand, log, size, root=root, note=note.render().decode())
    return _in(log)


@kind
def moves_a_checkpoint_to_another_size(hand: Hand) -> Tampered:
    log, size, _, _ = _checkpoint(hand)
    taken = {one for (one,) in hand.run("SELECT size FROM witness.checkpoint WHERE log = %s", log)}
    taken |= {
        one for (one,) in hand.run("SELECT size FROM witness.cosignature WHERE log = %s", log)
    }
    new = hand.chance.choice([one for one in range(size + 1, size + 9) if one not in taken])
    for name in ("cosignature", "checkpoint"):
        statement = f"UPDATE witness.{name} SET size = %s WHERE log = %s AND size = %s"
        hand.run(statement, new, log, size)
    return _in(log)


@kind
def gives_a_checkpoint_to_another_log(hand: Hand) -> Tampered | None:
    log, size, _, _ = _checkpoint(hand, shared=True)
    other = f"{ORDER}/{hand.chance.choice(COUNTRIES)}"
    if other == log or hand.run(
        "SELECT 1 FROM witness.checkpoint WHERE log = %s AND size = %s", other, size
    ):
        return None
    hand.run(
        "UPDATE witness.checkpoint SET log = %s WHERE (log, size) = (%s, %s)", other, log, size
    )
    return Tampered(CHECK, frozenset({log, other}))


@kind
def copies_a_note_to_another_size(hand: Hand) -> Tampered | None:
    log, size, root, note = _checkpoint(hand)
    new = size + hand.chance.choice((-1, 1))
    hand.run(
        "INSERT INTO witness.checkpoint VALUES (%s, %s, %s, %s, '2024-12-24')",
        log, new, root, note,
    )  # fmt: skip
    return _in(log)


@kind
def promises_more_than_there_is(hand: Hand) -> Tampered:
    """With the log's own key: events that nobody was shown."""
    log, _, root, _ = _checkpoint(hand)
    ((size,),) = hand.run("SELECT max(size) + 5 FROM witness.checkpoint WHERE log = %s", log)
    note = Checkpoint(log, size, root).signed_by(SEALERS[log]).render().decode()
    hand.run(
        "INSERT INTO witness.checkpoint VALUES (%s, %s, %s, %s, '2024-12-24')",
        log, size, root, note,
    )  # fmt: skip
    return _in(log)


@kind
def drops_a_checkpoint(hand: Hand) -> Tampered:
    log, size, _, _ = _checkpoint(hand, shared=True)
    hand.run("DELETE FROM witness.checkpoint WHERE log = %s AND size = %s", log, size)
    return _in(log)


@kind
def drops_a_checkpoint_and_its_cosignatures(hand: Hand) -> Tampered:
    log, size, _, _ = _checkpoint(hand, shared=True)
    for name in ("cosignature", "checkpoint"):
        hand.run(f"DELETE FROM witness.{name} WHERE log = %s AND size = %s", log, size)
    return _in(log, COMPARE)


@kind
def drops_a_cosignature(hand: Hand) -> Tampered:
    log, size, _, _ = _checkpoint(hand, shared=True)
    hand.run(
        "DELETE FROM witness.cosignature WHERE (log, size) = (%s, %s) AND witness ="
        " (SELECT min(witness) FROM witness.cosignature WHERE (log, size) = (%s, %s))",
        log, size, log, size,
    )  # fmt: skip
    return _in(log)


@kind
def edits_the_time_of_a_cosignature(hand: Hand) -> Tampered:
    log, size, _, _ = _checkpoint(hand, shared=True)
    seconds = hand.chance.choice((-86_400, -60, -1, 1, 60, 86_400))
    hand.run(
        "UPDATE witness.cosignature SET cosigned_at = cosigned_at + %s * interval '1 second'"
        " WHERE log = %s AND size = %s",
        seconds, log, size,
    )  # fmt: skip
    return _in(log)


@kind
def cosigns_in_a_witness_s_name(hand: Hand) -> Tampered:
    """Another time, with a note to fit, by a key that is not the witness's."""
    log, size, _, text = _checkpoint(hand, shared=True)
    note, origin = Note.parse(text.encode()), log.rpartition("/")[2]
    code = hand.chance.choice([code for code in COUNTRIES if code != origin])
    at = 1_700_000_000 + hand.chance.randrange(10**8)
    line = Ed25519Cosigner(WITNESSES[code].name, hand.chance.randbytes(32)).cosign(note.text, at)
    line = line._replace(key_id=WITNESSES[code].verifier.key_id)
    _rewrite(hand, log, size, note=note.with_signatures([line]).render().decode())
    hand.run(
        "UPDATE witness.cosignature SET cosigned_at = to_timestamp(%s)"
        " WHERE (log, size, witness) = (%s, %s, %s)",
        at, log, size, line.name,
    )  # fmt: skip
    return _in(log)


# Order notes.


def _order(hand: Hand) -> tuple[str, int, int]:
    rows = hand.run("SELECT country, partition, size FROM witness.order_note ORDER BY 1, 2, 3")
    country, partition, size = hand.chance.choice([row for row in rows if row[2]])
    return country, partition, size


_OF = "WHERE (country, partition, size) = (%s, %s, %s)"


def _ordered(country: str, finder: str = CHECK) -> Tampered:
    return Tampered(finder, frozenset({ORDER}), also=frozenset({country}))


@kind
def edits_the_root_of_an_order(hand: Hand) -> Tampered:
    row = _order(hand)
    hand.run(f"UPDATE witness.order_note SET root = %s {_OF}", hand.chance.randbytes(32), *row)
    return _ordered(row[0])


@kind
def edits_an_order_note(hand: Hand) -> Tampered | None:
    row = _order(hand)
    ((note,),) = hand.run(f"SELECT note FROM witness.order_note {_OF}", *row)
    at = hand.chance.randrange(len(note))
    edited = note[:at] + hand.chance.choice("abcXYZ019\n ") + note[at + 1 :]
    if edited == note or not _says_otherwise(note, edited):
        return None
    hand.run(f"UPDATE witness.order_note SET note = %s {_OF}", edited, *row)
    return _ordered(row[0])


@kind
def signs_another_order_with_a_foreign_key(hand: Hand) -> Tampered:
    row = _order(hand)
    ((text,),) = hand.run(f"SELECT note FROM witness.order_note {_OF}", *row)
    note = Note.parse(text.encode())
    signer = LogSigner(note.signatures[0].name, hand.chance.randbytes(32))
    line = signer.sign_text(note.text)
    forged = Note.of(note.text, line).render().decode()
    hand.run(f"UPDATE witness.order_note SET note = %s {_OF}", forged, *row)
    return _ordered(row[0])


@kind
def moves_an_order_note(hand: Hand) -> Tampered | None:
    row = _order(hand)
    other = hand.chance.choice([code for code in COUNTRIES if code != row[0]])
    column, said = hand.chance.choice(
        (("size", row[2] + 1), ("partition", 1 - row[1]), ("country", other))
    )
    new = {"country": row[0], "partition": row[1], "size": row[2], column: said}
    if hand.run(f"SELECT 1 FROM witness.order_note {_OF}", *new.values()):
        return None
    hand.run(f"UPDATE witness.order_note SET {column} = %s {_OF}", said, *row)
    found = _ordered(row[0])
    return found._replace(also=frozenset({row[0], other})) if column == "country" else found


@kind
def drops_an_order_note(hand: Hand) -> Tampered:
    row = _order(hand)
    hand.run(f"DELETE FROM witness.order_note {_OF}", *row)
    return _ordered(row[0], COMPARE)


# Read models.


@kind
def edits_a_line_of_the_trail(hand: Hand) -> Tampered | None:
    one = hand.one()
    statement = hand.chance.choice(
        (
            "leaf = sha256(leaf)", "place = place + 1000", "effective = NOT effective",
            "void_reason = 'x'", '"offset" = "offset" + 7000', "case_id = gen_random_uuid()",
        )
    )  # fmt: skip
    return _in_line(hand, one, statement)


def _in_line(hand: Hand, one: Entry, statement: str) -> Tampered | None:
    """Edit the line of an event; one that waits has none."""
    update = f"UPDATE read_1.audit_trail SET {statement} {WHERE} RETURNING 1"
    return about(CHECK, one) if hand.run(update, *one.record[:3]) else None


@kind
def edits_what_the_trail_says_of_an_event(hand: Hand) -> Tampered | None:
    """Who decided what, and when; not what shows that the line is this event's."""
    statement = hand.chance.choice(
        (
            "actor_id = 'x'", "actor_role = 'x'", "actor_organisation = NULL", "event_type = 'x'",
            "schema_version = 99", "recorded_at = recorded_at - interval '1 day'",
            "occurred_at = occurred_at + interval '1 day'", "recorded_at = 'infinity'",
            "event_id = gen_random_uuid()", "origin = 'UZ'", "version = version + 1",
            "effect_offset = effect_offset + 1", "effect_rank = 3", "partition = partition + 1",
            """summary = summary || '{"x": 1}'""", "summary = '[]'",
        )
    )  # fmt: skip
    return _in_line(hand, hand.one(), statement)


@kind
def drops_a_line_of_the_trail(hand: Hand) -> Tampered:
    one = hand.one()
    gone = hand.run(f"DELETE FROM read_1.audit_trail {WHERE} RETURNING 1", *one.record[:3])
    return about(CHECK, one) if gone else None


@kind
def edits_a_state(hand: Hand) -> Tampered:
    one = hand.one()
    statement = hand.chance.choice(("state = state || ' '", "state = '{}'", "count = count + 1"))
    hand.run(
        f"UPDATE read_1.case_state SET {statement} WHERE case_id = %s AND topic = %s",
        one.event.case_id, one.record.topic,
    )  # fmt: skip
    return Tampered(CHECK, frozenset({one.log, ORDER}), also=frozenset({one.event.case_id}))


@kind
def drops_a_state(hand: Hand) -> Tampered:
    one = hand.one()
    hand.run(
        "DELETE FROM read_1.case_state WHERE case_id = %s AND topic = %s",
        one.event.case_id, one.record.topic,
    )  # fmt: skip
    return Tampered(CHECK, also=frozenset({one.event.case_id}))


@kind
def edits_a_read_model(hand: Hand) -> Tampered | None:
    table = hand.chance.choice([one for one in TABLES if one.name != "case_state"])
    return _edit_model(hand, table.name, dict(table.columns))


def _edit_model(hand: Hand, name: str, columns: dict[str, str]) -> Tampered | None:
    rows = hand.run(f"SELECT ctid FROM read_1.{name} ORDER BY ctid")
    if not rows:
        return None
    ((ctid,),) = [hand.chance.choice(rows)]
    if hand.chance.random() < 0.2:
        hand.run(f"DELETE FROM read_1.{name} WHERE ctid = %s::tid", ctid)
        return Tampered(REBUILD, also=frozenset({name}))
    column = hand.chance.choice(list(columns))
    new = _OTHER[columns[column].split()[0]].format(f'"{column}"')
    changed = hand.run(
        f'UPDATE read_1.{name} SET "{column}" = {new} WHERE ctid = %s::tid RETURNING 1', ctid
    )
    return Tampered(REBUILD, also=frozenset({name})) if changed else None


#: Another value of each type.
_OTHER = {
    "uuid": "gen_random_uuid()",
    "text": "coalesce({0}, '') || 'x'",
    "int4": "coalesce({0}, 0) + 1",
    "int8": "coalesce({0}, 0) + 1",
    "bytea": "sha256(coalesce({0}, ''))",
    "bool": "NOT coalesce({0}, false)",
    "jsonb": "jsonb_build_object('x', {0})",
    "date": "coalesce({0}, '2024-01-01') + 1",
    "timestamptz": "coalesce({0}, '2024-01-01') + interval '1 day'",
    "text[]": "coalesce({0}, '{{}}') || 'x'::text",
    "bytea[]": "coalesce({0}, '{{}}') || 'x'::bytea",
    "uuid[]": "coalesce({0}, '{{}}') || gen_random_uuid()",
}


# The store, which the sealer compares with what came back from the topic.


def _stored(hand: Hand) -> Any:
    own = [one for one in hand.entries if one.record.origin == hand.node.country]
    return hand.chance.choice(own)


_ROW = "WHERE state = %s"


@kind
def edits_the_store(hand: Hand) -> Tampered:
    one = _stored(hand)
    value = hand.edited(one.record.value)
    hand.run(f"UPDATE ledger.ledger_events SET state = %s {_ROW}", value, one.record.value)
    return about(SEAL, one)


@kind
def drops_a_row_of_the_store(hand: Hand) -> Tampered:
    one = _stored(hand)
    hand.run(f"DELETE FROM ledger.ledger_events {_ROW}", one.record.value)
    return about(SEAL, one)


@kind
def swaps_rows_of_the_store(hand: Hand) -> Tampered | None:
    one, other = _stored(hand), _stored(hand)
    if one is other:
        return None
    plane = "split_part(topic, '/', 1)"
    hand.run(
        "UPDATE ledger.ledger_events AS one SET state = other.state, topic ="
        f" {plane.replace('topic', 'one.topic')} || '/' || split_part(other.topic, '/', 2)"
        " FROM ledger.ledger_events AS other"
        " WHERE (one.state, other.state) IN ((%s, %s), (%s, %s))",
        one.record.value, other.record.value, other.record.value, one.record.value,
    )  # fmt: skip
    return about(SEAL, one, other)


@kind
def adds_a_row_to_the_store(hand: Hand) -> Tampered:
    """Between two others, as if it had been decided then."""
    one = _stored(hand)
    ((at,),) = hand.run(
        f"SELECT notification_id FROM ledger.ledger_events {_ROW}", one.record.value
    )
    hand.run(
        "UPDATE ledger.ledger_events SET notification_id = notification_id + 100000"
        " WHERE notification_id >= %s",
        at,
    )
    hand.run(
        "INSERT INTO ledger.ledger_events VALUES (gen_random_uuid(), 1, %s, %s, %s)",
        f"{one.record.topic}/Forged", hand.chance.randbytes(90), at,
    )  # fmt: skip
    return about(SEAL, one)
