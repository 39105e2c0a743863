"""`ledger data`: what is known about a child, sealed; shown only after it was recorded to whom."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

import typer

from events.codes import DataScope, Purpose, Role
from ledger.keys.sealing import Opened
from node.cli import output
from node.cli.app import noun
from node.cli.deciding import ledger_of, verb
from node.cli.options import By, CountryOption, Dir, Json

app = noun("data")

_EVERYTHING = ",".join(list(DataScope)[1:])
CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="The case.")]
Scopes = Annotated[
    str,
    typer.Option("--scopes", metavar="SCOPE,...", help="Data scopes, separated by commas."),
]
PurposeOption = Annotated[
    str, typer.Option("--purpose", metavar="PURPOSE", help="What the data is needed for.")
]

verb(app, "record", "record_data")
verb(app, "forgo", "forgo_data")
verb(app, "claim", "claim_retention", role=Role.SUPERVISOR, waits=True)


@app.command("read")
def _read(
    case_id: CaseArgument,
    *,
    scopes: Scopes,
    purpose: PurposeOption,
    about: Annotated[
        str | None, typer.Option(metavar="EVENT", help="Only what this event says.")
    ] = None,
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Show data about a child, after recording who is shown it and what for."""
    shown = _shown(case_id, scopes, purpose, "read", by, country, directory, about)
    if as_json:
        output.document({"case_id": case_id, "data": _plain(shown)})
        return
    rows = [
        (origin, scope, name, value)
        for origin, record in _plain(shown).items()
        for scope, said in record.items()
        for name, value in (said.get("values") or {f"({said['state']})": ""}).items()
    ]
    output.table(("from", "scope", "field", "value"), rows)


@app.command("export")
def _export(
    case_id: CaseArgument,
    *,
    purpose: PurposeOption,
    scopes: Scopes = _EVERYTHING,
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
) -> None:
    """Write everything that may be shown as one JSON document; an export is an access, too."""
    shown = _shown(case_id, scopes, purpose, "export", by, country, directory, None)
    output.document({"case_id": case_id, "data": _plain(shown)})


@app.command("destroy")
def _destroy(
    case_id: CaseArgument,
    grant_id: Annotated[str, typer.Argument(metavar="GRANT", help="The grant.")],
    *,
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Destroy the keys of a grant that is shared no longer, see them fail, and say so."""
    from ledger.case.data import destroy_keys
    from node import place
    from node.cli.deciding import PATIENCE_S, show

    where = place.find(directory, country)
    actor = place.actor(by, where=where, role=Role.SUPERVISOR)
    case, grant = output.uuid(case_id), output.uuid(grant_id, "GRANT")
    with ledger_of(where) as ledger:
        door = ledger.on(case, by=actor, retries=10)
        door.require(destroy_keys, grant_id=grant)  # keys do not come back for a wrong person
        done = where.require_keystore().destroy(case, grant)
        output.say(f"overwritten: {done.slots} on {done.replicas} replicas; they open no more")
        receipt = door.decide(destroy_keys, grant_id=grant)
        receipt = ledger.outcome(receipt, PATIENCE_S)
    show(receipt, as_json=as_json)


def _shown(
    case_id: str,
    scopes: str,
    purpose: str,
    door: str,
    by: str | None,
    country: str | None,
    directory: Any,
    about: str | None,
) -> Mapping[str, Mapping[DataScope, Opened]]:
    from node import place
    from node.arguments import code, parse

    where = place.find(directory, country)
    actor = place.actor(by, where=where, role=Role.CASEWORKER)
    with ledger_of(where) as ledger:
        return ledger.read(
            output.uuid(case_id),
            by=actor,
            scopes=parse(scopes, tuple[DataScope, ...], name="--scopes"),
            purpose=code(purpose, Purpose, name="--purpose"),
            door=door,
            about=None if about is None else parse(about, UUID, name="--about"),
        )


def _plain(shown: Mapping[str, Mapping[DataScope, Opened]]) -> dict[str, Any]:
    return {
        origin: {
            str(scope): {"state": one.state}
            | ({"values": json.loads(one.text or b"{}")} if one.state == "open" else {})
            for scope, one in record.items()
        }
        for origin, record in shown.items()
    }
