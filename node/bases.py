"""On which basis a grant stood, and whether that was in force on a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from node.reading import Reader

Row = Mapping[str, Any]

_TERMS = ("kind", "purpose", "given_by", "age_band", "override_reason", "ended_by")
_SAID = """
WHERE case_id = %s AND topic = 'shared' AND effective AND event_type IN (
    'ConsentGranted', 'OverrideApproved', 'ConsentWithdrawn', 'OverrideEnded', 'ConsentRefused'
) ORDER BY place
"""


def basis_on(found: Reader, case_id: UUID, release: Row, on: date) -> dict[str, Any]:
    """Return the consent or override of a grant, when it ended, and whether it held on a day.

    The day on which it was taken back counts as one on which it held: until then it permitted.
    What it was for is known where it was recorded.
    """
    basis_id = release["basis_id"]
    (basis,) = found.rows(
        "consents", "WHERE case_id = %s AND topic = 'shared' AND basis_id = %s", case_id, basis_id
    )
    terms = found.rows("consent_terms", "WHERE case_id = %s AND basis_id = %s", case_id, basis_id)
    ended_at = _ended_at(found.rows("audit_trail", _SAID, case_id), basis, release["scopes"])
    in_time = basis["expires_on"] is not None and on <= basis["expires_on"]
    said: dict[str, Any] = dict.fromkeys(_TERMS)
    for row in terms:
        said |= {name: row[name] for name in _TERMS if row[name] is not None}
    said["kind"] = said["kind"] or ("override" if basis["is_override"] else "consent")
    return {
        "basis_id": basis_id,
        **said,
        "expires_on": basis["expires_on"],
        "ended_at": ended_at,
        "in_force": in_time and (ended_at is None or on <= ended_at.date()),
    }


def _ended_at(said: Sequence[Row], basis: Row, scopes: Sequence[str]) -> datetime | None:
    """Return when a basis stopped permitting these scopes, by an event; None if none did."""
    name, granted = str(basis["basis_id"]), 0
    for row in said:
        summary = row["summary"]
        named = name in {summary.get("consent_id"), summary.get("override_id")}
        if named and row["event_type"] in {"ConsentGranted", "OverrideApproved"}:
            granted = row["place"]
        elif named or (granted and _refuses(row, basis, scopes)):
            ended: datetime = row["recorded_at"]
            return ended
    return None


def _refuses(row: Row, basis: Row, scopes: Sequence[str]) -> bool:
    """Say whether another event refuses what a consent permits; an override stays."""
    said = row["summary"]
    return (
        row["event_type"] == "ConsentRefused"
        and not basis["is_override"]
        and said["recipient"] == basis["recipient"]
        and not set(said["scopes"]).isdisjoint(scopes)
    )
