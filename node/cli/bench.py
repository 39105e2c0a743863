"""`ledger bench`: this project measured against the tools it stands on."""

from __future__ import annotations

from typing import Annotated

import typer

from events.errors import Misconfigured
from node.cli.app import NOUNS

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(
    "bench",
    help=f"{NOUNS['bench']} One JSON line per figure. `ledger bench -- --help` says more.",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def _bench(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Which; default all.")
    ] = None,
) -> None:
    try:
        from bench.__main__ import main
    except ModuleNotFoundError:
        raise Misconfigured("the benchmarks live in the source tree, not in the wheel") from None
    raise typer.Exit(main(arguments or []))
