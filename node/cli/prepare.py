"""`ledger prepare`: what a node needs before its first start, where `ledger up` is not used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli import output
from node.cli.app import noun
from node.cli.options import CountryOption, Dir, Json

app = noun("prepare")


@app.command("key")
def _key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="New file; its mode will be 0400.")],
    *,
    country: CountryOption = None,
    as_json: Json = False,
) -> None:
    """Make a country's log key; print the half that every country pins in its agreement."""
    from events.errors import BadInput
    from node.provision import log_key, parse_countries
    from node.settings import VerbSettings

    code = country or VerbSettings.read().country
    if code is None:
        raise BadInput("whose key? --country or LEDGER_COUNTRY")
    (code,) = parse_countries(code)
    if file.exists():
        raise BadInput(f"{file} exists already: a key is never written over")
    public = log_key(code, file).verifier.render()
    if as_json:
        output.document({"country": code, "file": str(file), "log_key": public})
    else:
        output.line(public)


@app.command("node")
def _node(
    *,
    replication: Annotated[
        int, typer.Option(metavar="N", min=1, help="Replicas of each topic; production: 3.")
    ] = 3,
    country: CountryOption = None,
    as_json: Json = False,
) -> None:
    """Make tables, roles and topics, or check those that exist; settings come from LEDGER_*.

    LEDGER_PG is the URL of the database's owner here. Safe to repeat, at every release.
    """
    from psycopg.conninfo import conninfo_to_dict

    from ledger import database, topics
    from node import place

    where = place.find(None, country)
    dsn = where.dsn("owner")
    name = str(conninfo_to_dict(dsn)["dbname"])
    database.prepare(dsn, name, packages=("ledger", "projections"))
    topics.ensure_topics(
        where.require_kafka(),
        where.agreement,
        countries=[where.country],
        replication=replication,
        client=where.client,
    )
    said = {"country": where.country, "database": name, "topics": where.agreement.prefix}
    if as_json:
        output.document(said)
    else:
        output.line(
            f"{where.country}: database {name} and topics {where.agreement.prefix}.* are there"
        )


@app.command("kafka")
def _kafka(
    passwords: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where passwords are written, one per file.")
    ],
    *,
    renew: Annotated[
        list[str] | None,
        typer.Option(metavar="USER", help="Give this user a new password; may be repeated."),
    ] = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Make the users of an agreement on a secured Kafka, and give each what it may; or check both.

    LEDGER_AGREEMENT names the agreement. Run it as `admin`, and the very first time with the
    broker's own certificate. Safe to repeat: a user that exists keeps its password.
    """
    from ledger import topics
    from node import place
    from node.broker_users import password_file, prepare_broker

    agreement, kafka, client = place.find_broker(directory)
    with topics.admin(kafka, client) as cluster:
        made = prepare_broker(cluster, agreement, passwords, renew=renew or ())
    files = {user: str(password_file(passwords, user)) for user in made.users}
    if as_json:
        output.document({"agreement": agreement.name, "users": files, "rights": made.rights})
        return
    for file in files.values():
        output.line(file)
    output.line(
        f"{agreement.name}: {len(files)} users and {made.rights} rights made, the rest was there"
    )


@app.command("certificates")
def _certificates(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the files are written.")],
    *,
    host: Annotated[
        list[str], typer.Option(metavar="HOST", help="Name or address of the broker; repeatable.")
    ],
    as_json: Json = False,
) -> None:
    """Make a broker's certificate and an authority that signs it, where there is no other.

    `ca.pem` is for everybody, `broker.pem` for the broker and for break-glass; keep
    `authority.pem` where nothing runs. Again in the same folder it renews the broker's alone.
    """
    from node.embedded.certificates import ensure_certificates
    from node.embedded.listeners import SUPER_USER

    made = ensure_certificates(folder, host, name=SUPER_USER)
    if as_json:
        output.document({"ca": str(made.ca), "broker": str(made.broker), "hosts": host})
    else:
        output.line(f"{made.ca}\n{made.broker}")
