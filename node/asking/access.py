"""Who could see data about a child, who did, who broke the glass, and who reads a great deal.

Only pseudonyms, roles, scopes and ids: an answer about who accessed shows nothing of what was seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from statistics import median
from typing import Any
from uuid import UUID

from events.codes import DataScope
from ledger.case.access import REVIEW
from node.access import not_answered, who_could
from node.asking.bases import BasisThen, Standing
from node.asking.inquiry import Answer, Inquiry, Row
from projections.access_ledger import ACCESSED, BROKE_GLASS

_COULD = (
    *("country", "who", "state", "scopes", "basis_kind", "basis_id", "purpose", "in_force"),
    *("expires_on", "grant_id"),
)
_DID = (
    *("at", "actor_id", "actor_role", "actor_organisation", "scopes", "purpose", "door"),
    *("basis_id", "basis_state", "grant_state", "valid"),
)
_GLASS = (
    *("case_id", "at", "actor_id", "actor_role", "actor_organisation", "scopes", "until"),
    *("reads", "state", "reviewed_at", "reviewed_by", "upheld"),
)
_BULK = (
    *("day", "actor_id", "actor_role", "actor_organisation", "cases", "accesses", "exports"),
    *("doors", "outlier"),
)

#: Kind and door of a reading in an emergency.
_THROUGH = (ACCESSED, "break_glass")
# Days are of UTC, as everywhere an auditor asks by the day.
_PERSON_DAYS = """
SELECT (at AT TIME ZONE 'UTC')::date AS day, actor_id, actor_role, actor_organisation,
    count(DISTINCT case_id)::int AS cases, count(DISTINCT access_id)::int AS accesses,
    count(DISTINCT access_id) FILTER (WHERE door = 'export')::int AS exports,
    array_agg(DISTINCT door ORDER BY door) AS doors
FROM {schema}.access_ledger WHERE kind = %s
GROUP BY 1, 2, 3, 4 ORDER BY cases DESC, accesses DESC, day, actor_id, actor_role
"""


def could_see(
    inquiry: Inquiry, *, case_id: UUID, on: date | None = None, scope: DataScope | None = None
) -> Answer:
    """Return who could access data of a case on a day, and on which basis.

    `held`: nothing more was shared then, and what had been given was not destroyed yet.
    """
    day = on or inquiry.today
    said = who_could(inquiry.found, case_id, scope, day)
    own = said["own"]
    return Answer(
        columns=_COULD,
        rows=[*map(_abroad, said["countries"]), *_at_home(own)],
        facts={
            "on": day,
            "excluded": own["excluded"],
            "withheld_from": own["withheld_from"],
            "own_keys_destroyed_at": _own_end(inquiry, case_id, day),
        },
        not_answered=said["not_answered"],
    )


def _abroad(one: Row) -> Row:
    basis = one["basis"]
    return {
        "country": one["country"],
        "who": "focal point",
        "state": one["state"],
        "scopes": one["scopes"],
        "basis_kind": basis["kind"],
        "basis_id": basis["basis_id"],
        "purpose": basis["purpose"],
        "in_force": basis["in_force"],
        "expires_on": basis["expires_on"],
        "grant_id": one["grant_id"],
    }


def _at_home(own: Mapping[str, Any]) -> Iterator[Row]:
    """Yield who could in the country that is asked: by role, and by broken glass by person."""
    nothing: dict[str, Any] = dict.fromkeys(_COULD)
    if own["roles"]:
        state = "own_record" if own["own_record"] else "received"
        yield {**nothing, "country": own["country"], "who": own["roles"], "state": state}
    for one in own["broke_glass"]:
        who = {"who": one["actor_id"], "state": BROKE_GLASS, "scopes": one["scopes"]}
        yield {**nothing, "country": own["country"], **who}


def _own_end(inquiry: Inquiry, case_id: UUID, day: date) -> Any:
    """Return when this country last said that its own keys are destroyed; None if it has not."""
    said = inquiry.events("ErasureAttested", case_id=case_id)
    own = [one["recorded_at"] for one in said if one["origin"] == inquiry.country]
    return max((at for at in own if at.date() <= day), default=None)


def did_see(inquiry: Inquiry, *, case_id: UUID, on: date | None = None) -> Answer:
    """Return who did access it, what for, and whether the basis was valid at that instant.

    Judged by what this country had seen of the shared topic when it was shown, and by its own
    clock: `valid` is the permission, `grant_state` what the giving country had let go by then. A
    recipient may read what it holds until its sharing is stopped, or while it claims it.
    """
    inquiry.require_known(case_id)
    read = inquiry.of_case("access_ledger", case_id, "at, entry_id")
    shown = [one for one in read if one["kind"] == ACCESSED]
    if on is not None:
        shown = [one for one in shown if one["at"].date() == on]
    bases = BasisThen(inquiry, case_id)
    rows = [{**one, **_judged(one, bases.of(one))} for one in shown]
    return Answer(
        columns=_DID,
        rows=[{name: row[name] for name in _DID} for row in rows],
        facts={"accesses": len(rows), "not_valid": sum(not row["valid"] for row in rows)},
        not_answered=not_answered(inquiry.found, case_id),
    )


def _judged(row: Row, standing: Standing) -> Mapping[str, Any]:
    if row["door"] == "break_glass":
        standing = Standing("emergency", standing.grant_state, valid=True)
    return standing._asdict()


def break_glass(inquiry: Inquiry) -> Answer:
    """Return every emergency access, and what came of its review."""
    broken = inquiry.found.rows(
        "access_ledger", "WHERE kind = %s ORDER BY at, entry_id", BROKE_GLASS
    )
    reads: dict[tuple[UUID, str], list[Row]] = {}
    for read in inquiry.found.rows("access_ledger", "WHERE kind = %s AND door = %s", *_THROUGH):
        reads.setdefault((read["case_id"], read["actor_id"]), []).append(read)
    rows = []
    for one in broken:
        hers = reads.get((one["case_id"], one["actor_id"]), ())
        count = sum(one["at"] <= read["at"] < one["until"] for read in hers)
        rows.append({**one, "reads": count, "state": _review_state(one, inquiry)})
    states = [row["state"] for row in rows]
    return Answer(
        columns=_GLASS,
        rows=[{name: row[name] for name in _GLASS} for row in rows],
        facts={name: states.count(name) for name in ("reviewed", "waiting", "overdue")},
        not_answered=inquiry.others,
    )


def _review_state(glass: Row, inquiry: Inquiry) -> str:
    if glass["reviewed_at"] is not None:
        return "reviewed"
    return "overdue" if glass["at"] + REVIEW < inquiry.now else "waiting"


def bulk_reads(inquiry: Inquiry, *, least: int = 10, times: int = 5, every: bool = False) -> Answer:
    """Return who reads or exports the data of unusually many children.

    An outlier is one person on one day with at least `least` cases, and more than `times` the
    median of all persons' days. `every` lists all of them, else only outliers.
    """
    statement = _PERSON_DAYS.format(schema=inquiry.found.schema)
    cursor = inquiry.found.connection.execute(statement, (ACCESSED,))
    names = [column.name for column in cursor.description or ()]
    days = [dict(zip(names, row, strict=True)) for row in cursor]
    usual = median([day["cases"] for day in days]) if days else 0
    rows = [
        {**day, "outlier": day["cases"] >= least and day["cases"] > times * usual} for day in days
    ]
    return Answer(
        columns=_BULK,
        rows=[row for row in rows if every or row["outlier"]],
        facts={
            "person_days": len(rows),
            "median_cases": usual,
            "outliers": sum(row["outlier"] for row in rows),
            "rule": f"at least {least} cases on a day, and more than {times} times the median",
        },
        not_answered=inquiry.others,
    )
