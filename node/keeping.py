"""A country's keystore in operation: how it is, and the change of its key-encryption key."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from events.errors import DecisionRefused, KekWrong

if TYPE_CHECKING:
    from ledger.keys.client import KeystoreClient
    from ledger.keys.rotating import Rotated
    from ledger.keys.vault import Vault
    from node.settings import KeystoreSettings

#: Exit code of a verb that left something undone: a person has to look at what it says.
SOMETHING_IS_LEFT = 1

_LOOK = """
SELECT coalesce((SELECT replicas FROM keystore.slot_file), 0),
    (SELECT count(DISTINCT case_id) FROM keystore.key_set WHERE state = 'erasing')
"""
_SETS = """
SELECT encode(kek.kek_id, 'hex'), count(one.set_id)
FROM keystore.kek AS kek
LEFT JOIN keystore.key_set AS one ON one.kek_id = kek.kek_id AND one.state <> 'erased'
WHERE kek.retired_at IS NULL GROUP BY 1
"""
_ERASED = """
SELECT case_id, (summary ->> 'erasure_id')::uuid FROM {schema}.audit_trail
WHERE event_type = 'ErasureAttested' AND effective AND origin = %s ORDER BY case_id, place
"""
_DESTROYED = """
SELECT case_id, grant_id FROM {schema}.releases WHERE state = 'destroyed' AND recipient = %s
"""
_KNOWN = "SELECT FROM keystore.kek WHERE kek_id = %s AND retired_at IS NULL"
_OTHERS = "SELECT kek_id FROM keystore.kek WHERE kek_id <> %s AND retired_at IS NULL ORDER BY 1"


@dataclass(frozen=True, slots=True)
class Kept:
    """How a keystore is."""

    #: Slot files that the program can read now, and as many as there ever were.
    replicas: int
    replicas_known: int
    #: Cases whose keys are used no more and are not seen to be destroyed yet.
    erasing: int
    #: Name of each key-encryption key that is not retired -> key sets under it.
    sets: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What was destroyed a second time, because the ledger says that it was destroyed."""

    erasures: int
    grants: int
    #: Cases of which something could not be destroyed again, and the rule that forbade it.
    refused: Mapping[str, str]


def look(replicas: int, dsn: str) -> Kept:
    """Add to what the program says of its slot files what its tables say, as its role."""
    from ledger.keys.connections import Connections

    with closing(Connections(dsn)) as connections, connections.reading() as database:
        known, erasing = database.execute(_LOOK).fetchone() or (0, 0)
        sets = dict(database.execute(_SETS).fetchall())
    return Kept(replicas, known, erasing, sets)


def replay(keystore: KeystoreClient, dsn: str, country: str) -> Replayed:
    """Let the keystore destroy again whatever the ledger says this country has destroyed.

    After a restore of the database: rows of an old backup look as if their keys were alive. Their
    slots were overwritten, so nothing opens; this makes the rows say so. `dsn` is a login of the
    keystore's role. ServiceUnavailable before the first worker has run.
    """
    from events.errors import ServiceUnavailable
    from ledger.keys.connections import Connections
    from projections import generation

    with closing(Connections(dsn)) as connections, connections.reading() as database:
        number = generation.current(database)
        if number is None:
            raise ServiceUnavailable("there are no read models yet: start the worker first")
        schema = generation.schema_of(number)
        erased = database.execute(_ERASED.format(schema=schema), (country,)).fetchall()
        destroyed = database.execute(_DESTROYED.format(schema=schema), (country,)).fetchall()
    refused: dict[str, str] = {}
    with closing(keystore):
        erasures = sum(_done(refused, keystore.erase, *one) for one in erased)
        grants = sum(_done(refused, keystore.destroy, *one) for one in destroyed)
    return Replayed(erasures, grants, refused)


def _done(
    refused: dict[str, str], destroy: Callable[[UUID, UUID], object], case_id: UUID, which: UUID
) -> bool:
    try:
        destroy(case_id, which)
    except DecisionRefused as error:
        refused[str(case_id)] = error.rule
        return False
    return True


def mend(settings: KeystoreSettings) -> tuple[int, int]:
    """Make missing slot files anew from a good one, and end erasures that waited for them.

    Returns how many files were made and how many cases still wait. KeystoreDamaged if no file is
    good, or if two of them differ.
    """
    with _vault(settings) as vault:
        made = vault.mend()
        vault.finish()
        return made, len(vault.unfinished())


def rotate(
    settings: KeystoreSettings,
    announce: Callable[[Collection[bytes], bytes], object] = lambda _retired, _current: None,
) -> Rotated:
    """Wrap every key set under the present key-encryption key, and retire the others.

    `announce` is told the names of those and of the present one before, if there are any; if it
    raises, nothing is wrapped. KekWrong unless the keystore has been started with the present key:
    it would find sets under a key that it does not know.
    """
    from ledger.keys.connections import Connections
    from node.run_keystore import key_chain

    dsn, chain = settings.pg.get_secret_value(), key_chain(settings)
    with closing(Connections(dsn)) as connections, connections.reading() as database:
        known = database.execute(_KNOWN, (chain.current.id,)).rowcount
        others = [name for (name,) in database.execute(_OTHERS, (chain.current.id,))]
    if not known:
        raise KekWrong(
            f"no keystore was ever started with key-encryption key {chain.current.id.hex()}: start"
            " it with this key and the one before, then rotate"
        )
    with _vault(settings) as vault:
        if others:
            announce(others, chain.current.id)
        return vault.rotate()


def _vault(settings: KeystoreSettings) -> Vault:
    from ledger.keys.slots import Slots
    from ledger.keys.vault import Vault
    from node.run_keystore import key_chain

    slots = Slots([Path(path.strip()) for path in settings.slots.split(",")])
    return Vault.open(settings.pg.get_secret_value(), slots, key_chain(settings))
