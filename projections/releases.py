"""Releases: which keys one country gave another, for which handoff, on which basis, and since."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from events.codes import RetentionGround
from ledger.case.plane import Release
from projections.change import (
    ACCESS,
    BLOCK,
    CARE,
    CASE,
    CONSENT,
    DATA,
    DUPLICATE,
    ERASURE,
    GOVERNANCE,
    MEASURE,
    MONITORING,
    NOTICE,
    PLAN,
    REFERRAL,
    ROUTING,
    TRANSFER,
    WITHDRAWAL,
    Change,
    Opinions,
    on,
)
from projections.table import Row, Table, plain

TABLE = Table(
    name="releases",
    columns={
        "case_id": "uuid NOT NULL",
        "topic": "text NOT NULL",
        "grant_id": "uuid NOT NULL",
        "handoff_id": "uuid NOT NULL",
        "basis_id": "uuid NOT NULL",
        "origin": "text NOT NULL",
        "recipient": "text NOT NULL",
        "scopes": "text[] NOT NULL",
        "epoch": "int4 NOT NULL",
        "state": "text NOT NULL",  # released, stopped, claimed, destroyed
        "ground": "text",  # on which the recipient keeps what it was given
        "until": "date",
        "released_at": "timestamptz",
        # From here on nothing more is shared. What was given is held until it is destroyed.
        "ended_at": "timestamptz",
        "destroyed_at": "timestamptz",
    },
    key=("case_id", "topic", "grant_id"),
    kept=("released_at", "ended_at", "destroyed_at"),
)


def _differing(change: Change) -> Iterable[Row]:
    """Return a row for every grant that the event changed: a stop may change several."""
    before, after = change.before.releases, change.after.releases
    return [
        _row(change, grant_id, before.get(grant_id), release)
        for grant_id, release in after.items()
        if release != before.get(grant_id)
    ]


def _row(change: Change, grant_id: UUID, before: Release | None, release: Release) -> Row:
    record = change.record
    claimed = release.ground is not RetentionGround.UNKNOWN
    return (
        record.case_id,
        record.topic,
        grant_id,
        release.handoff_id,
        release.basis_id,
        plain(release.origin),
        plain(release.recipient),
        [str(scope) for scope in release.scopes],
        release.epoch,
        release.state,
        str(release.ground) if claimed else None,
        release.until,
        *_moments(change, None if before is None else before.state, release.state),
    )


def _moments(
    change: Change, before: str | None, state: str
) -> tuple[datetime | None, datetime | None, datetime | None]:
    """Return when it was released, ended and destroyed, as far as this event is that moment."""
    assert change.event is not None
    at = change.event.recorded_at
    return (
        at if before is None else None,
        at if before == "released" else None,
        at if state == "destroyed" else None,
    )


OPINIONS: Opinions = {
    **on(DATA, _differing),
    # A permission that ends, and a handoff that is over, stop nothing by themselves: the sender
    # says so by ReleaseStopped. Until then this country's people have to know that it goes on.
    **on(f"{CONSENT} {WITHDRAWAL} {REFERRAL} {TRANSFER} {CASE}"),
    **on(f"{CARE} {ROUTING} {PLAN} {ACCESS} {ERASURE} {BLOCK}"),
    **on(f"{GOVERNANCE} {MONITORING}"),
    **on(f"{DUPLICATE} {MEASURE}"),
    **on(NOTICE),
}
