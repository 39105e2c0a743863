"""`ledger demo`: two countries, a handoff, a race and a withdrawal, on real servers."""

from __future__ import annotations

from typing import Annotated

import typer

from node.cli import output
from node.cli.app import NOUNS
from node.cli.options import Json

app = typer.Typer(rich_markup_mode=None, add_completion=False)

#: The demo contradicted itself.
FAILED = 1


@app.command("demo", help=f"{NOUNS['demo']} Exit code 0 only if everything that is shown holds.")
def _demo(
    *,
    cases: Annotated[
        int, typer.Option(metavar="N", min=6, max=500, help="How many cases, six or more.")
    ] = 12,
    scenario: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Tell one scenario, or all; and what the read models show then."
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the nodes running in a folder of their own.")
    ] = False,
    as_json: Json = False,
) -> None:
    from events.errors import BadInput
    from node.demo.ruled_plots import SCENARIOS
    from node.demo.run import ALL

    if scenario not in {None, ALL, *SCENARIOS}:
        raise BadInput(f"scenarios are {', '.join(SCENARIOS)}, or {ALL}")
    raise typer.Exit(0 if _played(cases, scenario, keep=keep, as_json=as_json) else FAILED)


def _played(cases: int, scenario: str | None, *, keep: bool, as_json: bool) -> bool:
    """Play it, and say whether everything that was shown holds."""
    import tempfile
    from pathlib import Path

    from rich.console import Console

    from node.cli.up import stopped_by_signals
    from node.demo.run import Result, run
    from node.demo.telling import Telling

    console = Console(highlight=False, stderr=as_json)  # words stay words: on stderr
    stop = stopped_by_signals()
    kept = Path(tempfile.mkdtemp(prefix="ledger-demo-")) if keep else None

    def linger(result: Result) -> None:
        if as_json:
            output.document(result)
        output.say(f"running: verbs find these nodes by --dir {result.kept}; Ctrl-C stops them")
        try:
            stop.wait()
        except KeyboardInterrupt:
            return

    try:
        result = run(
            cases, Telling(console), scenario=scenario, kept=kept, say=output.say, linger=linger
        )
    finally:
        stop.set()
    if as_json and not keep:
        output.document(result)
    return result.ok
