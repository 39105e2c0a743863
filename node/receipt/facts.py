"""What a receipt tells, as codes, ids and days: taken from the read models and nothing else.

What only a block would explain is left out: a refusal because a person is excluded, who took a
permission back, from whom data is withheld. A receipt may be read by the one it protects from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Self
from uuid import UUID

from events.codes import DataScope
from projections.access_ledger import ACCESSED, BROKE_GLASS, DENIED
from projections.coverage import ORIGIN

Row = Mapping[str, Any]
#: Read model -> its rows of one case.
Rows = Mapping[str, list[dict[str, Any]]]

#: Read models that a receipt is made of.
READ = (
    "case_file",
    "responsibility",
    "consents",
    "consent_terms",
    "referrals",
    "releases",
    "coverage",
    "access_ledger",
    "audit_trail",
)
#: The one reason for a refusal that says nothing about the child.
_BY_ROLE = "role"
#: Reasons that are told alike, as protection and no more: one of them accuses somebody.
_PROTECTING = frozenset({"imminent_risk_of_harm", "giver_is_alleged_perpetrator"})
_SHARED = "shared"
_EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """What a release rests on: a consent, or an override of which a second person approved."""

    basis_id: UUID
    origin: str
    recipient: str
    scopes: tuple[str, ...]
    until: date | None
    is_override: bool
    is_in_force: bool
    #: What only the country that recorded it knows; None elsewhere.
    kind: str | None
    purpose: str | None
    given_by: str | None
    #: Code of the list `override_reason`; None, too, if it was to protect the child.
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Keys of some kinds of data that one country gave another, and what became of them."""

    origin: str
    recipient: str
    scopes: tuple[str, ...]
    #: referral or transfer.
    handoff: str | None
    permission: Permission | None
    #: released, stopped, claimed, destroyed.
    state: str
    given_at: datetime | None
    stopped_at: datetime | None
    destroyed_at: datetime | None
    ground: str | None
    until: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A country with keys of its own, or that were given to it, and what it says of them."""

    country: str
    role: str
    #: holds, stopped, claimed, destroyed, attested, contradicted (projections/coverage.py).
    state: str
    ground: str | None = None
    until: date | None = None
    backups_expire_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Somebody in this country was shown data, opened it in an emergency, or was refused."""

    #: Year and month (UTC), such as 2026-11.
    month: str
    #: None on a receipt for anybody but a data-protection officer, like whatever else is finer.
    at: datetime | None
    #: A role; where there is no organisation, a group of roles.
    role: str
    organisation: str | None
    scopes: tuple[str, ...]
    purpose: str | None
    door: str | None
    until: datetime | None
    reviewed_month: str | None
    reviewed_at: datetime | None
    upheld: bool | None

    @classmethod
    def of(cls, row: Row) -> Self:
        """Return what a row of the access ledger says about it."""
        return cls(
            month=_month(row["at"]),
            at=row["at"],
            reviewed_month=None if row["reviewed_at"] is None else _month(row["reviewed_at"]),
            role=row["actor_role"],
            organisation=row["actor_organisation"],
            scopes=tuple(row["scopes"]),
            **{name: row[name] for name in ("purpose", "door", "until", "reviewed_at", "upheld")},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that a receipt tells about a case, as one country knows it."""

    case_id: UUID
    country: str
    #: Country that answers for the child, and since when.
    responsible: str | None
    since: datetime | None
    #: open, closed, joined.
    state: str
    given: tuple[Given, ...]
    #: Permissions in force under which nothing has been given.
    unused: tuple[Permission, ...]
    holders: tuple[Holder, ...]
    shown: tuple[Shown, ...]
    emergencies: tuple[Shown, ...]
    refused: tuple[Shown, ...]
    #: Other countries whose people may have been shown data, which only they know.
    unanswered: tuple[str, ...]
    #: Countries in which a permission may be taken back.
    parties: tuple[str, ...]


def facts(rows: Rows, country: str, on: date, *, printing: Collection[UUID] = ()) -> Facts:
    """Return what the rows of a case say on a day (UTC).

    `printing` are the events of this very receipt: it tells of them by itself.
    """
    (file,) = rows["case_file"]
    permissions = {one.basis_id: one for one in _permissions(rows, on)}
    used = {row["basis_id"] for row in rows["releases"]}
    holders = _holders(rows, file, country, on)
    now = next((row for row in rows["responsibility"] if row["until"] is None), None)
    return Facts(
        case_id=file["case_id"],
        country=country,
        responsible=file["responsible"],
        since=None if now is None else now["since"],
        state=file["state"],
        given=_given(rows, permissions, on),
        unused=tuple(
            one for one in permissions.values() if one.is_in_force and one.basis_id not in used
        ),
        holders=holders,
        shown=_shown(rows, ACCESSED, printing),
        emergencies=_shown(rows, BROKE_GLASS),
        refused=_shown(rows, DENIED),
        unanswered=tuple(sorted({one.country for one in holders} - {country})),
        parties=tuple(file["parties"]) or (country,),
    )


def _month(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m}"


def scopes_of(rows: Rows) -> tuple[DataScope, ...]:
    """Return the kinds of data that a receipt made of these rows talks about.

    One that can name none says that nobody has any: it talks about all of them.
    """
    tables = ("releases", "consents", "access_ledger")
    named = {scope for table in tables for row in rows[table] for scope in row["scopes"]}
    known = tuple(DataScope)[1:]
    return tuple(scope for scope in known if scope in named) or known


def _permissions(rows: Rows, on: date) -> Iterable[Permission]:
    """A consent that went along with a case stands on both topics; the shared one decides."""
    terms = {row["basis_id"]: row for row in rows["consent_terms"]}
    bases = sorted(rows["consents"], key=lambda row: row["topic"] == _SHARED)
    for row in {row["basis_id"]: row for row in bases}.values():
        if row["recipient"] is None or row["state"] == "refused":
            continue
        said = terms.get(row["basis_id"], {})
        until, reason = row["expires_on"], said.get("override_reason")
        yield Permission(
            basis_id=row["basis_id"],
            origin=row["origin"],
            recipient=row["recipient"],
            scopes=tuple(row["scopes"]),
            until=until,
            is_override=row["is_override"],
            is_in_force=row["state"] == "granted" and until is not None and on <= until,
            kind=said.get("kind"),
            purpose=said.get("purpose"),
            given_by=said.get("given_by"),
            reason=None if reason in _PROTECTING else reason,
        )


def _given(rows: Rows, permissions: Mapping[UUID, Permission], on: date) -> tuple[Given, ...]:
    kinds = {row["handoff_id"]: row["kind"] for row in rows["referrals"]}
    found = (
        Given(
            origin=row["origin"],
            recipient=row["recipient"],
            scopes=tuple(row["scopes"]),
            handoff=kinds.get(row["handoff_id"]),
            permission=permissions.get(row["basis_id"]),
            state=_state(row, on),
            given_at=row["released_at"],
            # A claim that was made before any stop dates none.
            stopped_at=None if row["state"] == "released" else row["ended_at"],
            destroyed_at=row["destroyed_at"],
            ground=row["ground"],
            until=row["until"],
        )
        for row in rows["releases"]
    )
    return tuple(sorted(found, key=lambda one: (one.given_at or _EARLIEST, one.recipient)))


def _state(row: Row, on: date) -> str:
    """After the day until which a country keeps data, it owes an answer like any other."""
    over = row["state"] == "claimed" and row["until"] < on
    return "stopped" if over else str(row["state"])


def _holders(rows: Rows, file: Row, country: str, on: date) -> tuple[Holder, ...]:
    names = ("country", "role", "ground", "until", "backups_expire_on")
    board = [
        Holder(**{name: row[name] for name in names}, state=_state(row, on))
        for row in rows["coverage"]
    ]
    if board or file["is_shared"]:
        return tuple(sorted(board, key=lambda one: (one.role, one.country)))
    # A case that never crossed a border has no board: its one country erases it, or holds it.
    said = [
        row["summary"]
        for row in rows["audit_trail"]
        if row["event_type"] == "ErasureAttested" and row["effective"]
    ]
    if not said:
        return (Holder(country=country, role=ORIGIN, state="holds"),)
    gone = date.fromisoformat(said[-1]["backups_expire_on"])
    return (Holder(country=country, role=ORIGIN, state="attested", backups_expire_on=gone),)


def _shown(rows: Rows, kind: str, but: Collection[UUID] = ()) -> tuple[Shown, ...]:
    found = [
        Shown.of(row)
        for row in rows["access_ledger"]
        if row["kind"] == kind and row["entry_id"] not in but and row["rule"] in {None, _BY_ROLE}
    ]
    return tuple(sorted(found, key=lambda one: one.at or _EARLIEST))
