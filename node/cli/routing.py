"""`ledger routing`: which services a child has, why, and what they answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from events.codes import Role
from node.cli import output
from node.cli.app import noun
from node.cli.deciding import ledger_of, show, verb
from node.cli.options import By, CountryOption, Dir, Json

app = noun("routing")

verb(app, "accept", "accept_routing", role=Role.CASEWORKER)
verb(app, "decline", "decline_routing", role=Role.CASEWORKER)
verb(app, "end", "end_routing")

CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="The case.")]
_COLUMNS = ("routing_id", "service", "leads", "state", "answer_by", "contact_by", "ladder")


@app.command("list")
def _list(
    case_id: CaseArgument,
    *,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """List the services that were asked to work with a child, and what they said."""
    from node import place
    from node.reading import reader
    from node.routes import routings_of

    with reader(place.find(directory, country)) as found:
        listed = routings_of(found, output.uuid(case_id))
    if as_json:
        output.document({"case_id": case_id, "routings": listed})
        return
    if not listed:
        output.line("nobody was asked: no rules are in force, or the case was not directed yet")
        return
    rows = [[one[name] for name in _COLUMNS] for one in listed]
    output.table(_COLUMNS, [[*row[:1], row[1] or "duty desk", *row[2:]] for row in rows])


@app.command("explain")
def _explain(
    case_id: CaseArgument,
    *,
    decision: Annotated[
        int | None, typer.Option(metavar="N", help="The N-th decision; default: the newest.")
    ] = None,
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Show by which rules a child was directed, who was looked at, and why not to others.

    It is data about her: who looks is recorded first. The same rules are asked about the same facts
    once more, and it is told whether they answer the same.
    """
    from node import place
    from node.reading import reader
    from node.routes import explain

    where = place.find(directory, country)
    with reader(where) as found, ledger_of(where) as ledger:
        why = explain(found, ledger, where, by, output.uuid(case_id), decision)
    if as_json:
        output.document({"case_id": case_id, **output.plain(why)})
        return
    output.line(f"{why.recorded_at:%Y-%m-%d %H:%M} UTC, event {why.event_id}")
    if why.said is None:
        output.line("a person chose; why stands in `ledger data read --about` of this event")
        return
    _tell(why.said)
    same = "the same answer" if why.same_again else "ANOTHER ANSWER: look at both texts"
    output.line(f"asked again, these rules give {same}")


def _tell(said: dict[str, Any]) -> None:
    output.line(f"rules {said['rules']}")
    output.line(f"directory {said['directory']}")
    facts = ", ".join(f"{name} {value}" for name, value in said["facts"].items())
    output.line(f"facts: {facts}")
    columns = ("rule", "specialist", "leads", "service", "looked at")
    output.table(
        columns,
        [
            [
                one["rule"],
                one["specialist"],
                one["leads"],
                one["service"] or "duty desk",
                "; ".join(one["candidates"]),
            ]
            for one in said["needs"]
        ],
    )


@app.command("override")
def _override(
    case_id: CaseArgument,
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="Its id in the directory.")],
    *,
    data: Annotated[
        Path,
        typer.Option(
            "--data", metavar="FILE", help="Why, as JSON: narrative -> {field: value}; sealed."
        ),
    ],
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Let another service lead than the rules chose; a supervisor does, and says why."""
    from events.errors import BadInput
    from ledger.case.personal import PersonalData
    from node import place
    from node.routes import override

    try:
        why = PersonalData.parse(data.read_text())
    except (OSError, UnicodeDecodeError):
        raise BadInput("--data names a file that can be read") from None
    where = place.find(directory, country)
    with ledger_of(where) as ledger:
        receipt = override(ledger, where, by, output.uuid(case_id), service, why)
    show(receipt, as_json=as_json)
