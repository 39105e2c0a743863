"""`ledger audit ask`: the questions of an auditor, each a verb of its own, named in his words."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any

import typer

from events.codes import DataScope
from events.errors import BadInput
from node.asking.inquiry import Inquiry
from node.asking.questions import LATER, QUESTIONS, Question, ask
from node.cli import output
from node.cli.options import CountryOption, Dir, Json

app = typer.Typer(
    name="ask",
    help="Ask what an auditor asks; --list tells which questions there are.",
    rich_markup_mode=None,
    add_completion=False,
)

#: Words of the questions: metavar and help of each.
_TYPED: Mapping[str, tuple[str, str]] = {
    "case_id": ("CASE", "The case."),
    "event_id": ("EVENT", "The event, by its id."),
    "on": ("DAY", "A day of UTC such as 2026-11-24; default: today, or any."),
    "at": ("INSTANT", "A moment such as 2026-11-24T12:00:00Z; default: now."),
    "scope": ("SCOPE", "Only this kind of data; default: any."),
    "to": ("COUNTRY", "Only what went to this country; default: to any."),
    "least": ("N", "From so many cases on one day."),
    "times": ("N", "More than so many times the median."),
    "days": ("N", "For more than so many days."),
    "by": (
        "ROLE:PSEUDONYM@ORG",
        "Who asks about her facts; recorded. Without it they stay closed.",
    ),
    "every": ("", "List every person's day, not only outliers."),
}
_POSITIONAL = ("case_id", "event_id")


@app.callback(invoke_without_command=True)
def _ask(
    context: typer.Context,
    *,
    lists: Annotated[
        bool, typer.Option("--list", help="Tell which questions are answered, and which are not.")
    ] = False,
    as_json: Json = False,
) -> None:
    if context.invoked_subcommand is not None:
        return
    if not lists:
        raise BadInput("which question? `ledger audit ask --list` tells their names", rule="usage")
    rows = listed()
    if as_json:
        output.document({"questions": rows})
        return
    columns = ("number", "name", "words", "comes_with")
    output.table(columns, [[row[name] for name in columns] for row in rows])


def listed() -> list[dict[str, Any]]:
    """Return every question in the order of its number: answered here, or with which part."""
    rows = [
        {"number": one.number, "name": one.name, "words": one.words, "comes_with": None}
        for one in QUESTIONS
    ]
    rows += [
        {"number": number, "name": None, "words": words, "comes_with": part}
        for number, (words, part) in LATER.items()
    ]
    return sorted(rows, key=lambda row: (row["number"] is None, row["number"]))


def _add(question: Question) -> None:
    """Add the verb of a question; its arguments are those of the function that answers it."""

    def run(**typed: Any) -> None:
        where = {name: typed.pop(name) for name in ("directory", "country", "as_json")}
        arguments = {name: _parsed(name, value) for name, value in typed.items()}
        _answer(question, arguments, **where)

    parameters = [*(_parameter(question, name) for name in question.arguments), *_CONTEXT]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    app.command(
        question.name,
        help=f"{question.words}\n\n{question.notes}",
        short_help=question.words,
    )(run)


def _parameter(question: Question, name: str) -> inspect.Parameter:
    metavar, words = _TYPED[name]
    default = inspect.signature(question.ask).parameters[name].default
    kind: Any = str
    if isinstance(default, int):
        kind = type(default)
    info: Any
    if name in _POSITIONAL:
        info = typer.Argument(metavar=metavar, help=words)
    elif kind is bool:
        info = typer.Option(f"--{name}", help=words)
    elif kind is int:
        info = typer.Option(f"--{name}", metavar=metavar, min=1, help=words)
    else:
        info = typer.Option(f"--{name}", metavar=metavar, help=words)
    annotation = kind if name in question.required or kind is not str else kind | None
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[annotation, info],
    )


_CONTEXT = [
    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
    for name, kind, default in (
        ("country", CountryOption, None),
        ("directory", Dir, None),
        ("as_json", Json, False),
    )
]


def _parsed(name: str, typed: Any) -> Any:
    """Return an argument as it was meant; BadInput that names the option, never what was typed."""
    from node.arguments import code

    if typed is None or not isinstance(typed, str):
        return typed
    match name:
        case "case_id" | "event_id":
            return output.uuid(typed, _TYPED[name][0])
        case "scope":
            return code(typed, DataScope, name="--scope")
        case "on":
            return _day(typed)
        case "at":
            return _moment(typed)
        case "by":
            return typed
        case _:
            return typed.upper()


def _day(typed: str) -> date:
    try:
        return date.fromisoformat(typed)
    except ValueError:
        raise BadInput("--on has to be a day such as 2026-11-24") from None


def _moment(typed: str) -> datetime:
    try:
        moment = datetime.fromisoformat(typed)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadInput("--at has to be a moment with its zone, such as 2026-11-24T12:00:00Z")
    return moment


def _answer(
    question: Question, arguments: Mapping[str, Any], *, directory: Any, country: Any, as_json: bool
) -> None:
    from node import place
    from node.asking.desk import AtNode
    from node.reading import reader

    where = place.find(directory, country)
    with reader(where) as found:
        inquiry = Inquiry(
            found=found, agreement=where.agreement, now=datetime.now(UTC), desk=AtNode(where)
        )
        said = ask(question, inquiry, **arguments)
    output.document(said) if as_json else _tell(said)


def _tell(said: Mapping[str, Any]) -> None:
    output.line(said["words"])
    rows: Sequence[Mapping[str, Any]] = said["rows"]
    if rows:
        columns = said["columns"]
        output.table(columns, [[row[name] for name in columns] for row in rows])
    else:
        output.line("  nothing")
    for name, value in said["facts"].items():
        output.line(f"  {name.replace('_', ' ')}: {_fact(value)}")
    output.line(f"  rests on: {', '.join(said['rests_on']) or 'nothing: no place was read yet'}")
    if said["provisional"]:
        output.line(f"  {said['provisional']} of these events are provisional: not cosigned yet")
    for code in said["not_answered"]:
        output.line(f"{code} has not answered: its part stands in its own ledger")


def _fact(value: Any) -> str:
    """Return a fact on one line; what is itself a list of rows is counted, and told by --json."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list() | tuple() if value and isinstance(value[0], Mapping):
            return f"{len(value)} (see --json)"
        case list() | tuple():
            return ", ".join(map(str, output.plain(value))) or "none"
        case Mapping() if all(isinstance(one, int) for one in value.values()):
            return ", ".join(f"{name} {one}" for name, one in value.items()) or "none"
        case Mapping():
            return "see --json"
        case _:
            return str(output.plain(value))


for _question in QUESTIONS:
    _add(_question)
