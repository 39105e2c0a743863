"""A country's keystore in operation: how it is, and the change of its key-encryption key."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from events.errors import KekWrong

if TYPE_CHECKING:
    from ledger.keys.rotating import Rotated
    from node.settings import KeystoreSettings

#: Exit code of a rotation that left key sets behind: a person has to look at the slot files.
SOME_STAY_CLOSED = 1

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
_KNOWN = "SELECT FROM keystore.kek WHERE kek_id = %s AND retired_at IS NULL"


class Kept(NamedTuple):
    """How a keystore is."""

    #: Slot files that the program can read now, and as many as there ever were.
    replicas: int
    replicas_known: int
    #: Cases whose keys are used no more and are not seen to be destroyed yet.
    erasing: int
    #: Name of each key-encryption key that is not retired -> key sets under it.
    sets: Mapping[str, int]


def look(replicas: int, dsn: str) -> Kept:
    """Add to what the program says of its slot files what its tables say, as its role."""
    from ledger.keys.connections import Connections

    with closing(Connections(dsn)) as connections, connections.reading() as database:
        known, erasing = database.execute(_LOOK).fetchone() or (0, 0)
        sets = dict(database.execute(_SETS).fetchall())
    return Kept(replicas, known, erasing, sets)


def rotate(settings: KeystoreSettings) -> Rotated:
    """Wrap every key set under the present key-encryption key, and retire the others.

    KekWrong unless the keystore has been started with the present key: it would find sets under
    a key that it does not know.
    """
    from ledger.keys.connections import Connections
    from ledger.keys.slots import Slots
    from ledger.keys.vault import Vault
    from node.run_keystore import key_chain

    dsn, chain = settings.pg.get_secret_value(), key_chain(settings)
    with closing(Connections(dsn)) as connections, connections.reading() as database:
        known = database.execute(_KNOWN, (chain.current.id,)).rowcount
    if not known:
        raise KekWrong(
            f"no keystore was ever started with key-encryption key {chain.current.id.hex()}: start"
            " it with this key and the one before, then rotate"
        )
    slots = Slots([Path(path.strip()) for path in settings.slots.split(",")])
    with Vault.open(dsn, slots, chain) as vault:
        return vault.rotate()
