"""`ledger workload`: how much each organisation, service and caseworker has to do."""

from __future__ import annotations

from typing import Annotated

import typer

from node.cli import output
from node.cli.app import noun
from node.cli.options import CountryOption, Dir, Json

app = noun("workload")

_WORK = ("cases", "load", "to_answer", "answer_by", "open_items", "overdue_items")
_TABLES = (
    ("organisations", ("organisation", *_WORK)),
    ("services", ("service", "organisation", *_WORK, "limit")),
    ("caseworkers", ("caseworker", "cases", "load", "open_items", "overdue_items")),
)


@app.command("list")
def _list(
    *,
    organisation: Annotated[
        str | None,
        typer.Option("--organisation", metavar="ORGANISATION", help="Only this one's."),
    ] = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Count open cases, their weight by risk, questions to answer, and what is due in plans.

    `load` is what the rules weigh when they choose: cases taken on and asked for, as the pack's
    [load] says. What is due in a plan is counted with the service that leads.
    """
    from node import place
    from node.reading import reader
    from node.workload import workload

    where = place.find(directory, country)
    with reader(where) as found:
        said = workload(found, where, organisation)
    if as_json:
        output.document(said)
        return
    for name, columns in _TABLES:
        if said[name]:
            rows = [[one[column] for column in columns] for one in said[name]]
            if columns[0] == "service":
                rows = [[row[0] or "duty desk", *row[1:]] for row in rows]
            output.table(columns, rows)
    if not any(said.values()):
        output.line("nobody has anything to do: no case is open, or nobody was asked")


@app.callback()
def _workload() -> None:
    pass
