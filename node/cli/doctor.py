"""`ledger doctor`: what is wrong with this node, and how to repair it."""

from __future__ import annotations

import typer

from node.cli import output
from node.cli.app import NOUNS
from node.cli.options import CountryOption, Dir, Json

app = typer.Typer(rich_markup_mode=None, add_completion=False)

#: Something has to be repaired.
FOUND_SOMETHING = 1


@app.command("doctor", help=f"{NOUNS['doctor']} Exit code 1 if something is wrong.")
def _doctor(*, country: CountryOption = None, directory: Dir = None, as_json: Json = False) -> None:
    from node import place
    from node.doctor import examine

    where = place.find(directory, country)
    findings = []
    for finding in examine(where):
        findings.append(finding)
        if not as_json:
            output.line(f"{'✔' if finding.ok else '✘'} {finding.name:32} {finding.found}")
            if not finding.ok and finding.repair:
                output.line(f"  {'':32} → {finding.repair}")
    well = all(finding.ok for finding in findings)
    if as_json:
        output.document({"country": where.country, "ok": well, "checks": findings})
    raise typer.Exit(0 if well else FOUND_SOMETHING)
