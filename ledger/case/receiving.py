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


def standing_grants(case: Case, on: date) -> Iterator[Release]:
    """Yield the grants that let this country read on a day (UTC), oldest first.

    On the topic, so that whoever judges an access by what was seen judges alike (rule R5); and by
    what this country has decided since, so that nothing stands that it has given up.
    """
    for grant_id, grant in case.settled.releases.items():
        ahead = case.ahead.releases.get(grant_id, grant)
        if grant.recipient == case.country and _stands(grant, on) and _stands(ahead, on):
            yield grant


def purposes_of(case: Case, grant: Release) -> frozenset[Purpose]:
    """Return what the data of a grant may be used for."""
    return FOR_TRANSFER if grant.handoff_id in case.settled.transfers else FOR_REFERRAL


def _stands(grant: Release, on: date) -> bool:
    if grant.state == "released":
        return True
    return grant.state == "claimed" and grant.until is not None and on <= grant.until
