"""`ledger case`: a child's matter, known by a pseudonym."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from events.codes import NeutralStatus, Role
from node.cli import output
from node.cli.app import noun
from node.cli.deciding import verb
from node.cli.options import AsOf, CountryOption, Dir, Json

app = noun("case")

CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="The case.")]
_PARTS = (
    "consents",
    "handoffs",
    "responsibility",
    "grants",
    "coverage",
    "blocks",
    "tasks",
    "pending",
)
#: Public one-time keys are for keystores, moments for auditors; a screen is not wide enough.
_NOT_TABLED = frozenset({"preview_key", "key", "began_at", "answered_at", "ended_at"})
#: So many cases fit on a few screens; more have to be asked for.
_PAGE = 50

verb(app, "open", "open_case")


@app.command("show")
def _show(
    case_id: CaseArgument,
    *,
    as_of: AsOf = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Show what this country knows of a case now, and what it has decided that still waits."""
    from node import place
    from node.cases import file_of
    from node.covering import standing
    from node.past import PastReader, file_then, looking

    case, where = output.uuid(case_id), place.find(directory, country)
    with looking(where, case, as_of) as found:
        file = file_then(found) if isinstance(found, PastReader) else file_of(found, case)
        file |= standing(found, where.agreement, case)
    if as_json:
        output.document(file)
        return
    output.moment(file.get("as_of"))
    plain = {name: value for name, value in file.items() if name not in {*_PARTS, "as_of"}}
    output.table(("", ""), plain.items())
    for name in _PARTS:
        if file.get(name):
            columns = tuple(one for one in file[name][0] if one not in _NOT_TABLED)
            rows = [[row[one] for one in columns] for row in file[name]]
            output.table(columns, rows, title=name)


@app.command("list")
def _list(
    *,
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help="Only open, closed or joined ones.")
    ] = None,
    responsible: Annotated[
        str | None, typer.Option(metavar="COUNTRY", help="Only cases this country answers for.")
    ] = None,
    after: Annotated[str | None, typer.Option(metavar="CASE", help="Go on after this one.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="How many at most.")] = _PAGE,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """List the cases this country knows, in the order of their ids."""
    from node import place
    from node.cases import files
    from node.reading import reader

    start = output.uuid(after) if after else None
    with reader(place.find(directory, country)) as found:
        cases = files(found, state=state, responsible=responsible, after=start, limit=limit)
    if as_json:
        output.document({"cases": cases, "next_after": cases[-1]["case_id"] if cases else None})
        return
    columns = (
        "case_id",
        "state",
        "responsible",
        "status",
        "is_shared",
        "open_handoffs",
        "assignee",
    )
    output.table(columns, [[row[name] for name in columns] for row in cases])
    if len(cases) == limit:
        output.say(f"there may be more: --after {cases[-1]['case_id']}")


@app.command("history")
def _history(
    case_id: CaseArgument,
    *,
    as_of: AsOf = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Tell everything that was recorded about a case, effective or void, each at its place."""
    from node import place
    from node.cases import history_of
    from node.covering import marked
    from node.past import PastReader, history_then, looking

    case, where = output.uuid(case_id), place.find(directory, country)
    said: dict[str, Any] = {"case_id": case}
    with looking(where, case, as_of) as found:
        if isinstance(found, PastReader):
            said["as_of"], events = found.describes(), history_then(found)
        else:
            events = history_of(found, case)
        events = marked(found, where.agreement, case, events)
    if as_json:
        output.document({**said, "events": events})
        return
    output.moment(said.get("as_of"))
    columns = ("position", "event", "by", "recorded_at", "state", "says")
    output.table(columns, [[row[name] for name in columns] for row in events])
    if waiting := sum(row["provisional"] for row in events):
        output.line(f"{waiting} of them are provisional: no other country has cosigned them yet")


verb(
    app,
    "ready",
    "change_status",
    preset={"status": NeutralStatus.READY},
    summary="Say that the case may be handed over.",
)
verb(
    app,
    "not-ready",
    "change_status",
    preset={"status": NeutralStatus.NOT_READY},
    summary="Say that the case may not be handed over; never why. Stops open transfers.",
)
verb(app, "missing", "report_missing")
verb(app, "found", "report_found")
verb(app, "search", "extend_search", role=Role.SUPERVISOR)
verb(app, "correct", "correct_record")
verb(app, "join", "join_case", role=Role.SUPERVISOR, waits=True)
verb(app, "request-closure", "request_closure")
verb(
    app,
    "close",
    "close_case",
    role=Role.SUPERVISOR,
    summary="Close a case. Another person asked for it before, and nothing is open.",
)
verb(app, "reject-closure", "reject_closure", role=Role.SUPERVISOR)
verb(app, "reopen", "reopen_case", role=Role.SUPERVISOR)
