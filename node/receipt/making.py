"""Making a receipt: it is recorded before anything of it is told, as an access to the case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from uuid_utils.compat import uuid7

from events.codes import DataScope, Purpose, Role
from events.errors import ServiceUnavailable
from events.stamp import Actor
from ledger.case.access import access_data
from node.place import Place
from node.reading import Reader, reader
from node.receipt.coarse import coarse, group_of
from node.receipt.facts import READ, Facts, Rows, facts, scopes_of
from node.receipt.page import Printing

if TYPE_CHECKING:
    from ledger.service import Ledger

#: How this way in is called in the access ledger.
DOOR = "receipt"
#: It tells whoever asks about the child's case; none of the sealed data is opened.
_PURPOSE = Purpose.CASE_MANAGEMENT
#: It is recorded even if others decide on the case at the same moment.
_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Made:
    """A receipt that was recorded and may be shown."""

    facts: Facts
    printing: Printing


def make(where: Place, ledger: Ledger, case_id: UUID, *, by: Actor, patience_s: float) -> Made:
    """Record that somebody is told who has the child's data, then read it.

    The record is waited for: what happened in the case before it is in the read models then, and
    on the receipt. AccessRefused, which is recorded, too; CaseUnknown; ServiceUnavailable if the
    record is still pending after `patience_s` seconds.
    """
    recorded: set[DataScope] = set()
    accesses: list[UUID] = []
    while True:
        with reader(where) as found:
            rows = _rows(found, case_id)
        missing = tuple(scope for scope in scopes_of(rows) if scope not in recorded)
        if accesses and not missing:
            return _made(where, rows, accesses, by)
        # Again only if another kind of data came up while the record was waited for.
        accesses += _record(ledger, case_id, by, missing, patience_s)
        recorded.update(missing)


def _record(
    ledger: Ledger, case_id: UUID, by: Actor, scopes: tuple[DataScope, ...], patience_s: float
) -> list[UUID]:
    """Return the events that record it: one, and one more for each permission it rests on."""
    door = ledger.on(case_id, by=by, retries=_ATTEMPTS)
    receipt = door.decide(
        access_data, access_id=uuid7(), scopes=scopes, purpose=_PURPOSE, door=DOOR
    )
    receipt = ledger.outcome(receipt, patience_s)
    if not receipt.settled:
        raise ServiceUnavailable(
            f"case {case_id}: the access is recorded, and still pending after {patience_s:.0f} s;"
            " nothing is shown: try again",
            rule="pending",
        )
    receipt.require_effective()
    return [one.event_id for one in receipt.events]


def _rows(found: Reader, case_id: UUID) -> Rows:
    return {table: found.rows(table, "WHERE case_id = %s", case_id) for table in READ}


def _made(where: Place, rows: Rows, accesses: list[UUID], by: Actor) -> Made:
    told = facts(rows, where.country, datetime.now(UTC).date(), printing=accesses)
    own = next(row for row in rows["access_ledger"] if row["entry_id"] == accesses[-1])
    # Only whose office it is to follow each access gets to know where and when it was.
    is_full = by.role == Role.DATA_PROTECTION_OFFICER
    return Made(
        told if is_full else coarse(told),
        Printing(
            at=own["at"],
            role=own["actor_role"] if is_full else group_of(own["actor_role"]),
            organisation=own["actor_organisation"] if is_full else None,
            zone=zone_of(where.agreement.countries[where.country].zone),
        ),
    )


def zone_of(name: str) -> ZoneInfo:
    """Return a zone by the rules that this release came with; the machine's may be older."""
    path = files("tzdata").joinpath("zoneinfo", *name.split("/"))
    with path.open("rb") as file:
        return ZoneInfo.from_file(file, key=name)
