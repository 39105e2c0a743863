"""`ledger task`: what this country's people have to look at."""

from __future__ import annotations

from typing import Annotated

import typer

from events.errors import CodeUnknown
from node.cli import output
from node.cli.app import noun
from node.cli.options import CountryOption, Dir, Json

app = noun("task")

Kind = Annotated[
    str | None, typer.Option("--kind", metavar="KIND", help="Only tasks of this kind.")
]
ForRole = Annotated[
    str | None, typer.Option("--role", metavar="ROLE", help="Only what is for this role.")
]
ForOrganisation = Annotated[
    str | None,
    typer.Option(
        "--organisation",
        metavar="ORGANISATION",
        help="Only what waits for it, or for nobody else in a case on which it works.",
    ),
]
Today = Annotated[
    bool,
    typer.Option("--today", help="What is overdue, due today, and due in the six days after."),
]
_COLUMNS = ("due_at", "kind", "case_id", "subject", "opened_at", "organisation", "not_by")


@app.command("list")
def _list(
    *,
    kind: Kind = None,
    role: ForRole = None,
    organisation: ForOrganisation = None,
    today: Today = False,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """List the open tasks, what is due first; of a role, of an organisation, for today."""
    from events.codes import Role
    from node import place
    from node.arguments import code
    from node.duties import to_do
    from projections.task_rows import KINDS

    if kind is not None and kind not in KINDS:
        raise CodeUnknown(f"kinds of tasks are {', '.join(sorted(KINDS))}", rule="task_kind")
    wanted = None if role is None else code(role, Role, name="--role")
    where = place.find(directory, country)
    tasks = to_do(where, kind=kind, role=wanted, organisation=organisation, only_today=today)
    if as_json:
        output.document({"tasks": tasks})
        return
    if not tasks:
        output.line("nothing has to be done" if today else "no task is open")
        return
    columns = ("when", *_COLUMNS) if today else _COLUMNS
    output.table(columns, [[task[name] for name in columns] for task in tasks])


@app.callback()
def _task() -> None:
    pass
