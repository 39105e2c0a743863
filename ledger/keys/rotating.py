"""Changing the key-encryption key: every live set is wrapped anew, batch by batch.

A batch is one transaction, so whoever is killed leaves nothing half done and is simply run again.
It makes a stolen old KEK useless with the rows of today. With the rows of an old backup and the
slot files of today it still opens what is not erased.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from events.errors import KekWrong
from ledger.keys import rows
from ledger.keys.connections import Connections
from ledger.keys.kek import KekChain
from ledger.keys.slots import Slots
from ledger.keys.wrapping import unwrap, wrap

_NAMES = "SELECT kek_id, retired_at IS NOT NULL FROM keystore.kek"
_ADD = "INSERT INTO keystore.kek (kek_id) VALUES (%s) ON CONFLICT DO NOTHING"
_RETIRE = """
UPDATE keystore.kek SET retired_at = clock_timestamp()
WHERE kek_id <> %s AND retired_at IS NULL AND NOT EXISTS (
    SELECT FROM keystore.key_set AS one WHERE one.kek_id = kek.kek_id AND one.state <> 'erased'
)
"""


class Rotated(NamedTuple):
    """What a change of the KEK did."""

    #: Sets that are under the present KEK now.
    rewrapped: int
    #: Sets that do not open, and stay as they are until a person has looked.
    closed: int


def require_known(connections: Connections, kek: KekChain) -> None:
    """Raise KekWrong unless every KEK in use is known here and the present one is not retired."""
    with connections.reading() as connection:
        names = connection.execute(_NAMES).fetchall()
    for name, retired in names:
        if retired and name == kek.current.id:
            raise KekWrong(
                f"key-encryption key {name.hex()} is retired: name the one that followed it first"
            )
        if not retired:
            kek.by_id(name)


def introduce(connections: Connections, kek: KekChain) -> None:
    """Keep the name of the present KEK."""
    with connections.reading() as connection:
        connection.execute(_ADD, (kek.current.id,))


def rotate(connections: Connections, slots: Slots, kek: KekChain, *, batch: int) -> Rotated:
    """Wrap every live set under the present KEK, then retire those that hold no set any more."""
    done, closed, last = 0, 0, UUID(int=0)
    while True:
        with connections.reading() as connection, connection.transaction():
            found = rows.under_others(connection, kek.current.id, last, batch)
            for row in found:
                if _rewrap(connection, slots, kek, row):
                    done += 1
                else:
                    closed += 1
        if not found:
            break
        last = found[-1].set_id
    with connections.reading() as connection:
        connection.execute(_RETIRE, (kek.current.id,))
    return Rotated(done, closed)


def _rewrap(connection: Connection[Any], slots: Slots, kek: KekChain, row: rows.Row) -> bool:
    share = slots.read(row.slot)
    keys = unwrap(row.locked, kek.by_id(row.kek_id), share, row.case_id, row.set_id)
    if keys is None:
        return False
    new = wrap(keys, kek.current, share, row.case_id, row.set_id)
    rows.rewrap(connection, row.set_id, new)
    return True
