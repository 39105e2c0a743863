"""`ledger log`: the signed logs of events, as other programs read them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli import output
from node.cli.app import noun
from node.cli.options import CountryOption, Dir, Json

app = noun("log")


@app.callback()
def _log() -> None:
    pass


@app.command("export")
def _export(
    *,
    tiles: Annotated[
        Path, typer.Option("--tiles", metavar="DIR", help="An empty folder; one in it per log.")
    ],
    log: Annotated[
        str | None,
        typer.Option(
            "--log", metavar="LOG", help="Only this log; default every shared one that is begun."
        ),
    ] = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Write logs up to their newest cosigned checkpoint as plain files: C2SP tlog-tiles."""
    from node import place
    from node.evidence.proven import ProvenLog, has_entries
    from node.evidence.tiles import log_files, write_folder
    from node.reading import reader

    where = place.find(directory, country)
    agreement = where.agreement
    told = []
    with reader(where) as found:
        every = map(agreement.shared_log, agreement.countries)
        begun = (one for one in every if has_entries(found.connection, agreement, one))
        for name in [log] if log else begun:
            proven = ProvenLog.read(found.connection, agreement, name)
            many = write_folder(tiles, log_files(found.connection, proven))
            told.append({"log": name, "size": proven.newest.size, "files": many})
    if as_json:
        output.document({"folder": str(tiles), "logs": told})
        return
    for one in told:
        output.line(f"{tiles / str(one['log'])}: {one['size']} entries in {one['files']} files")
