"""`ledger access`: who could see what about a child, who did see it, and who holds keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from events.codes import DataScope, Role
from events.errors import BadInput
from node.cli import output
from node.cli.app import noun
from node.cli.deciding import verb
from node.cli.options import AsOf, By, CountryOption, Dir, Json

if TYPE_CHECKING:
    from node.reading import Reader

app = noun("access")

CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="The case.")]

verb(app, "break-glass", "break_glass")
verb(app, "review", "review_access", role=Role.SUPERVISOR)


@app.command("who")
def _who(
    case_id: CaseArgument,
    *,
    scope: Annotated[
        str | None, typer.Option(metavar="SCOPE", help="Only this kind of data; default: any.")
    ] = None,
    on: Annotated[
        str | None, typer.Option(metavar="DAY", help="A day of UTC; default: today.")
    ] = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Say who could see data of a case on a day, on which basis, and who did see it here."""
    from node.access import who_could
    from node.arguments import code

    case = output.uuid(case_id)
    wanted = None if scope is None else code(scope, DataScope, name="--scope")
    day = _today() if on is None else _day(on)
    said = _asked(directory, country, lambda found: who_could(found, case, wanted, day))
    if as_json:
        output.document(said)
        return
    basis = ("kind", "basis_id", "in_force")
    rows = [{**one, **{name: one["basis"][name] for name in basis}} for one in said["countries"]]
    columns = ("country", "state", "scopes", "grant_id", *basis)
    _table("could see, abroad" if rows else "nobody abroad could see it", rows, columns)
    own = said["own"]
    names = ("roles", "excluded", "withheld_from")
    output.table(("", ""), [(name, own[name]) for name in names], title=f"in {own['country']}")
    seen = [*own["broke_glass"], *said["did_see"]]
    _table("did see, or broke the glass" if seen else "nobody saw it here", seen, _ACCESS)
    _tell_not_answered(said)


@app.command("list")
def _list(
    case_id: CaseArgument,
    *,
    as_of: AsOf = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """List every access to data of a case in this country, granted, refused or past the rules."""
    from node import place
    from node.access import who_did
    from node.past import looking, moment_of

    case = output.uuid(case_id)
    with looking(place.find(directory, country), case, as_of) as found:
        said = {**moment_of(found), **who_did(found, case)}
    if as_json:
        output.document(said)
        return
    output.moment(said.get("as_of"))
    columns = ("kind", *_ACCESS, "rule", "reviewed_at", "upheld")
    _table(f"in {said['country']}", said["accesses"], columns)
    _tell_not_answered(said)


@app.command("coverage")
def _coverage(
    case_id: CaseArgument,
    *,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Show which countries hold keys of a case, and what each says has become of them."""
    from node.access import coverage_of

    case = output.uuid(case_id)
    said = _asked(directory, country, lambda found: coverage_of(found, case, _today()))
    if as_json:
        output.document(said)
        return
    columns = ("country", "role", "state", "grants", "outstanding", "ground", "until")
    _table("coverage", said["board"], (*columns, "backups_expire_on", "contradicted_by"))
    if said["complete"]:
        output.line("complete: every country says that its keys are destroyed (attested)")
    for code in said["outstanding"]:
        output.line(f"{code} owes an answer: destroy the keys, or claim them on a ground")


@app.command("releases")
def _releases(
    case_id: CaseArgument,
    *,
    as_of: AsOf = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """List which keys of a case one country gave another, on which basis, and what became of it."""
    from node import place
    from node.access import grants_of
    from node.past import looking, moment_of

    case = output.uuid(case_id)
    with looking(place.find(directory, country), case, as_of) as found:
        said, grants = moment_of(found), grants_of(found, case)
    if as_json:
        output.document({"case_id": case, **said, "releases": grants})
        return
    output.moment(said.get("as_of"))
    columns = ("grant_id", "origin", "recipient", "scopes", "epoch", "state", "basis_id")
    _table("releases", grants, (*columns, "released_at", "ended_at", "destroyed_at"))


@app.command("receipt")
def _receipt(
    case_id: CaseArgument,
    *,
    language: Annotated[
        str, typer.Option("--language", metavar="CODE", help="Language: en, ru, kk, ky.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="File for the page; else stdout.")
    ] = None,
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Make the page that tells a child who has her data and why; it is recorded first."""
    from node import place
    from node.cli.deciding import PATIENCE_S, ledger_of
    from node.receipt.making import make
    from node.receipt.page import page, write
    from node.receipt.texts import texts

    words, where = texts(language), place.find(directory, country)
    actor = place.actor(by, where=where, role=Role.CASEWORKER)
    with ledger_of(where) as ledger:
        made = make(where, ledger, output.uuid(case_id), by=actor, patience_s=PATIENCE_S)
    text = page(made.facts, words, made.printing)
    if out is not None:
        write(text, out)
        output.say(f"written: {out}")
    if as_json:
        output.document(
            {"language": language, "reviewed": words.is_reviewed, "receipt": made.facts}
        )
    elif out is None:
        output.page(text)


_ACCESS = ("at", "actor_id", "actor_role", "actor_organisation", "scopes", "purpose", "door")


def _asked(directory: Path | None, country: str | None, question: Callable[[Reader], Any]) -> Any:
    from node import place
    from node.reading import reader

    with reader(place.find(directory, country)) as found:
        return question(found)


def _table(title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    if not rows:
        output.line(title)
        return
    output.table(columns, [[row[name] for name in columns] for row in rows], title=title)


def _tell_not_answered(said: Mapping[str, Any]) -> None:
    """Name whom this country cannot speak for: silence would look like nobody saw it there."""
    for code in said["not_answered"]:
        output.line(f"{code} has not answered: who saw it there stands in its own ledger")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput("--on has to be a day such as 2026-11-24") from None


def _today() -> date:
    return datetime.now(UTC).date()
