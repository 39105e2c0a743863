"""Tasks about two cases of one child: who has still to say whether it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from ledger.case.plane import Suspicion
from projections.change import Change
from projections.table import Row
from projections.task_rows import DUPLICATE_ANSWER, closed, opened

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
