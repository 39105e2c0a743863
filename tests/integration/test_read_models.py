"""All golden histories through the real tables: batch by batch, and all at once, the same rows."""

from __future__ import annotations

from random import Random
from uuid import uuid4

import psycopg
import pytest

from events.codec import read_stamp
from ledger import mirror
from ledger.case.case import Topic
from ledger.mirror import Placed, Record
from projections import generation, positions
from projections.folding import fold_in
from projections.keeping import Kept, load_planes
from projections.positions import Position
from projections.rebuild import rebuild
from tests.histories import HISTORIES


def mirrored() -> list[Record]:
    """Return every golden history as it stands in a mirror, cases mingled, each in its order."""
    luck = Random(7)
    left = [(history, list(history.entries)) for history in HISTORIES]
    offsets = {Topic.SHARED: 0, Topic.NATIONAL: 0}
    records = []
    while left:
        history, entries = left[luck.randrange(len(left))]
        entry = entries.pop(0)
        topic = Topic.SHARED if history.shared else Topic.NATIONAL
        at, stamp = offsets[topic], read_stamp(entry.value)
        offsets[topic] += 1
        records.append(
            Record(
                topic.value, 0, at, at, 0, stamp.case_id, stamp.origin, stamp.version,
                stamp.event_id, entry.leaf, at, bytes(64), entry.ce_type, entry.value,
            )
        )  # fmt: skip
        left = [one for one in left if one[1]]
    return records


def placed(record: Record) -> Placed:
    return Placed(*record[:8], record.leaf, record.ce_type, record.value)


@pytest.mark.parametrize(("size", "most"), [(1, 3), (7, 50), (7, 0), (1_000, 1_000)])
def test_rows_do_not_depend_on_batches_memory_or_being_built_again(dsn, size, most):
    records, kept = mirrored(), Kept(most=most)
    with psycopg.connect(dsn, autocommit=True) as connection:
        generation.ensure(connection)
        mirror.append(connection, records)
        for first in range(0, len(records), size):
            batch = [placed(record) for record in records[first : first + size]]
            assert [] == fold_in(connection, "read_1", batch, country="KZ", kept=kept).stops
        ends = {topic: [r.offset for r in records if r.topic == topic][-1] + 1 for topic in Topic}
        places = [Position(topic.value, 0, uuid4(), end, 0) for topic, end in ends.items()]
        positions.begin(connection, "read_1", places)
        planes = load_planes(connection, "read_1", {record.case_id for record in records})
    expected = {
        (one.entries[0].event.case_id, "shared" if one.shared else "national"): one.folded()[-1][1]
        for one in HISTORIES
    }
    assert expected == planes
    assert rebuild(dsn, country="KZ").equal
