"""All golden histories through the real tables: batch by batch, and all at once, the same rows."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest

from ledger import mirror
from ledger.case.case import Topic
from projections import generation, positions
from projections.folding import fold_in
from projections.keeping import Kept, load_planes
from projections.positions import Position
from projections.rebuild import rebuild
from tests.histories import HISTORIES
from tests.read_models import mirrored, placed_of


@pytest.mark.parametrize(("size", "most"), [(1, 3), (7, 50), (7, 0), (1_000, 1_000)])
def test_rows_do_not_depend_on_batches_memory_or_being_built_again(dsn, size, most):
    records, kept = mirrored(), Kept(most=most)
    with psycopg.connect(dsn, autocommit=True) as connection:
        generation.ensure(connection)
        mirror.append(connection, records)
        for first in range(0, len(records), size):
            batch = [placed_of(record) for record in records[first : first + size]]
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
