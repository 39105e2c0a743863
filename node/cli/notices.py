"""`ledger notices`: who was told that a task waits, who has seen it, and the program that tells."""

from __future__ import annotations

from typing import Annotated

import typer

from node.cli import output
from node.cli.app import noun
from node.cli.deciding import ledger_of, show
from node.cli.options import By, CountryOption, Dir, Json

app = noun("notices")

_COLUMNS = ("reference", "step", "desk", "told_at", "kind", "case_id")


@app.command("list")
def _list(
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Every notice of an open task, acknowledged or not.")
    ] = False,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """List the notices of tasks that are open and that nobody has acknowledged."""
    from node import place
    from node.noticed import notices_of
    from node.reading import reader

    with reader(place.find(directory, country)) as found:
        listed = notices_of(found, everything=everything)
    if as_json:
        output.document({"notices": listed})
        return
    if not listed:
        output.line("no notice waits for anybody")
        return
    columns = (*_COLUMNS, "reached", "acknowledged_by") if everything else _COLUMNS
    output.table(columns, [[one[name] for name in columns] for one in listed])


@app.command("acknowledge")
def _acknowledge(
    notice: Annotated[
        str, typer.Argument(metavar="NOTICE", help="Its reference in the message, or its id.")
    ],
    *,
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Say that you have seen that a task waits: nobody else is told of it. The task stays open."""
    from node import place
    from node.noticed import acknowledge
    from node.reading import reader

    where = place.find(directory, country)
    with reader(where) as found, ledger_of(where) as ledger:
        receipt = acknowledge(ledger, found, where, by, notice)
    show(receipt, as_json=as_json)


@app.command("run")
def _run(*, country: CountryOption = None, directory: Dir = None) -> None:
    """Run until told to stop; settings come from LEDGER_*, or from the folder of the nodes."""
    from node.place import settings_of
    from node.run_notices import main

    raise typer.Exit(main(**settings_of("notices", directory, country)))


@app.callback()
def _notices() -> None:
    pass
