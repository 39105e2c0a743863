"""`ledger statistics`: figures of a closed quarter, small ones withheld; never a list of cases."""

from __future__ import annotations

import csv
import io
from typing import Annotated, Any

import typer

from node.cli import output
from node.cli.app import noun
from node.cli.options import CountryOption, Dir, Json

app = noun("statistics")

_HEADER = ("country", "quarter", "table", "row", "column", "value")


@app.command("show")
def _show(
    quarter: Annotated[
        str, typer.Argument(metavar="QUARTER", help="A quarter that is over, such as 2026Q3.")
    ],
    *,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="One figure a line; a withheld one is empty.")
    ] = False,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Tell the figures of a quarter that is over in this country: the same whenever it is asked.

    Figures under five are withheld, and with them as many others as it takes that nobody can work
    them out.
    """
    from datetime import UTC, datetime

    from events.errors import BadInput
    from node import place
    from node.reading import reader
    from node.statistics.quarter import Quarter
    from node.statistics.telling import statistics

    if as_csv and as_json:
        raise BadInput("--csv or --json, not both", rule="usage")
    where = place.find(directory, country)
    asked = Quarter.parse(quarter, where.agreement.countries[where.country].zone)
    asked.require_closed(datetime.now(UTC))
    with reader(where) as found:
        said = statistics(found, asked, datetime.now(UTC))
    if as_json:
        output.document(said)
    elif as_csv:
        output.page(_csv(said))
    else:
        _tell(said)


def _csv(said: dict[str, Any]) -> str:
    from node.statistics.telling import flat

    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(_HEADER)
    lines.writerows(flat(said))
    return text.getvalue()


def _tell(said: dict[str, Any]) -> None:
    from node.statistics.telling import shown

    span = f"from {said['from']}, before {said['before']} ({said['zone']})"
    output.line(f"{said['country']} {said['quarter']}: {span}")
    for table in said["tables"]:
        output.line(f"{table['name']}: {table['words']}")
        columns = table["columns"]
        rows = [[row["row"], *shown(row[name] for name in columns)] for row in table["rows"]]
        output.table(("row", *columns), rows)
    output.line("measures")
    rows = [[name, *shown([value])] for name, value in said["measures"].items()]
    output.table(("measure", "value"), rows)
    output.line(f"{said['withheld']} figures are withheld: fewer than {said['least_told']}, or what"
                " would give one away")  # fmt: skip


@app.callback()
def _statistics() -> None:
    pass
