"""`ledger governance`: what was done to the ledger itself, as the register says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli import output
from node.cli.app import noun
from node.cli.options import By, CountryOption, Dir, Json
from node.words import said

app = noun("governance")

_COLUMNS = ("position", "origin", "type", "recorded_at", "actor", "said")


@app.command("list")
def _list(
    *,
    kind: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Only events of this type.")
    ] = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """List schema releases, keys, retries, resolved alarms and rebuilds, each at its place.

    Those of other countries as far as they are shared: the schemas they write with.
    """
    from node import place
    from node.reading import reader
    from node.register import lines

    where = place.find(directory, country)
    with reader(where) as found:
        listed = [line.words() for line in lines(found, where.agreement)]
    listed = [line for line in listed if kind in {None, line["type"]}]
    if as_json:
        output.document({"governance": listed})
        return
    if not listed:
        output.line("nothing was done to the ledger itself")
        return
    rows = [[said(line[name]) if name == "said" else line[name] for name in _COLUMNS]
            for line in listed]  # fmt: skip
    output.table(_COLUMNS, rows)


@app.command("replace-key")
def _replace_key(
    note: Annotated[
        Path, typer.Argument(metavar="NOTE", help="What `ledger prepare succession` has written.")
    ],
    *,
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Let a key of the country's log give way to the next: recorded, shared, signed by both.

    The relay, or the sealer, has both key files by then and changes over at the very event. Before
    it, every country pins the new key beside the old one.
    """
    from events.errors import BadInput
    from node import acts, place

    where = place.find(directory, country)
    try:
        text = note.read_text()
    except (OSError, UnicodeDecodeError):
        raise BadInput(f"{note} cannot be read as a note") from None
    said = acts.replace_key(where, by, text)
    if as_json:
        output.document(said._asdict())
    else:
        output.line(f"{said.current} follows {said.retired}")


@app.callback()
def _governance() -> None:
    pass
