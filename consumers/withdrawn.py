"""When a permission was taken back on which keys were released: how long its stop took."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from events.codec import decode
from events.consent import ConsentWithdrawn, OverrideEnded
from events.errors import RecordRejected
from ledger.case.case import Case

_ENDS = """
SELECT value FROM mirror.record
WHERE topic = 'shared' AND case_id = %(case)b AND ce_type IN ('ConsentWithdrawn', 'OverrideEnded')
UNION
SELECT state FROM ledger.ledger_events WHERE originator_id = %(case)b AND topic LIKE 'shared/%%'
"""


def withdrawn_at(database: Connection[Any], case: Case, handoff_id: UUID) -> datetime | None:
    """Return when somebody took back what a handoff's keys were released on; None if it expired."""
    releases = case.ahead.releases.values()
    bases = {one.basis_id for one in releases if one.handoff_id == handoff_id}
    found: list[datetime] = []
    for (value,) in database.execute(_ENDS, {"case": case.case_id}):
        try:
            event = decode(value)
        except RecordRejected:
            continue
        match event:
            case ConsentWithdrawn(consent_id=basis_id) | OverrideEnded(override_id=basis_id):
                found += [event.recorded_at] if basis_id in bases else []
    return max(found, default=None)
