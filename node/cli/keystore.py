"""`ledger keystore`: the program itself, how it is, and the change of its key-encryption key."""

from __future__ import annotations

import typer

from node.cli import output
from node.cli.app import noun
from node.cli.options import By, CountryOption, Dir, Json

app = noun("keystore")


@app.command("run")
def _run(*, country: CountryOption = None, directory: Dir = None) -> None:
    """Run until told to stop; settings come from LEDGER_*, or from the folder of the nodes."""
    from node.place import settings_of
    from node.run_keystore import main

    raise typer.Exit(main(**settings_of("keystore", directory, country)))


@app.command("status")
def _status(*, country: CountryOption = None, directory: Dir = None, as_json: Json = False) -> None:
    """Say how many slot files can be read, what is not erased yet, and which keys wrap what.

    LEDGER_PG is a login of the keystore's role here.
    """
    from contextlib import closing

    from node import keeping, place

    where = place.find(directory, country)
    with closing(where.require_keystore()) as asked:
        found = keeping.look(asked.replicas(), where.dsn("keystore"))
    if as_json:
        output.document(found)
        return
    output.line(f"slot files: {found.replicas} can be read, of {found.replicas_known}")
    output.line(f"erasures that have not ended: {found.erasing}")
    for kek, sets in sorted(found.sets.items()):
        output.line(f"key-encryption key {kek}: {sets} key sets")


@app.command("rotate")
def _rotate(
    *,
    by: By = None,
    country: CountryOption = None,
    directory: Dir = None,
    as_json: Json = False,
) -> None:
    """Wrap every key set anew under the present key-encryption key; the one before is retired.

    Beside the running keystore, which has to know both keys: its settings are used. May be
    interrupted and run again. Which key follows which is recorded in the register before.
    """
    from node import keeping, place
    from node.acts import rotate_kek
    from node.place import settings_of
    from node.settings import KeystoreSettings

    where = place.find(directory, country)
    given = settings_of("keystore", directory, country)
    done = rotate_kek(where, by, KeystoreSettings.read(**given))
    if as_json:
        output.document(done._asdict())
    else:
        output.line(f"{done.rewrapped} key sets wrapped anew, {done.closed} do not open")
    if done.closed:
        raise typer.Exit(keeping.SOMETHING_IS_LEFT)


@app.command("mend")
def _mend(*, country: CountryOption = None, directory: Dir = None, as_json: Json = False) -> None:
    """Make missing slot files anew from a good one, and end the erasures that waited for them.

    Beside the running keystore, whose settings are used. Never puts an old copy back.
    """
    from node import keeping
    from node.place import settings_of
    from node.settings import KeystoreSettings

    given = settings_of("keystore", directory, country)
    made, waiting = keeping.mend(KeystoreSettings.read(**given))
    if as_json:
        output.document({"made": made, "waiting": waiting})
    else:
        output.line(f"{made} slot files made; {waiting} cases still wait for their erasure")
    if waiting:
        raise typer.Exit(keeping.SOMETHING_IS_LEFT)


@app.command("replay")
def _replay(*, country: CountryOption = None, directory: Dir = None, as_json: Json = False) -> None:
    """Destroy again what the ledger says was destroyed: after a restore of the database.

    LEDGER_PG is a login of the keystore's role here. May be repeated.
    """
    from node import keeping, place

    where = place.find(directory, country)
    dsn = where.dsn("keystore")
    done = keeping.replay(where.require_keystore(), dsn, where.country)
    if as_json:
        output.document(done)
    else:
        output.line(f"{done.erasures} erasures and {done.grants} destroyed grants done again")
        for case_id, rule in done.refused.items():
            output.line(f"{case_id} refused: {rule}")
    if done.refused:
        raise typer.Exit(keeping.SOMETHING_IS_LEFT)
