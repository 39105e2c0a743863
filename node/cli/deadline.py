"""`ledger deadline`: by when something has to be there for a child, and what came of it."""

from __future__ import annotations

from typing import Annotated

import typer

from node.cli import output
from node.cli.app import noun
from node.cli.deciding import ledger_of
from node.cli.options import By, CountryOption, Dir, Json

app = noun("deadline")

_COLUMNS = ("due_at", "step", "state", "breached_at", "told", "case_id", "subject")


@app.command("list")
def _list(
    case_id: Annotated[
        str | None, typer.Argument(metavar="[CASE]", help="The case; default: all that go on.")
    ] = None,
    *,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what is over.")] = False,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """List what has to be there by when; of one case also what was, and whether in time."""
    from node import place
    from node.due import deadlines_of
    from node.reading import reader

    which = None if case_id is None else output.uuid(case_id)
    with reader(place.find(directory, country)) as found:
        listed = deadlines_of(found, which, overdue=overdue)
    if as_json:
        output.document({"deadlines": listed})
        return
    if not listed:
        output.line("no deadline: no rules are in force, or nothing is missing")
        return
    output.table(_COLUMNS, [[one[name] for name in _COLUMNS] for one in listed])


@app.command("explain")
def _explain(
    case_id: Annotated[str, typer.Argument(metavar="CASE", help="The case.")],
    *,
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Show by which rules the deadlines of a child were set; who looks is recorded first."""
    from node import place
    from node.due import explain
    from node.reading import reader

    where = place.find(directory, country)
    with reader(where) as found, ledger_of(where) as ledger:
        why = explain(found, ledger, where, by, output.uuid(case_id))
    if as_json:
        output.document({"case_id": case_id, **output.plain(why)})
        return
    output.line(f"{why.recorded_at:%Y-%m-%d %H:%M} UTC, by {why.said['rules']}")
    columns = ("step", "begins_at", "due_at", "rules")
    rows = [{**one, "rules": ", ".join(one["rules"])} for one in why.said["due"]]
    output.table(columns, [[row[name] for name in columns] for row in rows])
    same = "the same deadlines" if why.same_again else "OTHER deadlines: look at both texts"
    output.line(f"asked again, these rules give {same}")
