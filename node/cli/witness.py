"""`ledger witness run`: the program itself, as the supervisor and a container start it."""

from __future__ import annotations

import typer

from node.cli.app import noun
from node.cli.options import CountryOption, Dir

app = noun("witness")


@app.callback()
def _witness() -> None:
    pass


@app.command("run")
def _run(*, country: CountryOption = None, directory: Dir = None) -> None:
    """Run until told to stop; settings come from LEDGER_*, or from the folder of the nodes."""
    from node.place import settings_of
    from node.run_witness import main

    raise typer.Exit(main(**settings_of("witness", directory, country)))
