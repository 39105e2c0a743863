"""`ledger evidence`: what was recorded, with everything that proves it, in one file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from events.codes import Purpose, Role
from node.cli import output
from node.cli.app import noun
from node.cli.options import By, CountryOption, Dir, Json

if TYPE_CHECKING:
    from node.evidence.exporting import Exported
    from node.place import Place

app = noun("evidence")

#: As other refusals: something is not as it has to be, and a person has to be told.
_BROKEN = 3
_RANGE = re.compile(r"(?P<log>[\w./-]+):(?P<begin>\d+)-(?P<end>\d+)")


Case = Annotated[str | None, typer.Argument(metavar="CASE", help="The case.")]
To = Annotated[Path, typer.Option("--to", metavar="FILE", help="The bundle, a ZIP file.")]
Range = Annotated[
    str | None,
    typer.Option(
        "--range", metavar="LOG:A-B", help="Entries A up to B (without) of a log, not a case."
    ),
]
Tlog = Annotated[
    Path | None,
    typer.Option("--tlog", metavar="DIR", help="Plain C2SP files beside it, a folder per log."),
]
National = Annotated[
    bool, typer.Option("--national", help="This country's national events of the case, too.")
]
Language = Annotated[
    str, typer.Option("--language", metavar="LANGUAGE", help="Of the report: en, ru, kk or ky.")
]


Open = Annotated[
    list[str] | None,
    typer.Option(
        "--open",
        metavar="EVENT:SCOPE,...",
        help="As an auditor: keys of one event's data, after it is recorded; repeat it.",
    ),
]
Purposes = Annotated[
    str | None,
    typer.Option("--purpose", metavar="PURPOSE", help="What opened data is needed for."),
]


@app.command("export")
def _export(
    case_id: Case = None,
    *,
    to: To,
    span: Range = None,
    tlog: Tlog = None,
    national: National = False,
    opened: Open = None,
    purpose: Purposes = None,
    by: By = None,
    language: Language = "en",
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Write a case, or a range of a log, with everything that proves it, as one file.

    The same node at the same checkpoint writes the same bytes. What no witness has cosigned yet is
    left out, and said. What is opened is recorded first, and its record is in the file.
    """
    from events.errors import BadInput
    from node import place

    if (case_id is None) == (span is None):
        raise BadInput("what is to be proven? a CASE, or --range LOG:A-B")
    if span is not None and (national or opened):
        raise BadInput("--national and --open are for a case; a national log goes by --range")
    where = place.find(directory, country)
    if case_id is not None and opened:
        done = _with_keys(where, case_id, to, tlog, opened, purpose, by, language)
    elif case_id is not None:
        done = _of_case(where, case_id, to, tlog, national=national, language=language)
    else:
        done = _of_range(where, span or "", to, tlog, language)
    if as_json:
        output.document({"file": str(to), **done.report})
        return
    output.line(f"{to}: {done.entries} entries, proven up to {done.report['as_of']}")
    for one in done.provisional:
        output.say(f"left out, because no cosigned checkpoint covers it yet: event {one}")


def _with_keys(
    where: Place,
    case_id: str,
    to: Path,
    tlog: Path | None,
    opened: list[str],
    purpose: str | None,
    by: str | None,
    language: str,
) -> Exported:
    from events.errors import BadInput
    from node import place
    from node.arguments import code
    from node.evidence.opening import Asked, export_opened, wanted_in, without_key

    if purpose is None:
        raise BadInput("what is opened, is opened for a --purpose")
    actor = place.actor(by, where=where, role=Role.AUDITOR)
    wanted, case = wanted_in(opened), output.uuid(case_id)
    asked = Asked(wanted, code(purpose, Purpose, name="--purpose"), actor)
    done = export_opened(where, case, to, asked, language=language, tlog=tlog)
    for one in without_key(wanted, done):
        output.say(f"no key: it was destroyed, or the event says nothing of this scope: {one}")
    output.say("this file opens data about a child: treat it as the data itself")
    return done


def _of_case(
    where: Place, case_id: str, to: Path, tlog: Path | None, *, national: bool, language: str
) -> Exported:
    from dataclasses import replace

    from node.evidence.exporting import export_case
    from node.reading import reader

    case = output.uuid(case_id)
    with reader(where) as found:
        reading = replace(found, keys=where.keys) if national else found
        return export_case(
            reading, where.agreement, case, to, national=national, language=language, tlog=tlog
        )


def _of_range(where: Place, span: str, to: Path, tlog: Path | None, language: str) -> Exported:
    from events.errors import BadInput
    from node.evidence.exporting import export_range
    from node.reading import reader

    match = _RANGE.fullmatch(span)
    if match is None:
        raise BadInput("a range is written LOG:A-B, as referral.ledger/KZ:0-1000", rule="range")
    between = int(match["begin"]), int(match["end"])
    with reader(where) as found:
        return export_range(
            found, where.agreement, match["log"], between, to, language=language, tlog=tlog
        )


@app.command("verify")
def _verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A bundle, packed or unpacked.")],
    *,
    keys: Annotated[
        Path | None,
        typer.Option("--keys", metavar="FILE", help="Verifier keys that you trust, one a line."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a bundle offline, as its verify.py does. Exit code 3 if a file of it is wrong."""
    from events.errors import BadInput
    from node.evidence.verifier.command import trusted_keys, verified_lines
    from node.evidence.verifier.container import Faulty

    lines: list[str] = []
    fault: Faulty | None = None
    try:
        trusted = None if keys is None else trusted_keys(keys)
    except (OSError, ValueError) as error:
        raise BadInput(f"{keys} cannot be read: {error}", rule="keys") from None
    try:
        for line in verified_lines(file, trusted):
            lines.append(line)
            if not as_json:
                output.line(f"✔ {line}")
    except Faulty as found:
        fault = found
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error}", rule="file") from None
    if as_json:
        wrong = None if fault is None else {"file": fault.file, "words": str(fault)}
        output.document({"good": fault is None, "checked": lines, "wrong": wrong})
    elif fault is not None:
        output.line(f"✘ {fault}")
    elif keys is None:
        output.say("the keys came with the bundle: compare them with your own, or give --keys FILE")
    if fault is not None:
        raise typer.Exit(_BROKEN)
