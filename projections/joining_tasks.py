"""Tasks between two countries: two cases of one child, and measures that one took alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from events.measure import UrgentMeasureReviewed
from events.transfer import TransferExpired
from ledger.case.joint import Suspicion
from ledger.case.plane import Plane
from projections.change import Change
from projections.table import Row
from projections.task_rows import (
    DUPLICATE_ANSWER,
    TRANSFER_EXPIRED,
    URGENT_MEASURE,
    closed,
    opened,
)

#: Two caseworkers who help one child without knowing of each other do not wait for weeks.
_ANSWERED = timedelta(days=3)


def suspected(change: Change) -> Iterator[Row]:
    """A suspicion is for both sides to confirm or dismiss."""
    was, now = change.before.suspicions, change.after.suspicions
    for suspicion_id, suspicion in now.items():
        waited, waits = (_waits(one, change.country) for one in (was.get(suspicion_id), suspicion))
        if waits and not waited:
            yield opened(change, DUPLICATE_ANSWER, suspicion_id, _ANSWERED)
        elif waited and not waits:
            yield closed(change, DUPLICATE_ANSWER, suspicion_id)


def _waits(suspicion: Suspicion | None, country: str) -> bool:
    if suspicion is None or suspicion.state != "suspected" or suspicion.is_confirmed:
        return False
    if country not in {suspicion.asked, suspicion.holder}:
        return False
    # Where both cases are one country's, two of its people are asked.
    one_side = suspicion.asked == suspicion.holder
    return one_side or country not in {who for who, _ in suspicion.confirmed}


def measures(change: Change) -> Iterator[Row]:
    """An urgent measure is for the country that answers for the child to look at."""
    if isinstance(change.event, UrgentMeasureReviewed):
        yield closed(change, URGENT_MEASURE, change.event.measure_id)
        return
    was, now = (_to_look_at(one, change.country) for one in (change.before, change.after))
    for measure_id in now:
        if measure_id not in was:
            yield opened(change, URGENT_MEASURE, measure_id)
    for measure_id in was:
        if measure_id not in now:
            yield closed(change, URGENT_MEASURE, measure_id)


def _to_look_at(plane: Plane, country: str) -> tuple[UUID, ...]:
    if not plane.measures or plane.identity.responsible != country:
        return ()
    return tuple(
        measure_id
        for measure_id, measure in plane.measures.items()
        if measure.state == "taken" and measure.origin != country
    )


def expired(change: Change) -> Iterator[Row]:
    """A transfer that nobody took in time is back with its sender, which decides anew."""
    event, country = change.event, change.country
    assert event is not None
    if isinstance(event, TransferExpired):
        if event.origin == country:
            yield opened(change, TRANSFER_EXPIRED, event.handoff_id)
        return
    transfers = change.before.transfers.items()
    late = [key for key, one in transfers if (one.state, one.sender) == ("expired", country)]
    if event.origin == country:
        yield from (closed(change, TRANSFER_EXPIRED, key) for key in late[-1:])
