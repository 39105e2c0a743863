"""Who has which open cases now: what routing weighs, and people are shown as their workload."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row, tuple_row

from projections.generation import schema_of

#: Services that have a child of this country's, or have still to say whether they take her.
_LIVE = """
FROM {schema}.routings AS routing
JOIN {schema}.case_file AS file ON file.case_id = routing.case_id
WHERE routing.state IN ('asked', 'accepted')
    AND file.state = 'open' AND file.responsible = %(country)s
"""
_BY_RISK = f"""
SELECT routing.service, nullif(file.risk, 'UNKNOWN'), count(*)
{_LIVE} AND routing.service IS NOT NULL GROUP BY 1, 2
"""
_ROUTED = f"""
SELECT routing.case_id, routing.service, routing.organisation, routing.state, routing.leads,
    routing.answer_by
{_LIVE} ORDER BY routing.service NULLS FIRST, routing.case_id
"""
# What is done for a child stands in the plan that is followed; nothing of a draft is due.
_CASES = """
SELECT file.case_id, nullif(file.risk, 'UNKNOWN') AS risk, file.assignee,
    coalesce(due.open_items, 0) AS open_items, coalesce(due.overdue_items, 0) AS overdue_items
FROM {schema}.case_file AS file
LEFT JOIN (
    SELECT item.case_id, count(*) AS open_items,
        count(*) FILTER (WHERE item.due_at < %(now)s) AS overdue_items
    FROM {schema}.plan_items AS item
    JOIN {schema}.plans AS plan ON (plan.case_id, plan.plan_id) = (item.case_id, item.plan_id)
    WHERE item.state = 'open' AND plan.state = 'active' GROUP BY 1
) AS due ON due.case_id = file.case_id
WHERE file.state = 'open' AND file.responsible = %(country)s
"""


class Routed(NamedTuple):
    """A service, or the duty desk, that has a child or is asked to."""

    case_id: UUID
    #: None: the duty desk.
    service: str | None
    organisation: str | None
    state: str
    leads: bool
    answer_by: datetime | None


class OpenCase(NamedTuple):
    """A case that this country answers for, and what is due in its plan."""

    case_id: UUID
    #: None: nobody has named it.
    risk: str | None
    assignee: str | None
    open_items: int
    overdue_items: int


def live_by_risk(
    connection: Connection[Any], generation: int, country: str
) -> list[tuple[str, str | None, int]]:
    """Return how many cases of which risk each service has, or is asked to take."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        statement = _BY_RISK.format(schema=schema_of(generation))
        return cursor.execute(statement, {"country": country}).fetchall()


def routed(connection: Connection[Any], generation: int, country: str) -> list[Routed]:
    """Return the same one by one."""
    with connection.cursor(row_factory=class_row(Routed)) as cursor:
        statement = _ROUTED.format(schema=schema_of(generation))
        return cursor.execute(statement, {"country": country}).fetchall()


def open_cases(
    connection: Connection[Any], generation: int, country: str, now: datetime
) -> dict[UUID, OpenCase]:
    """Return every open case of a country, by its id."""
    with connection.cursor(row_factory=class_row(OpenCase)) as cursor:
        statement = _CASES.format(schema=schema_of(generation))
        rows = cursor.execute(statement, {"country": country, "now": now}).fetchall()
    return {one.case_id: one for one in rows}
