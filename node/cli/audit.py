"""`ledger audit`: what an auditor can check of this node's mirror."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli import ask, output
from node.cli.app import noun
from node.cli.audit_told import tell, tell_comparison, tell_steps
from node.cli.options import By, CountryOption, Dir, Json

if TYPE_CHECKING:
    from node.auditing import Audit
    from node.place import Place

app = noun("audit")
app.add_typer(ask.app)

#: As other refusals: something is not as it has to be, and a person has to be told.
_BROKEN = 3


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

Within = Annotated[
    int,
    typer.Option(
        metavar="SECONDS", min=1, help="How soon sharing is stopped after its basis ended."
    ),
]
Tolerance = Annotated[
    int,
    typer.Option(
        metavar="SECONDS", min=1, help="How far clocks are apart, and news are on their way."
    ),
]
Replay = Annotated[
    bool, typer.Option("--replay", help="Build all read models anew, and compare every row.")
]


@app.callback()
def _audit() -> None:
    pass


@app.command("check")
def _check(
    *,
    within: Within = 60,
    tolerance: Tolerance = 120,
    replay: Replay = False,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Check rules R1 to R10, without any key to the data. Exit code 3 if a rule is broken.

    Over everything that this node has mirrored, log by log and case by case: nothing withheld,
    changed, doubled or backdated; no keys released or used without permission; what is shown is
    what was decided. Open alarms and days without a commitment are remarked, and break no rule.
    """
    from node import place
    from node.audit_logs import Pinned
    from node.auditing import check
    from node.reading import reader

    where = place.find(directory, country)
    with reader(where) as reading:
        pinned = Pinned(agreement=where.agreement, tolerance=timedelta(seconds=tolerance))
        audit = check(reading, pinned, keys=where.keys, within=timedelta(seconds=within))
    if replay:
        _build_anew(where, audit)
    if as_json:
        output.document(audit.words())
    else:
        tell(audit)
    if audit.breaches:
        raise typer.Exit(_BROKEN)


def _build_anew(where: Place, audit: Audit) -> None:
    """Add what differs from read models that are built anew; those in use stay in use."""
    from node.audit_receipts import found_by_replay
    from node.reading import answering
    from projections.rebuild import verify

    with answering(where):
        built = verify(where.dsn("project"), country=where.country, keys=where.keys)
    audit.take(found_by_replay(built.differences))


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


@app.command("compare")
def _compare(
    *,
    other: Annotated[
        Path,
        typer.Option(
            "--with",
            metavar="DIR|DSN-FILE",
            help="Another country's folder (DIR/KG), or a file with the URL of its database.",
        ),
    ],
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Compare what two countries heard and made of it. Exit code 3 if something differs.

    Of each partition of the shared topic the common beginning: the same events in the same order;
    then the states of shared cases, and the shared part of every read model. Behind it, what a
    node cannot have read, and what its country did not sign.
    """
    from node import place
    from node.audit_compare import compare, other_reader
    from node.reading import reader

    where = place.find(directory, country)
    with reader(where) as ours, other_reader(other) as theirs:
        compared = compare(ours, theirs, where.agreement)
    if as_json:
        output.document(compared.words())
    else:
        tell_comparison(compared)
    if not compared.equal:
        raise typer.Exit(_BROKEN)


@app.command("replay")
def _replay(
    case_id: Annotated[str, typer.Argument(metavar="CASE", help="The case.")],
    *,
    step: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="One step, with the state after it.")
    ] = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
    as_lines: Annotated[
        bool, typer.Option("--jsonl", help="One JSON document a step on stdout.")
    ] = False,
) -> None:
    """Rebuild a case step by step from the mirror: effective or void, and who knew what by then.

    `had_seen` counts the shared events that the decider had certainly seen, `had_not_seen` names
    those of others that it had not. The shared steps come first, then the country's own.
    """
    from node import place
    from node.audit_replay import brief, one_step, replay, waiting
    from node.covering import marked
    from node.reading import reader

    case, where = output.uuid(case_id), place.find(directory, country)
    with reader(where) as found:
        if step is not None:
            steps = [one_step(found, case, step)]
        else:
            steps = [brief(one) for one in replay(found, case)]
        steps = marked(found, where.agreement, case, steps)
        held = waiting(found, case)
    if as_lines:
        for one in steps:
            output.document(one)
    elif as_json:
        output.document({"case_id": case, "steps": steps, "held": held})
    else:
        tell_steps(steps, held)
