"""`ledger audit`: what an auditor can check of this node's mirror."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli import output
from node.cli.app import noun
from node.cli.options import CountryOption, Dir, Json

if TYPE_CHECKING:
    from node.auditing import Audit

app = noun("audit")

#: As other refusals: something is not as it has to be, and a person has to be told.
_BROKEN = 3
_COLUMNS = ("rule", "words", "origin", "case_id", "event_id", "position", "void")


@app.callback()
def _audit() -> None:
    pass


@app.command("rules")
def _rules(
    *,
    within: Annotated[
        int,
        typer.Option(
            metavar="SECONDS", min=1, help="How soon sharing is stopped after its basis ended."
        ),
    ] = 60,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Check that no keys left a country without permission. Exit code 3 if a rule is broken.

    Rules R3 to R6, over everything that this node has mirrored, and without any key to the data.
    """
    from node import place
    from node.auditing import check
    from node.reading import reader

    where = place.find(directory, country)
    with reader(where) as reading:
        audit = check(reading, keys=where.keys, within=timedelta(seconds=within))
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
    if said["unread"]:
        output.say(f"{said['unread']} events cannot be read here: nothing is said about them")
    if "not_checked" in said["rules"].values():
        output.say("R5 needs this country's national keys: set LEDGER_NATIONAL_KEY_FILE")
