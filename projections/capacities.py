"""How many children each service can take now, as it said last."""

from __future__ import annotations

from collections.abc import Iterable

from events.governance import ServiceCapacityChanged
from events.registry import CLASSES
from projections.change import Change, Opinions, on
from projections.table import Row, Table, plain

TABLE = Table(
    name="capacities",
    columns={
        "case_id": "uuid NOT NULL",  # the register
        "service": "text NOT NULL",
        "places": "int4 NOT NULL",
        "paused_until": "date",
        "since": "timestamptz NOT NULL",
    },
    key=("case_id", "service"),
)


def _said(change: Change) -> Iterable[Row]:
    event = change.event
    assert isinstance(event, ServiceCapacityChanged)
    key = (change.record.case_id, plain(event.service))
    return ((*key, event.places, event.paused_until, event.recorded_at),)


OPINIONS: Opinions = {
    # Nothing that is about a child says anything of a provider.
    **on(" ".join(name for name in CLASSES if name != "ServiceCapacityChanged")),
    **on("ServiceCapacityChanged", _said),
}
