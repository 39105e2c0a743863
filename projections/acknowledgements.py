"""Which provider has acknowledged which guideline, in which version."""

from __future__ import annotations

from collections.abc import Iterable

from events.governance import GuidelineAcknowledged
from events.registry import CLASSES
from projections.change import Change, Opinions, on
from projections.table import Row, Table, plain

TABLE = Table(
    name="acknowledgements",
    columns={
        "case_id": "uuid NOT NULL",  # the register
        "organisation": "text NOT NULL",
        "guideline": "text NOT NULL",
        "number": "int4 NOT NULL",
        "since": "timestamptz NOT NULL",
    },
    key=("case_id", "organisation", "guideline"),
)


def _said(change: Change) -> Iterable[Row]:
    event = change.event
    assert isinstance(event, GuidelineAcknowledged)
    key = (change.record.case_id, plain(event.organisation), plain(event.guideline))
    return ((*key, event.number, event.recorded_at),)


OPINIONS: Opinions = {
    # Nothing that is about a child says anything of a provider.
    **on(" ".join(name for name in CLASSES if name != "GuidelineAcknowledged")),
    **on("GuidelineAcknowledged", _said),
}
