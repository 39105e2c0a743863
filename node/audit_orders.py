"""R9: in which order each country says that it heard the shared topic, and in which it stands here.

A row is believed for nothing: what counts is the note in it, and that its country signed it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from events.agreement import Agreement
from events.contract import order_name
from events.errors import RecordRejected
from ledger.log.findings import Finding, found_without_event
from ledger.log.heads import Head
from ledger.log.merkle import CompactRange
from ledger.log.note import Note
from ledger.log.order import OrderNote
from ledger.log.verifiers import log_verifier
from node.audit_rows import WHOLE, bounded, timely
from node.reading import Reader

#: Size -> which countries said so, which root, and whether that is long ago.
_Said = dict[int, list[tuple[str, bytes, bool]]]


def check_orders(reading: Reader, agreement: Agreement, expected: datetime) -> Iterator[Finding]:
    """Yield whose order note is not what it signed, or not the order of the topic as it is here.

    What a note counts that was heard before `expected` has to be here.
    """
    topic = agreement.shared_topic
    noted: dict[int, _Said] = {}
    of_note: tuple[str, str] | None = None
    heads: Sequence[Head] = ()
    for country, partition, size, root, note, at, is_timely in reading.connection.execute(_ORDERS):
        if of_note != (country, note):  # a note stands in a row for each of its partitions
            of_note, heads = (country, note), _signed(agreement, country, note)
        is_there = partition is not None and 0 <= partition < len(heads)
        if is_timely and is_there and heads[partition] == Head(size, root):
            said = (country, root, at < expected)
            noted.setdefault(partition, {}).setdefault(size, []).append(said)
        else:
            yield _found("order_note_differs", country, topic, partition, size)
    for partition, sizes in noted.items():
        yield from _differing(reading, topic, partition, sizes)


def _differing(reading: Reader, topic: str, partition: int, sizes: _Said) -> Iterator[Finding]:
    """Yield the first size at which each country heard another order than stands here."""
    tree, differing = CompactRange(), set()
    for leaf in _leaves(reading, partition):
        tree.append(leaf)
        for country, root, _ in sizes.get(tree.size, ()):
            if root != tree.root and country not in differing:
                differing.add(country)
                yield _found("order_differs", country, topic, partition, tree.size)
    largest = max((size for size, said in sizes.items() if any(one[2] for one in said)), default=0)
    if largest > tree.size:
        yield _found("order_withheld", sizes[largest][0][0], topic, partition, largest)


def _found(what: str, country: str, topic: str, partition: int, size: int) -> Finding:
    return found_without_event("R9", what, country, topic, partition=partition, size=size)


def _signed(agreement: Agreement, country: str, text: str | None) -> Sequence[Head]:
    """Return what a country says of each partition; nothing if it did not sign that."""
    name, known = order_name(agreement.prefix, country), agreement.countries.get(country)
    try:
        note = Note.parse((text or "").encode())
        order = OrderNote.parse(note.text, agreement.partitions)
        note.verified_by(map(log_verifier, known.keys_named(name) if known else ()))
    except RecordRejected:
        return ()
    return order.heads if order.name == name else ()


def _leaves(reading: Reader, partition: int) -> Iterator[bytes]:
    with reading.connection.cursor(name="order", binary=True) as cursor:
        cursor.itersize = 5_000
        cursor.execute(_IN_ORDER, (partition,))
        for (leaf,) in cursor:
            yield leaf


# The rows of one note stand together.
_ORDERS = f"""
SELECT coalesce(country, ''), partition, size, root, note, {bounded("heard_at")},
    {timely("heard_at")}
FROM witness.order_note ORDER BY country, heard_at, note, partition
"""  # noqa: S608 - our own names
_IN_ORDER = f"""
SELECT leaf FROM mirror.record AS record WHERE topic = 'shared' AND partition = %s AND {WHOLE}
ORDER BY "offset"
"""  # noqa: S608 - our own names
