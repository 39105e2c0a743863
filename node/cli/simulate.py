"""`ledger simulate`: realistic traffic on running nodes, and whether everything still holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli import output
from node.cli.app import NOUNS
from node.cli.options import Dir, Json

if TYPE_CHECKING:
    from node.simulation.result import Result

app = typer.Typer(rich_markup_mode=None, add_completion=False)

#: Something that must hold does not.
BROKEN = 3


@app.command(
    "simulate", help=f"{NOUNS['simulate']} Exit code 3 if anything that must hold does not."
)
def _simulate(
    *,
    cases: Annotated[int, typer.Option(metavar="N", min=1, help="How many cases.")] = 30,
    seed: Annotated[
        int, typer.Option(metavar="S", min=0, help="The same seed plans the same cases.")
    ] = 1,
    rate: Annotated[
        float | None,
        typer.Option(
            metavar="R", min=0.01, help="Cases begun in a second; default as fast as they end."
        ),
    ] = None,
    threads: Annotated[
        int, typer.Option(metavar="N", min=1, max=64, help="People per country at a time.")
    ] = 4,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    from node.home import default_dir
    from node.settings import VerbSettings
    from node.simulation.running import Asked, simulate

    path = (directory or VerbSettings.read().dir or default_dir()).absolute()
    asked = Asked(
        path=path,
        countries=_countries(path),
        cases=cases,
        seed=seed,
        rate=rate,
        threads=threads,
    )
    with output.progress("cases") as advance:
        result = simulate(asked, advance=advance, say=output.say)
    if as_json:
        output.document(result)
    else:
        _tell(result)
    raise typer.Exit(0 if result.ok else BROKEN)


def _countries(path: Path) -> tuple[str, ...]:
    """Return the countries whose nodes run in a folder; ServiceUnavailable if none do."""
    from events.errors import BadInput, ServiceUnavailable
    from node.home import Home

    running = Home(path).running()
    if running is None:
        raise ServiceUnavailable(f"no nodes run in {path}: start them with `ledger up`")
    countries = tuple(running["countries"])
    if len(countries) < 2:
        raise BadInput("two countries at least are needed: `ledger up --countries KZ,KG`")
    return countries


def _tell(result: Result) -> None:
    decided, refused = sum(result.decided.values()), sum(result.refused.values())
    output.line(
        f"{result.cases} cases, seed {result.seed}: {decided} decisions recorded"
        f" ({result.decisions_per_second}/s), {refused} refused, {result.overtaken} overtaken,"
        f" {sum(result.void.values())} events without effect"
    )
    broken = {name: often for name, often in result.invariants.items() if often}
    output.table(("what must hold", "broken"), result.invariants.items())
    output.line(f"views agree: {result.views_agree}, rebuild equal: {result.rebuild_equal}")
    for one in result.broken:
        output.line(f"{one['invariant']} {one['case_id']}: {one['what']}")
    output.say("everything holds" if result.ok else f"broken: {', '.join(broken) or 'see above'}")
