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
    from node.provision import log_key

    code = _whose(country)
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
    from ledger import database, topics
    from node import place

    where = place.find(None, country)
    _, dsn, name = _database_of(country)
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


@app.command("keys")
def _keys(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the files are written.")],
    *,
    country: CountryOption = None,
    as_json: Json = False,
) -> None:
    """Make a country's national keys and its key-encryption key, each in a file of mode 0400.

    Prints which files were made, and no key. Safe to repeat: a file that is there is kept, so a
    new key-encryption key is made by giving the present file another name first.
    """
    from node.provision import ensure_key_files

    code = _whose(country)
    files = [folder / f"{code.lower()}-{name}" for name in ("national-key", "kek")]
    made = ensure_key_files(*files)
    if as_json:
        output.document({"country": code, "files": list(map(str, files)), "made": len(made)})
        return
    for file in made:
        output.line(str(file))
    output.line(f"{code}: {len(made)} files made, the rest was there")


@app.command("note-keys")
def _note_keys(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the files are written.")],
    *,
    prefix: Annotated[
        str, typer.Option(metavar="PREFIX", help="How the topics of the agreement begin.")
    ] = "referral",
    country: CountryOption = None,
    as_json: Json = False,
) -> None:
    """Make the keys with which a country's sealer and witness sign, each in a file of mode 0400.

    Prints the half that every country pins in its agreement, as `note_keys`. Safe to repeat: a
    file that is there is kept.
    """
    from node.note_keys import ensure_note_keys

    code = _whose(country)
    public = ensure_note_keys(folder, prefix, code, begin=f"{code.lower()}-")
    if as_json:
        output.document({"country": code, "note_keys": list(public)})
        return
    for key in public:
        output.line(key)


@app.command("succession")
def _succession(
    retired: Annotated[Path, typer.Argument(metavar="OLD", help="The key file in use.")],
    current: Annotated[Path, typer.Argument(metavar="NEW", help="The one that follows.")],
    *,
    as_json: Json = False,
) -> None:
    """Print the note that one key of a log follows another, signed by both.

    For `ledger governance replace-key`. Of a log key, or of one with which the sealer signs; the
    files are read, and nothing is written.
    """
    from events.errors import BadInput, RecordRejected
    from ledger.log.signature import LogSigner
    from ledger.log.succession import said_by_both

    try:
        note = said_by_both(LogSigner.load(retired), LogSigner.load(current))
    except RecordRejected as error:
        raise BadInput(str(error)) from None
    if as_json:
        output.document({"note": note})
    else:
        output.page(note)


@app.command("logins")
def _logins(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the files are written.")],
    *,
    country: CountryOption = None,
    as_json: Json = False,
) -> None:
    """Let each program log in to the database with no right but its own; write its DSN to a file.

    LEDGER_PG is the URL of the database's owner here. Repeated, it draws new passwords.
    """
    from node.home import ROLES
    from node.provision import ensure_logins

    code, dsn, name = _database_of(country)
    files = {role: folder / f"{code.lower()}-{role}-dsn" for role in ROLES}
    ensure_logins(dsn, name, files)
    if as_json:
        output.document({"country": code, "files": {one: str(at) for one, at in files.items()}})
        return
    for file in files.values():
        output.line(str(file))


@app.command("organisation")
def _organisation(
    organisation: Annotated[
        str, typer.Argument(metavar="ORGANISATION", help="Code of the organisation.")
    ],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="New file for the DSN, mode 0400.")],
    *,
    user: Annotated[str, typer.Option(metavar="NAME", help="Name of the login.")],
    country: CountryOption = None,
    as_json: Json = False,
) -> None:
    """Let an organisation's case system read current state of the cases it works on, alone.

    LEDGER_PG is the URL of the database's owner here. Repeated, it draws a new password.
    """
    from node.provision import organisation_login

    code, dsn, name = _database_of(country)
    organisation_login(dsn, name, organisation, user, file)
    if as_json:
        said = {"country": code, "organisation": organisation, "user": user, "file": str(file)}
        output.document(said)
    else:
        output.line(str(file))


def _whose(country: str | None) -> str:
    from events.errors import BadInput
    from node.provision import parse_countries
    from node.settings import VerbSettings

    code = country or VerbSettings.read().country
    if code is None:
        raise BadInput("whose key? --country or LEDGER_COUNTRY")
    (code,) = parse_countries(code)
    return code


def _database_of(country: str | None) -> tuple[str, str, str]:
    """Return a country, the owner's DSN of its database, and the name of the database."""
    from psycopg.conninfo import conninfo_to_dict

    from node import place

    where = place.find(None, country)
    dsn = where.dsn("owner")
    return where.country, dsn, str(conninfo_to_dict(dsn)["dbname"])


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
        output.page(f"{made.ca}\n{made.broker}")
