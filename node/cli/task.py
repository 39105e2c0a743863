"""`ledger task`: what this country's people have to look at."""

from __future__ import annotations

from typing import Annotated

import typer

from events.errors import CodeUnknown
from node.cli import output
from node.cli.app import noun
from node.cli.options import CountryOption, Dir, Json

app = noun("task")

_COLUMNS = ("due_at", "kind", "case_id", "subject", "opened_at", "event_type")


@app.command("list")
def _list(
    *,
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="KIND", help="Only tasks of this kind.")
    ] = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """List the open tasks of every case, what is due first."""
    from node import place
    from node.reading import reader
    from node.tasks import open_tasks
    from projections.task_rows import KINDS

    if kind is not None and kind not in KINDS:
        raise CodeUnknown(f"kinds of tasks are {', '.join(sorted(KINDS))}", rule="task_kind")
    with reader(place.find(directory, country)) as found:
        tasks = open_tasks(found, kind)
    if as_json:
        output.document({"tasks": tasks})
        return
    if not tasks:
        output.line("no task is open")
        return
    output.table(_COLUMNS, [[task[name] for name in _COLUMNS] for task in tasks])


@app.callback()
def _task() -> None:
    pass
