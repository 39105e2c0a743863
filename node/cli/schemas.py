"""`ledger schemas`: with which schemas this country writes, and since when."""

from __future__ import annotations

from node.cli import output
from node.cli.app import noun
from node.cli.options import By, CountryOption, Dir, Json

app = noun("schemas")


@app.command("list")
def _list(*, country: CountryOption = None, directory: Dir = None, as_json: Json = False) -> None:
    """List the schemas of this release, and since when this country may write with them."""
    from events.schema_pin import pin_of_today
    from node import place
    from node.reading import reader
    from node.register import standings

    where = place.find(directory, country)
    with reader(where) as found:
        listed = standings(found, where.agreement)
    pins = {"agreement": where.agreement.schemas or None, "this_release": pin_of_today()}
    if as_json:
        output.document({"pins": pins, "schemas": [one._asdict() for one in listed]})
        return
    output.line(f'this release: schemas = "{pins["this_release"]}"')
    output.line(f'the agreement: schemas = "{where.agreement.schemas}"')
    columns = ("name", "topic", "since", "sha256")
    rows = [(one.name, one.topic, one.since or "not released", one.sha256) for one in listed]
    output.table(columns, rows)


@app.command("release")
def _release(
    *,
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Begin to write with every schema of this release; recorded in the logs of both topics.

    Only when every country runs a release that has them: who cannot read one parks its cases.
    """
    from node import place
    from node.acts import release_schemas
    from node.cli.deciding import show

    receipt = release_schemas(place.find(directory, country), by)
    show(receipt, as_json=as_json)
