"""`ledger duplicate`: two cases of one child, until one yields to the other."""

from __future__ import annotations

from typing import Annotated

import typer

from events.codes import Role
from node.cli import output
from node.cli.app import noun
from node.cli.deciding import ledger_of, verb
from node.cli.options import CountryOption, Dir, Json

app = noun("duplicate")

verb(app, "suspect", "suspect_duplicate")
verb(app, "confirm", "confirm_duplicate", role=Role.SUPERVISOR)
verb(app, "dismiss", "dismiss_duplicate", role=Role.SUPERVISOR)
verb(app, "reserve", "reserve_case", role=Role.SUPERVISOR)
verb(app, "part", "part_case", role=Role.SUPERVISOR)

_COLUMNS = ("suspicion_id", "state", "asked", "holder", "confirmed", "other_case_id", "opening")


@app.command("list")
def _list(
    case_id: Annotated[str, typer.Argument(metavar="CASE", help="The case.")],
    *,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """List what is suspected of a case, and what opens each commitment: for the other side only."""
    from node import place
    from node.doubles import duplicates_of

    with ledger_of(place.find(directory, country)) as ledger:
        found = duplicates_of(ledger.case(output.uuid(case_id)))
    if as_json:
        output.document({"case_id": case_id, "duplicates": found})
        return
    output.table(_COLUMNS, [[one[name] for name in _COLUMNS] for one in found])
