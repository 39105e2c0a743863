"""`ledger plan`: what is done for a child, by when; generated, agreed, and approved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from events.codes import Role
from node.cli import output
from node.cli.app import noun
from node.cli.deciding import ledger_of, verb
from node.cli.options import By, CountryOption, Dir, Json

app = noun("plan")

verb(app, "add", "add_item")
verb(app, "remove", "remove_item", role=Role.SUPERVISOR)
verb(app, "submit", "submit_plan")
verb(app, "approve", "approve_plan", role=Role.SUPERVISOR)
verb(app, "reject", "reject_plan", role=Role.SUPERVISOR)
verb(app, "finish", "finish_item")
verb(app, "review", "review_plan")
verb(app, "complete", "complete_plan", role=Role.SUPERVISOR)

CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="The case.")]
_COLUMNS = ("number", "state", "items", "open_items", "next_due_at", "review_by", "plan_id")


@app.command("list")
def _list(
    case_id: CaseArgument,
    *,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """List the versions of a child's plan, oldest first."""
    from node import place
    from node.planned import plans_of
    from node.reading import reader

    with reader(place.find(directory, country)) as found:
        listed = plans_of(found, output.uuid(case_id))
    if as_json:
        output.document({"case_id": case_id, "plans": listed})
        return
    if not listed:
        output.line("no plan yet: one is generated when an assessment is completed")
        return
    output.table(_COLUMNS, [[one[name] for name in _COLUMNS] for one in listed])


@app.command("show")
def _show(
    case_id: CaseArgument,
    *,
    version: Annotated[
        int | None, typer.Option(metavar="N", help="Which version; default: the newest.")
    ] = None,
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Show what a plan says, after recording who looks; each item names its rules."""
    plan = _opened(case_id, version, by, country, directory)
    if as_json:
        output.document({"case_id": case_id, **output.plain(plan)})
        return
    output.line(f"plan {plan.plan_id}, version {plan.number}, {plan.state}, by {plan.rules}")
    output.line(f"goals: {', '.join(plan.goals)}")
    columns = ("activity", "owner", "due_at", "mandatory", "state", "rules", "item")
    rows = [{**one, "rules": ", ".join(one["rules"]) or "-"} for one in plan.items]
    output.table(columns, [[row.get(name) for name in columns] for row in rows])
    if plan.left_out:
        names = ", ".join(one["activity"] for one in plan.left_out)
        output.line(f"more than anybody can keep up with, for a supervisor to choose from: {names}")
    if plan.not_wanted:
        output.line(f"she does not want: {', '.join(plan.not_wanted)}")
    if not plan.same_again:
        output.line("asked again, the rules give ANOTHER plan: look at the text")


@app.command("diff")
def _diff(
    case_id: CaseArgument,
    before: Annotated[int, typer.Argument(metavar="BEFORE", help="A version.")],
    after: Annotated[int, typer.Argument(metavar="AFTER", help="Another one.")],
    *,
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Say what one version of a plan changes of another, after recording who looks."""
    from ledger.rules.planning import differences

    old, new = (
        output.plain(_opened(case_id, number, by, country, directory)) for number in (before, after)
    )
    there = [[one for one in plan["items"] if one["state"] != "removed"] for plan in (old, new)]
    found = differences(*there)
    if as_json:
        output.document({"case_id": case_id, "differences": found})
    elif not found:
        output.line("they say the same")
    else:
        columns = ("activity", "change", "before", "after")
        output.table(columns, [[one.get(name) for name in columns] for one in found])


@app.command("print")
def _print(
    case_id: CaseArgument,
    *,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="A file that ends in .html or .pdf.")
    ],
    language: Annotated[
        str, typer.Option("--language", metavar="CODE", help="en, ru, kk or ky.")
    ] = "en",
    version: Annotated[
        int | None, typer.Option(metavar="N", help="Which version; default: the newest.")
    ] = None,
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
) -> None:
    """Print a plan for the child and whoever cares for her, after recording who does."""
    from node import place
    from node.plan_page.making import write

    plan = _opened(case_id, version, by, country, directory)
    where = place.find(directory, country)
    write(out, output.uuid(case_id), plan, language, where)
    output.say(f"{out}: version {plan.number}, {plan.state}")


def _opened(
    case_id: str, version: int | None, by: str | None, country: str | None, directory: Any
) -> Any:
    from node import place
    from node.planned import shown
    from node.reading import reader

    where = place.find(directory, country)
    with reader(where) as found, ledger_of(where) as ledger:
        return shown(found, ledger, where, by, output.uuid(case_id), version)
