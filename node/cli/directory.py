"""`ledger directory`: whom children can be sent to today."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from node.cli import output
from node.cli.app import noun
from node.cli.options import CountryOption, Dir, Json

app = noun("directory")

_COLUMNS = ("service", "organisation", "today", "why_not", "load", "places", "paused_until")


@app.command("list")
def _list(
    *,
    specialist: Annotated[
        str | None,
        typer.Option("--specialist", metavar="CODE", help="Only who can be that specialist."),
    ] = None,
    area: Annotated[
        str | None,
        typer.Option("--area", metavar="AREA", help="Only who serves all of it: KZ/almaty."),
    ] = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Say of every service whether it can be given a child today, and what speaks against it.

    It is what the rules ask before they look at a child: papers, guidelines, places, pauses.
    `some`: by some routes of the pack only.
    """
    from events.code_lists import code_list
    from node import place
    from node.directory import directory_today
    from node.reading import reader

    if specialist is not None:
        code_list("specialist").require(specialist)
    where = place.find(directory, country)
    with reader(where) as found:
        listed = directory_today(found, where, specialist=specialist, area=area)
    if as_json:
        output.document({"services": listed})
        return
    output.table(_COLUMNS, [[_shown(one[name]) for name in _COLUMNS] for one in listed])


def _shown(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, tuple) else value


@app.callback()
def _directory() -> None:
    pass
