"""The state that folding goes on from: one encoded plane per case and topic."""

from __future__ import annotations

from ledger.case.case import Topic
from ledger.case.encoding import plane_to_json
from ledger.case.plane import Plane
from projections.table import Row, Table

TABLE = Table(
    name="case_state",
    columns={
        "case_id": "uuid NOT NULL",
        "topic": "text NOT NULL",
        "count": "int8 NOT NULL",
        "state": "bytea NOT NULL",
    },
    key=("case_id", "topic"),
)


def row(plane: Plane) -> Row:
    """Return the row of a plane."""
    topic = Topic.SHARED if plane.shared else Topic.NATIONAL
    return (plane.case_id, str(topic), plane.count, plane_to_json(plane))
