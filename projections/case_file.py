"""The case file: what this country knows of each case now, from both of its topics.

The only read model that needs both folds; it joins their states and folds nothing itself. Who
answers for the case is said by the shared plane as soon as there is one.
"""

from __future__ import annotations

from uuid import UUID

from ledger.case.plane import NONE, Plane
from projections.table import Row, Table, plain

TABLE = Table(
    name="case_file",
    columns={
        "case_id": "uuid NOT NULL",
        "state": "text NOT NULL",
        "responsible": "text",
        "status": "text NOT NULL",
        "missing": "bool NOT NULL",
        "opener": "text",
        "opened_on": "date",
        "parties": "text[] NOT NULL",
        "into_case_id": "uuid",
        "is_shared": "bool NOT NULL",
        "shared_with": "text",
        "assignee": "text",
        "guardians": "int4 NOT NULL",
        "risk_assessed": "bool NOT NULL",
        "risk": "text NOT NULL",
        "concerns": "int4 NOT NULL",
        "undirected": "bool NOT NULL",
        "monitored": "bool NOT NULL",
        "unreckoned": "bool NOT NULL",
        "views_heard": "bool NOT NULL",
        "closure_requested_by": "text",
        "open_handoffs": "int4 NOT NULL",
    },
    key=("case_id",),
)


def row(shared: Plane, national: Plane) -> Row:
    """Return the file of a case."""
    is_shared = shared.identity.state != NONE
    identity = shared.identity if is_shared else national.identity
    care = national.care
    asked = care.closure_requested == identity.closures + 1
    handoffs = (
        handoff
        for plane in (shared, national)
        for kind in (plane.referrals, plane.transfers)
        for handoff in kind.values()
    )
    return (
        shared.case_id,
        identity.state,
        _plain(identity.responsible),
        str(identity.status),
        identity.missing,
        identity.opener,
        identity.opened_on,
        [plain(party) for party in identity.parties],
        _into(shared, national),
        is_shared,
        _plain(care.shared_with),
        _plain(care.assignee),
        len(care.guardians),
        care.risk_assessed,
        str(care.risk),
        len(care.concerns),
        identity.state == "open" and (care.to_direct is not None or not care.is_led),
        care.monitored,
        care.to_reckon is not None,
        care.views_heard,
        _plain(care.closure_requested_by) if asked else None,
        sum(handoff.open for handoff in handoffs),
    )


def differs(before: Plane, after: Plane) -> bool:
    """Say whether anything that the file shows may have changed between two planes of a case."""
    return before.count == 0 or not (
        before.identity is after.identity
        and before.care is after.care
        and before.referrals is after.referrals
        and before.transfers is after.transfers
    )


def _into(shared: Plane, national: Plane) -> UUID | None:
    """Return the case that a joined one yields to, as far as this country knows which it is."""
    into = (shared if shared.identity.state != NONE else national).identity.into_case
    if into is None or into not in shared.suspicions:
        return into
    noted = national.care.duplicates.get(into)
    return None if noted is None else noted.other_case_id


def _plain(text: str | None) -> str | None:
    return None if text is None else plain(text)
