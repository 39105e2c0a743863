"""Moves of two countries around one child: protected where she is, and given back.

Two cases of one child are no plan's: they are played by tests/property/test_joining.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from events.codes import DataScope, Purpose
from ledger.case import measure, transfer
from node.simulation import invented
from node.simulation.handoff_moves import sends
from node.simulation.moves import BETWEEN, Move
from node.simulation.seen import Seen


def _measures(seen: Seen, *, mine: bool) -> list[UUID]:
    return [
        measure_id
        for measure_id, one in seen.case.ahead.measures.items()
        if one.state == "taken" and (one.origin == seen.country) is mine
    ]


def _came(seen: Seen) -> list[UUID]:
    """Return the transfers by which the case came here."""
    return [key for key, _ in seen.handoffs("transfers", "moved", "completed", got=True)]


def _returned(seen: Seen) -> Mapping[str, Any]:
    sent = dict(sends(seen, seen.other, Purpose.TRANSFER))
    del sent["recipient"]  # whom it came from
    return {"returned_id": seen.one(_came(seen)), **sent}


def _may_return(seen: Seen) -> bool:
    free = seen.answers and bool(_came(seen)) and not seen.handoffs("transfers")
    return free and bool(seen.permitted(seen.other, Purpose.TRANSFER))


MOVES = (
    Move(
        take=measure.take_measure,
        when=lambda seen: (
            seen.is_open
            and seen.case.is_shared
            and seen.case.identity.responsible == seen.other
            and not _measures(seen, mine=True)
        ),
        arguments=lambda seen: {
            "data": invented.words(DataScope.PROTECTION),
            "measure_id": seen.id(),
        },
        weight=0.3,
        kinds=BETWEEN,
    ),
    Move(
        take=measure.end_measure,
        when=lambda seen: bool(_measures(seen, mine=True)),
        arguments=lambda seen: {"measure_id": seen.one(_measures(seen, mine=True))},
        weight=1.5,
        kinds=BETWEEN,
    ),
    Move(
        take=measure.review_measure,
        when=lambda seen: seen.answers and bool(_measures(seen, mine=False)),
        arguments=lambda seen: {
            "measure_id": seen.one(_measures(seen, mine=False)),
            "data": invented.words(),
        },
        by="supervisor",
        kinds=BETWEEN,
    ),
    Move(
        take=transfer.return_case,
        when=_may_return,
        arguments=_returned,
        by="focal_point",
        weight=2,
        kinds=BETWEEN,
    ),
)
