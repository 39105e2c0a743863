"""`ledger provider`: what a provider says of itself: guidelines it follows, places it has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from events.codes import Role
from node.cli import output
from node.cli.app import noun
from node.cli.options import By, CountryOption, Dir, Json

app = noun("provider")


@app.command("acknowledge")
def _acknowledge(
    organisation: Annotated[str, typer.Argument(metavar="ORGANISATION", help="The provider.")],
    guideline: Annotated[str, typer.Argument(metavar="GUIDELINE", help="Id of the guideline.")],
    version: Annotated[int, typer.Argument(metavar="VERSION", help="Its version.")],
    *,
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Say that a provider has read a guideline and will follow it; else it gets no child."""
    from ledger.case.governance import acknowledge_guideline

    said = {"organisation": organisation, "guideline": guideline, "number": version}
    _record(acknowledge_guideline, said, by, country, directory, as_json=as_json)


@app.command("capacity")
def _capacity(
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="Its id in the directory.")],
    *,
    places: Annotated[int, typer.Option(metavar="N", help="Free places; 0: it takes nobody.")],
    paused_until: Annotated[
        str | None, typer.Option(metavar="DAY", help="It takes nobody up to this day.")
    ] = None,
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Say how many children a service can take now; the duty desk's are directed again."""
    from datetime import UTC, datetime

    from events.errors import BadInput
    from ledger.case.governance import change_capacity
    from node import place
    from node.arguments import day
    from node.ruling import rules_of

    found = rules_of(place.find(directory, country)).directory.services.get(service)
    if found is None:
        raise BadInput("this service is not in the directory: `ledger rules services` lists it")
    until = paused_until and day(
        paused_until, name="--paused-until", today=datetime.now(UTC).date()
    )
    said = {"service": service, "organisation": found.organisation, "places": places}
    said["paused_until"] = until or None
    _record(change_capacity, said, by, country, directory, as_json=as_json)


def _record(
    take: Callable[..., Any],
    said: dict[str, Any],
    by: str | None,
    country: str | None,
    directory: Path | None,
    *,
    as_json: bool,
) -> None:
    from events.contract import register_id
    from node import place
    from node.cli.deciding import ledger_of, show

    where = place.find(directory, country)
    who = place.actor(by, where=where, role=Role.SUPERVISOR)
    with ledger_of(where) as ledger:
        door = ledger.on(register_id(where.agreement.prefix), by=who, retries=10)
        receipt = door.decide(take, **said)
    show(receipt, as_json=as_json)


@app.command("list")
def _list(*, country: CountryOption = None, directory: Dir = None, as_json: Json = False) -> None:
    """List what providers have said: guidelines acknowledged, and places."""
    from node import place
    from node.reading import reader

    with reader(place.find(directory, country)) as found:
        said = found.rows("acknowledgements", "ORDER BY organisation, guideline")
        places = found.rows("capacities", "ORDER BY service")
    if as_json:
        output.document({"acknowledgements": said, "capacities": places})
        return
    output.table(
        ("organisation", "guideline", "version", "since"),
        [(one["organisation"], one["guideline"], one["number"], one["since"]) for one in said],
    )
    output.table(
        ("service", "places", "paused until", "since"),
        [(one["service"], one["places"], one["paused_until"], one["since"]) for one in places],
    )
