"""What two nodes know of signed notes: the same checkpoints, cosignatures and order notes.

All of it stands on one topic of one partition, so two nodes that have read it equally far know the
same. Where one has read less, the sizes are compared that both have come to.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from events.agreement import Agreement
from node.reading import Reader


class NoteDifference(NamedTuple):
    """A size, or a day, of which two nodes do not know the same."""

    #: `checkpoint`, `cosignature`, `order_note` or `commitment` (node/compared_days.py).
    what: str
    #: Log, or country of the order note.
    about: str
    #: Who has cosigned, the partition of the order note, or the day of the commitment.
    by: str
    size: int | None
    #: `not_here`, `not_there` or `otherwise`.
    kind: str


class _Known(NamedTuple):
    said: str
    #: Whether it is known for some minutes: what is younger may still be on its way.
    settled: bool


#: What, about what, by whom -> size -> what is known.
_Notes = dict[tuple[str, str, str], dict[int, _Known]]


def compare_notes(one: Reader, other: Reader, agreement: Agreement) -> list[NoteDifference]:
    """Return the sizes of which the two do not know the same, as far as both have to know them."""
    mine, theirs = (_notes(node, agreement) for node in (one, other))
    read, read_there = (read_to(node, agreement) for node in (one, other))
    found = []
    for key in sorted(mine.keys() | theirs.keys()):
        here, there = mine.get(key, {}), theirs.get(key, {})
        both = min(max(here, default=0), max(there, default=0))
        for size in sorted(here.keys() | there.keys()):
            kind = _kind(here.get(size), there.get(size))
            level = read == read_there and (here.get(size) or there[size]).settled
            if kind is not None and (level or size <= both):
                found.append(NoteDifference(*key, size, kind))
    return found


def _kind(here: _Known | None, there: _Known | None) -> str | None:
    if here is None:
        return "not_here"
    if there is None:
        return "not_there"
    return None if here.said == there.said else "otherwise"


def _notes(node: Reader, agreement: Agreement) -> _Notes:
    found: _Notes = {}
    logs = [agreement.shared_log(country) for country in agreement.countries]
    asked: dict[str, Any] = {"logs": logs}
    for what, about, by, size, said, settled in node.connection.execute(_NOTES, asked):
        found.setdefault((what, about, by), {})[size] = _Known(said, settled)
    return found


def read_to(node: Reader, agreement: Agreement) -> int | None:
    """Return how far a node has read the topic of notes."""
    asked = (agreement.checkpoints_topic,)
    row = node.connection.execute(_POSITION, asked).fetchone()
    return None if row is None else int(row[0])


_POSITION = "SELECT next_offset FROM witness.position WHERE topic = %s"
# A column that is empty is nothing that a node has ever said: it differs, and stops nobody.
_NOTES = """
SELECT 'checkpoint', log, '', coalesce(size, -1), encode(root, 'hex'),
    signed_at < now() - interval '2 minutes'
FROM witness.checkpoint WHERE log = ANY (%(logs)s)
UNION ALL
SELECT 'cosignature', log, coalesce(witness, ''), coalesce(size, -1),
    extract(epoch FROM cosigned_at)::text, cosigned_at < now() - interval '2 minutes'
FROM witness.cosignature WHERE log = ANY (%(logs)s)
UNION ALL
SELECT 'order_note', coalesce(country, ''), coalesce(partition::text, ''), coalesce(size, -1),
    encode(root, 'hex'),
    heard_at < now() - interval '2 minutes'
FROM witness.order_note
"""
