"""`ledger up`: the nodes of one or more countries on this machine, until told to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from node.cli import output
from node.cli.app import NOUNS
from node.cli.options import Dir, Json

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command("up", help=NOUNS["up"])
def _up(
    *,
    countries: Annotated[
        str | None,
        typer.Option(metavar="CC,CC", help="Countries; default those of the folder, or KZ,KG."),
    ] = None,
    directory: Dir = None,
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, max=16, help="Workers per country.")
    ] = 1,
    prefix: Annotated[
        str, typer.Option(metavar="NAME", help="First part of the names of topics and databases.")
    ] = "referral",
    as_json: Json = False,
) -> None:
    from node.home import Home, default_dir
    from node.nodes import Nodes
    from node.provision import parse_countries
    from node.settings import UpSettings

    settings = UpSettings.read()
    home = Home((directory or settings.dir or default_dir()).absolute())
    wanted = countries or ("" if home.agreement() else "KZ,KG")
    nodes = Nodes(home, settings, prefix=prefix, workers=workers, say=output.say)
    stop = stopped_by_signals()
    try:
        running = nodes.start(parse_countries(wanted))
        if as_json:
            output.document(running)
        else:
            _tell(running)
        stop.wait()
    except KeyboardInterrupt:  # told to stop before everything was up
        pass
    finally:
        stop.set()
        nodes.stop()


def stopped_by_signals() -> threading.Event:
    """Return an event that SIGTERM and Ctrl-C set; before it is waited for they interrupt."""
    stop = threading.Event()

    def ask(_number: int, _frame: Any) -> None:
        if not stop.is_set():
            stop.set()
            raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    return stop


def _tell(running: Mapping[str, Any]) -> None:
    kafka, postgresql = running["kafka"], running["postgresql"]
    output.line(f"Kafka {kafka['version']} on {kafka['bootstrap']}")
    output.line(f"PostgreSQL {postgresql['version']}")
    for country, programs in running["countries"].items():
        output.line(f"{country}  relay  {programs['relay']['metrics']}")
        output.line(f"{country}  worker {programs['worker']['metrics']}")
    output.say(f"ready; verbs find these nodes by --dir {running['dir']}; Ctrl-C stops them")
