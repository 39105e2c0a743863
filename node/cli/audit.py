"""`ledger audit`: what an auditor can check of this node's mirror."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli import output
from node.cli.app import noun
from node.cli.options import By, CountryOption, Dir, Json

if TYPE_CHECKING:
    from node.auditing import Audit

app = noun("audit")

#: As other refusals: something is not as it has to be, and a person has to be told.
_BROKEN = 3
_COLUMNS = ("rule", "words", "log", "log_index", "size", "case_id", "event_id", "position", "void")

Markers = Annotated[
    list[str] | None,
    typer.Option("--marker", metavar="TEXT", help="A planted text; repeat it."),
]
MarkerFile = Annotated[
    Path | None, typer.Option("--markers", metavar="FILE", help="Planted texts, one a line.")
]
MarkersOnly = Annotated[
    bool, typer.Option("--markers-only", help="Read no data: search for planted texts only.")
]
Also = Annotated[
    list[Path] | None,
    typer.Option("--also", metavar="FOLDER", help="Data folder of a server elsewhere; repeat it."),
]


@app.callback()
def _audit() -> None:
    pass


@app.command("check")
def _check(
    *,
    within: Annotated[
        int,
        typer.Option(
            metavar="SECONDS", min=1, help="How soon sharing is stopped after its basis ended."
        ),
    ] = 60,
    tolerance: Annotated[
        int,
        typer.Option(
            metavar="SECONDS", min=1, help="How far clocks are apart, and news are on their way."
        ),
    ] = 120,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Check rules R1 to R10, without any key to the data. Exit code 3 if a rule is broken.

    Over everything that this node has mirrored, log by log and case by case: nothing withheld,
    changed, doubled or backdated; no keys released or used without permission; what is shown is
    what was decided.
    """
    from node import place
    from node.audit_logs import Pinned
    from node.auditing import check
    from node.reading import reader

    where = place.find(directory, country)
    with reader(where) as reading:
        pinned = Pinned(agreement=where.agreement, tolerance=timedelta(seconds=tolerance))
        audit = check(reading, pinned, keys=where.keys, within=timedelta(seconds=within))
    if as_json:
        output.document(audit.words())
    else:
        _tell(audit)
    if audit.breaches:
        raise typer.Exit(_BROKEN)


def _tell(audit: Audit) -> None:
    said = audit.words()
    output.line(
        f"{said['cases']} cases, {said['events']} events, {said['releases']} releases of keys"
        f" as mirrored by {said['country']}"
    )
    for log in said["logs"]:
        word = ", some of it is on its way" if log["waiting"] else ""
        output.line(
            f"  {log['log']}: {log['events']} events, {log['proven']} of them under"
            f" {log['checkpoints']} signed roots{word}"
        )
    for rule, state in said["rules"].items():
        mark = {"kept": "✔", "broken": "✘"}.get(state, "–")
        output.line(f"  {mark} {rule} {state.replace('_', ' ')}")
    if said["breaches"]:
        rows = [[one[name] for name in _COLUMNS] for one in said["breaches"]]
        output.table(_COLUMNS, rows, title="broken")
    if said["crossed"]:
        output.line(
            f"{len(said['crossed'])} releases crossed with a withdrawal: void, no key was sent"
        )
    for one in said["outstanding"]:
        output.line(f"{one['origin']} owes an answer for {one['about']} of case {one['case_id']}")
    listed = len(said["breaches"])
    if listed < (there := sum(said["found"].values())):
        output.say(f"{there} breaches were found, {listed} of them are listed")
    output.say(f"{audit.counts.events / audit.seconds:.0f} events/s")
    if said["unread"]:
        output.say(f"{said['unread']} events cannot be read here: nothing is said about them")
    if "not_checked" in said["rules"].values():
        output.say("R5 needs this country's national keys: set LEDGER_NATIONAL_KEY_FILE")


@app.command("plaintext")
def _plaintext(
    *,
    markers: Markers = None,
    file: MarkerFile = None,
    markers_only: MarkersOnly = False,
    also: Also = None,
    by: By = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Search everything in the folder of the nodes for data in clear. Exit code 5 unless clean.

    Sought are all values that the keystores there can open, recorded as shown to who searches, and
    planted texts: those named, and any that begins with MARKER-. What is found is never repeated.
    """
    from node.home import default_dir
    from node.plaintext.examining import Wanted, examine, values_for
    from node.settings import VerbSettings

    folder = directory or VerbSettings.read().dir or default_dir()
    with output.progress("files") as advance:
        wanted = Wanted(
            folder=folder,
            values_for=None if markers_only else values_for(folder, by),
            markers=[*(markers or ()), *(_lines(file) if file else ())],
            also=also or (),
            advance=advance,
        )
        report = examine(wanted)
    output.document(report) if as_json else _tell_search(report)
    _require_clean(report)


def _require_clean(report: dict[str, Any]) -> None:
    from events.errors import RecordRejected

    if not report["clean"]:
        found, unread = len(report["found"]), len(report["unreadable"])
        raise RecordRejected(
            f"{found} places hold what must not stand in clear, {unread} could not be searched",
            rule="plaintext",
        )


def _lines(file: Path) -> list[str]:
    from events.errors import BadInput

    try:
        return [line for line in file.read_text().splitlines() if line]
    except (OSError, UnicodeDecodeError):
        raise BadInput("--markers names a text file that can be read") from None


def _tell_search(report: dict[str, Any]) -> None:
    output.line(
        f"{report['searched_files']} files, {report['searched_bytes']} bytes searched for"
        f" {report['needles']} texts; not sought: {report['skipped_short']} too short,"
        f" {report['skipped_common']} that stand everywhere"
    )
    for name in ("found", "unreadable"):
        if rows := report[name]:
            output.table(tuple(rows[0]), [tuple(row.values()) for row in rows], title=name)
    if report["clean"]:
        output.line("✔ nothing of it stands in clear")
