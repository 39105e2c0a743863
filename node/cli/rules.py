"""`ledger rules`: what a country has decided about routing, as files that are put in force."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli import output
from node.cli.app import noun
from node.cli.options import By, CountryOption, Dir, Json

app = noun("rules")

FileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="A rule file (TOML): a pack, a directory or a pair.")
]
Since = Annotated[
    str | None,
    typer.Option("--from", metavar="DAY", help="First day on which it is applied; default today."),
]


@app.command("check")
def _check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Rule files (TOML).")],
    *,
    as_json: Json = False,
) -> None:
    """Say whether rule files are whole; each mistake is told by file and line."""
    from node.ruling import check

    found = [check(path) for path in files]
    if as_json:
        output.document({"files": [one.words() for one in found]})
        return
    columns = ("kind", "name", "number", "example", "sha256")
    output.table(columns, [[one.words()[name] for name in columns] for one in found])


@app.command("example")
def _example(
    country: Annotated[str, typer.Argument(metavar="COUNTRY", help="KZ, KG, or KZ-KG for a pair.")],
    *,
    directory: Annotated[
        bool, typer.Option("--directory", help="The directory of providers instead of the pack.")
    ] = False,
) -> None:
    """Print an example file: invented, and a place to begin from."""
    from node.ruling import example

    output.page(example(country, directory=directory))


@app.command("activate")
def _activate(
    file: FileArgument,
    *,
    since: Since = None,
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Put a rule file in force: kept by its hash, and said in the register before it is applied."""
    from datetime import UTC, datetime

    from node import place
    from node.arguments import day
    from node.cli.deciding import show
    from node.ruling import activate

    today = datetime.now(UTC).date()
    first = None if since is None else day(since, name="--from", today=today)
    show(activate(place.find(directory, country), by, file, first), as_json=as_json)


@app.command("add")
def _add(
    file: FileArgument,
    *,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Keep the text of a rule file, and put nothing in force: after a restore that has lost it."""
    from node import place
    from node.ruling import add

    found = add(place.find(directory, country), file)
    if as_json:
        output.document(found.words())
    else:
        output.line(f"kept: {found.kind} {found.name} {found.number} {found.sha256.hex()}")


@app.command("list")
def _list(*, country: CountryOption = None, directory: Dir = None, as_json: Json = False) -> None:
    """List the rule files that were put in force, oldest first."""
    from node import place
    from node.ruling import activations

    listed = activations(place.find(directory, country))
    if as_json:
        output.document({"rules": listed})
        return
    if not listed:
        output.line("no rules are in force: `ledger rules activate FILE`")
        return
    columns = ("kind", "name", "number", "effective_from", "in_force", "sha256")
    output.table(columns, [[one[name] for name in columns] for one in listed])


@app.command("services")
def _services(
    *, country: CountryOption = None, directory: Dir = None, as_json: Json = False
) -> None:
    """List the services of the directory in force."""
    from node import place
    from node.ruling import rules_of

    services = rules_of(place.find(directory, country)).directory.services.values()
    if as_json:
        output.document({"services": [one.model_dump(mode="json") for one in services]})
        return
    columns = ("id", "organisation", "specialists", "areas", "languages")
    output.table(
        columns,
        [
            [one.id, one.organisation, *map(", ".join, (one.specialists, one.areas, one.languages))]
            for one in services
        ],
    )


@app.command("diff")
def _diff(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="A rule file.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="Another one of its kind.")],
    *,
    as_json: Json = False,
) -> None:
    """Say what differs between two rule files, entry by entry."""
    from node.ruling import check, differences

    found = differences(check(before), check(after))
    if as_json:
        output.document({"differences": found})
    elif not found:
        output.line("they say the same")
    else:
        columns = ("entry", "before", "after")
        output.table(columns, [[one[name] for name in columns] for one in found])


@app.command("replay")
def _replay(
    *,
    pack: Annotated[Path, typer.Option("--pack", metavar="FILE", help="A draft of a rule pack.")],
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Say for which children a draft would have answered otherwise; nothing is decided.

    Their facts are opened for it, and each look is recorded. Compared are the newest decision and
    the newest plan of each child whom the rules have directed.
    """
    from events.errors import BadInput
    from ledger.rules.pack import load
    from node import place
    from node.cli.deciding import ledger_of
    from node.reading import reader
    from node.replaying import replay
    from node.ruling import check

    where = place.find(directory, country)
    draft = check(pack)
    if draft.kind != "pack" or draft.country != where.country:
        raise BadInput(f"{pack.name} is no pack of {where.country}")
    with reader(where) as found, ledger_of(where) as ledger:
        said = replay(found, ledger, where, by, load(draft.text, pack.name).pack)
    if as_json:
        output.document({**said._asdict(), "differing": [one._asdict() for one in said.differing]})
        return
    if said.differing:
        output.table(("case", "what", "of", "before", "with the draft"), said.differing)
    touched = len({one.case_id for one in said.differing})
    output.line(f"{touched} of {said.cases} children would have been answered otherwise")
    if said.closed:
        output.line(f"of {len(said.closed)} nothing can be said: what was known is closed")
