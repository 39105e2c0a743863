"""What this country was given by others and may still read: on which permission, and what for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from events.codes import Purpose
from ledger.case.case import Case
from ledger.case.plane import Release

#: What received data is used for, by the kind of handoff it came with. Whether a permission was
#: given for tracing, too, is known where it was given only; that comes with tracing.
FOR_REFERRAL = frozenset({Purpose.SERVICE, Purpose.CASE_MANAGEMENT})
FOR_TRANSFER = frozenset({Purpose.TRANSFER, Purpose.CASE_MANAGEMENT})
#: Ways in on which somebody looks at the values.
LOOKING = frozenset({"read", "search", "export", "break_glass"})


def standing_grants(case: Case, on: date) -> Iterator[Release]:
    """Yield the grants that let this country read on a day (UTC), oldest first.

    On the topic, so that whoever judges an access by what was seen judges alike (rule R5); and by
    what this country has decided since, so that nothing stands that it has given up.
    """
    for grant_id, grant in case.settled.releases.items():
        ahead = case.ahead.releases.get(grant_id, grant)
        if grant.recipient == case.country and _stands(grant, on) and _stands(ahead, on):
            yield grant


def is_for(case: Case, grant: Release, purpose: Purpose, door: str) -> bool:
    """Say whether what a grant gave may be used for a purpose, by a way in.

    Where nobody looks at a value, the purpose does not bind.
    """
    if door not in LOOKING:
        return True
    is_transfer = grant.handoff_id in case.settled.transfers
    return purpose in (FOR_TRANSFER if is_transfer else FOR_REFERRAL)


def _stands(grant: Release, on: date) -> bool:
    return grant.state == "released" or (grant.state == "claimed" and grant.is_kept(on))
