"""Who could see what about a child on a day, who did see it, and who holds keys of her case.

What happened in another country stands in that country's own ledger, so every answer names the
countries that this node cannot answer for. A day is a day of UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from events.codes import DataScope
from events.errors import CaseUnknown
from ledger.case.access import READING
from node.bases import basis_on
from node.reading import Reader
from projections.access_ledger import ACCESSED, BROKE_GLASS
from projections.coverage import GONE

Row = Mapping[str, Any]

#: By these events a country has a record of its own of the child.
_OWN_RECORD = """
WHERE case_id = %s AND origin = %s AND effective AND recorded_at < %s
    AND event_type IN ('CaseOpened', 'ResponsibilityMoved', 'PersonalDataRecorded') LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Day:
    """A day, as moments: what overlaps it was so on that day."""

    on: date

    @property
    def begin(self) -> datetime:
        """Its first moment."""
        return datetime.combine(self.on, time(), tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        return self.begin + timedelta(days=1)

    def meets(self, since: datetime, until: datetime | None) -> bool:
        """Say whether a span of time has a moment on this day."""
        return since < self.end and (until is None or until >= self.begin)


def who_could(found: Reader, case_id: UUID, scope: DataScope | None, on: date) -> dict[str, Any]:
    """Return who could see data of a case on a day, on which basis, and who did; CaseUnknown."""
    _require_known(found, case_id)
    day = Day(on)
    held = [one for one in releases_of(found, case_id) if _held(one, scope, day)]
    countries = [_could(found, case_id, one, day) for one in held]
    read = [one for one in _accesses(found, case_id, ACCESSED) if day.meets(one["at"], one["at"])]
    return {
        "case_id": case_id,
        "scope": scope,
        "on": on,
        "countries": countries,
        "own": _own(found, case_id, scope, day, held),
        "did_see": [one for one in read if _about(one, scope)],
        "not_answered": not_answered(found, case_id),
    }


def who_did(found: Reader, case_id: UUID) -> dict[str, Any]:
    """Return every access to data of a case in this country, granted or refused; CaseUnknown."""
    _require_known(found, case_id)
    return {
        "case_id": case_id,
        "country": found.country,
        "accesses": _accesses(found, case_id, None),
        "not_answered": not_answered(found, case_id),
    }


def not_answered(found: Reader, case_id: UUID) -> list[str]:
    """Return the countries that hold or held keys of a case and keep their own access ledger."""
    countries = {row["country"] for row in found.rows("coverage", _OF_CASE, case_id)}
    return sorted(countries - {found.country})


def coverage_of(found: Reader, case_id: UUID, today: date) -> dict[str, Any]:
    """Return the board of a case: who holds keys, who says they are gone; CaseUnknown.

    `complete` only when every country says so; an attestation is a statement, not a proof.
    `outstanding` owe an answer: to a stop, or since the day until which they claimed is over.
    """
    _require_known(found, case_id)
    board = holdings(found, case_id)
    owing = {
        row["country"]
        for row in board
        if row["outstanding"] or (row["state"] == "claimed" and row["until"] < today)
    }
    return {
        "case_id": case_id,
        "complete": bool(board) and all(row["state"] in GONE for row in board),
        "outstanding": sorted(owing),
        "board": board,
    }


def holdings(found: Reader, case_id: UUID) -> list[dict[str, Any]]:
    """Return the lines of the board: countries with keys of their own first."""
    return _plain(found.rows("coverage", f"{_OF_CASE} ORDER BY role, country", case_id))


def releases_of(found: Reader, case_id: UUID) -> list[dict[str, Any]]:
    """Return the grants of a case, the oldest first."""
    return _plain(found.rows("releases", f"{_OF_CASE} ORDER BY released_at, grant_id", case_id))


def grants_of(found: Reader, case_id: UUID) -> list[dict[str, Any]]:
    """Return the grants of a case that is known here; CaseUnknown."""
    _require_known(found, case_id)
    return releases_of(found, case_id)


def _require_known(found: Reader, case_id: UUID) -> None:
    if not found.rows("case_file", _OF_CASE, case_id):
        raise CaseUnknown(f"case {case_id} is not known here")


def _held(release: Row, scope: DataScope | None, day: Day) -> bool:
    """Say whether the recipient held keys of a grant on a day: stopping takes nothing back."""
    held = day.meets(release["released_at"], release["destroyed_at"])
    return held and _about(release, scope)


def _about(row: Row, scope: DataScope | None) -> bool:
    return scope is None or scope in row["scopes"]


def _could(found: Reader, case_id: UUID, release: Row, day: Day) -> dict[str, Any]:
    shared = day.meets(release["released_at"], release["ended_at"])
    return {
        "country": release["recipient"],
        "grant_id": release["grant_id"],
        "scopes": release["scopes"],
        "from": release["origin"],
        # held: nothing more was shared, and what had been given was not destroyed yet.
        "state": "shared" if shared else "held",
        "ground": release["ground"],
        "released_at": release["released_at"],
        "ended_at": release["ended_at"],
        "destroyed_at": release["destroyed_at"],
        "basis": basis_on(found, case_id, release, day.on),
    }


def _own(
    found: Reader, case_id: UUID, scope: DataScope | None, day: Day, held: Sequence[Row]
) -> dict[str, Any]:
    """Return who could see it in this country: by role, without whom is excluded."""
    record = found.rows("audit_trail", _OWN_RECORD, case_id, found.country, day.end)
    given = [one["grant_id"] for one in held if one["recipient"] == found.country]
    blocks = found.rows("blocks", _OF_CASE, case_id)
    terms = found.rows("consent_terms", _OF_CASE, case_id)
    glass = _accesses(found, case_id, BROKE_GLASS)
    return {
        "country": found.country,
        "own_record": bool(record),
        "grants": given,
        "roles": sorted(READING) if record or given else [],
        "broke_glass": [
            one for one in glass if day.meets(one["at"], one["until"]) and _about(one, scope)
        ],
        "excluded": _named(
            one["persons"] for one in blocks if day.meets(one["placed_at"], one["lifted_at"])
        ),
        "withheld_from": _named(one["withheld_from"] or () for one in terms),
    }


def _named(lists: Any) -> list[str]:
    return sorted({name for names in lists for name in names})


def _accesses(found: Reader, case_id: UUID, kind: str | None) -> list[dict[str, Any]]:
    rows = found.rows("access_ledger", f"{_OF_CASE} ORDER BY at, entry_id", case_id)
    return _plain(row for row in rows if kind is None or row["kind"] == kind)


def _plain(rows: Any) -> list[dict[str, Any]]:
    return [{name: row[name] for name in row if name not in _KEY} for row in rows]


_OF_CASE = "WHERE case_id = %s"
_KEY = frozenset({"case_id", "topic"})
