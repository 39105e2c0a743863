"""How much each organisation, each of its services and each caseworker has to do now.

What a case weighs says the pack in force (`[load]`), as it says it to routing: `load` here is the
number by which the rules choose among services.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from events.errors import Misconfigured
from ledger.rules.pack import Load
from node.place import Place
from node.reading import Reader
from node.ruling import rules_of
from projections.workload import OpenCase, Routed, open_cases, routed

Row = dict[str, Any]


def workload(found: Reader, where: Place, organisation: str | None = None) -> dict[str, list[Row]]:
    """Return the workload of every organisation, service and caseworker, or of one organisation.

    Its caseworkers are then those of the cases that it has taken on.
    """
    try:
        rules = rules_of(where)
        load, workers = rules.ruled.pack.load, {
            one.id: one.workers for one in rules.directory.services.values()
        }  # fmt: skip
    except Misconfigured:  # no rules are in force: cases weigh what a pack without a word says
        load, workers = Load(), {}
    asked = (found.connection, found.generation, found.country)
    cases = open_cases(*asked, datetime.now(UTC))
    there = [one for one in routed(*asked) if organisation in {None, one.organisation}]
    mine = None if organisation is None else {one.case_id for one in there if _has(one)}
    return weighed(cases, there, load, workers, mine)


def weighed(
    cases: Mapping[UUID, OpenCase],
    there: Sequence[Routed],
    load: Load,
    workers: Mapping[str, int],
    only: Collection[UUID] | None = None,
) -> dict[str, list[Row]]:
    """Return the workload that cases and routings make; of caseworkers only with `only` cases."""
    services = _grouped(there, lambda one: (one.service, one.organisation))
    organisations = _grouped(
        (one for one in there if one.organisation is not None), lambda one: one.organisation
    )
    by_worker: dict[str, list[OpenCase]] = {}
    for case in cases.values():
        if case.assignee is not None and (only is None or case.case_id in only):
            by_worker.setdefault(case.assignee, []).append(case)
    return {
        "organisations": [
            {"organisation": name, **_work(cases, rows, load)}
            for name, rows in sorted(organisations.items())
        ],
        "services": [
            {"service": service, "organisation": whose, **_work(cases, rows, load),
             "limit": load.limit * workers[service] if service in workers else None}
            for (service, whose), rows in services.items()
        ],
        "caseworkers": [
            {"caseworker": name, "cases": len(mine), **_weight(mine, load), **_items(mine)}
            for name, mine in sorted(by_worker.items())
        ],
    }  # fmt: skip


def _grouped(there: Iterable[Routed], key: Callable[[Routed], Any]) -> dict[Any, list[Routed]]:
    found: dict[Any, list[Routed]] = {}
    for one in there:
        found.setdefault(key(one), []).append(one)
    return found


def _has(one: Routed) -> bool:
    return one.state == "accepted"


def _work(cases: Mapping[UUID, OpenCase], rows: Sequence[Routed], load: Load) -> Row:
    """Each case counts once; what is due in its plan is for whoever leads the work."""
    asked = [one for one in rows if not _has(one)]
    all_of_them = [cases[one] for one in {row.case_id for row in rows}]
    led = [cases[one] for one in {row.case_id for row in rows if _has(row) and row.leads}]
    return {
        "cases": len({one.case_id for one in rows if _has(one)}),
        **_weight(all_of_them, load),
        "to_answer": len(asked),
        "answer_by": min((one.answer_by for one in asked if one.answer_by), default=None),
        **_items(led),
    }


def _weight(cases: Iterable[OpenCase], load: Load) -> Row:
    return {"load": sum(load.of(one.risk) for one in cases)}


def _items(cases: Sequence[OpenCase]) -> Row:
    return {
        "open_items": sum(one.open_items for one in cases),
        "overdue_items": sum(one.overdue_items for one in cases),
    }
