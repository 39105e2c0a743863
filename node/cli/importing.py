"""`ledger import FILE`: decisions from the rows of a CSV or JSON Lines file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from events.codes import Role
from node.cli import output
from node.cli.app import NOUNS
from node.cli.options import By, CountryOption, Dir, Json

if TYPE_CHECKING:
    from node.importing.run import Summary

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command("import", help=NOUNS["import"])
def _import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with a header, or JSON Lines.")],
    *,
    mapping: Annotated[
        Path | None,
        typer.Option(metavar="TOML", help="What becomes of each column; default: its own words."),
    ] = None,
    rejects: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Rows that were refused; default FILE.rejects.jsonl."),
    ] = None,
    country: CountryOption = None,
    by: By = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    from node import place
    from node.cli.deciding import ledger_of
    from node.importing import mapping as mappings
    from node.importing.rows import Source
    from node.importing.run import Import

    where = place.find(directory, country)
    source = Source(file)
    source.digest()  # says what is wrong with the file before anything else does
    columns = source.columns()
    mapped = mappings.load(mapping, columns) if mapping else mappings.of_words(columns)
    actor = place.actor(by, where=where, role=Role.FOCAL_POINT)
    refused = rejects or file.with_name(f"{file.name}.rejects.jsonl")
    with output.progress("rows") as advanced, ledger_of(where) as ledger:
        summary = Import(source, mapped, actor, refused, advanced).into(ledger)
    if as_json:
        output.document(summary)
    else:
        _tell(summary)


def _tell(summary: Summary) -> None:
    output.table(
        ("rows", "imported", "repeated", "rejected", "passed over", "cases", "events"),
        [
            (
                summary.rows,
                summary.imported,
                summary.repeated,
                summary.rejected,
                summary.passed_over,
                summary.cases,
                summary.events.total(),
            )
        ],
    )
    for name, count in sorted(summary.events.items()):
        output.line(f"  {name:24} {count:>6}")
    if summary.withheld:
        output.say(
            f"withheld, because nothing personal is recorded before it can be sealed:"
            f" {', '.join(summary.withheld)}"
        )
    if summary.rejects:
        output.say(f"why rows were rejected: {summary.rejects}")
