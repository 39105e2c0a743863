"""The access ledger: who was shown data about a child in this country, what for, or was refused.

What is shown in another country stands in that country's own ledger.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from events.access import AccessDenied, AccessReviewed, BreakGlassUsed, PersonalDataAccessed
from events.stamp import Event
from projections.change import (
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

ACCESSED, DENIED, BROKE_GLASS = "accessed", "denied", "broke_glass"

TABLE = Table(
    name="access_ledger",
    columns={
        "case_id": "uuid NOT NULL",
        "topic": "text NOT NULL",
        "kind": "text NOT NULL",  # accessed, denied, broke_glass
        "entry_id": "uuid NOT NULL",  # the event; of broken glass its access, which a review names
        "access_id": "uuid",
        "at": "timestamptz",
        "actor_id": "text",
        "actor_role": "text",
        "actor_organisation": "text",
        "scopes": "text[] NOT NULL",
        "purpose": "text",
        "basis_id": "uuid",
        "about": "uuid",  # grant or event that was looked at
        "door": "text",
        "rule": "text",  # that refused
        "until": "timestamptz",  # of broken glass
        "reviewed_at": "timestamptz",
        "reviewed_by": "text",
        "upheld": "bool",
    },
    key=("case_id", "topic", "kind", "entry_id"),
    indexes=("(actor_id, at)",),
    kept=("at", "actor_id", "actor_role", "actor_organisation"),
)


def _row(
    change: Change,
    kind: str,
    entry_id: UUID,
    *,
    by: Event | None = None,
    scopes: Iterable[str],
    **said: Any,
) -> Row:
    values: dict[str, Any] = {
        "case_id": change.record.case_id,
        "topic": change.record.topic,
        "kind": kind,
        "entry_id": entry_id,
        "scopes": [str(scope) for scope in scopes],
        **said,
    }
    if by is not None:
        values |= {
            "at": by.recorded_at,
            "actor_id": plain(by.actor.id),
            "actor_role": plain(by.actor.role),
            "actor_organisation": plain(by.actor.organisation),
        }
    return tuple(values.get(name) for name in TABLE.columns)


def _accessed(change: Change) -> Iterable[Row]:
    event = change.event
    assert isinstance(event, PersonalDataAccessed)
    said: dict[str, Any] = {
        "access_id": event.access_id,
        "purpose": str(event.purpose),
        "basis_id": event.basis_id,
        "about": event.about,
        "door": plain(event.door),
    }
    return (_row(change, ACCESSED, event.event_id, by=event, scopes=event.scopes, **said),)


def _denied(change: Change) -> Iterable[Row]:
    event = change.event
    assert isinstance(event, AccessDenied)
    said: dict[str, Any] = {"purpose": str(event.purpose), "rule": plain(event.rule)}
    return (_row(change, DENIED, event.event_id, by=event, scopes=event.scopes, **said),)


def _broken(change: Change) -> Iterable[Row]:
    event = change.event
    assert isinstance(event, BreakGlassUsed)
    said: dict[str, Any] = {"access_id": event.access_id, "until": event.until}
    return (_row(change, BROKE_GLASS, event.access_id, by=event, scopes=event.scopes, **said),)


def _reviewed(change: Change) -> Iterable[Row]:
    event = change.event
    assert isinstance(event, AccessReviewed)
    broken = change.before.care.broken_glass.get(event.access_id)
    if broken is None:
        return ()
    said: dict[str, Any] = {
        "access_id": event.access_id,
        "until": broken.until,
        "reviewed_at": event.recorded_at,
        "reviewed_by": plain(event.actor.id),
        "upheld": event.upheld,
    }
    return (_row(change, BROKE_GLASS, event.access_id, scopes=broken.scopes, **said),)


OPINIONS: Opinions = {
    **on("PersonalDataAccessed", _accessed),
    **on("AccessDenied", _denied),
    **on("BreakGlassUsed", _broken),
    **on("AccessReviewed", _reviewed),
    # Writing data down is no access to it; the trail shows it.
    **on("PersonalDataRecorded"),
    # Who could see data follows from these; who did see it does not.
    **on(f"{DATA} {CONSENT} {WITHDRAWAL} {BLOCK} {ERASURE}"),
    **on(f"{GOVERNANCE} {MONITORING}"),
    **on(f"{DUPLICATE} {MEASURE}"),
    **on(f"{CASE} {REFERRAL} {TRANSFER} {CARE} {ROUTING} {PLAN}"),
    **on(NOTICE),
}
