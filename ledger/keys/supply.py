"""Slots for new key sets: which files belong to these rows, and which slot is free next.

A slot is given out once. After a restore the database remembers too little: slots that it takes
for free may have been used, and overwritten, since. So in every new life of the database
(`ledger.incarnation()`) the first slot given out is one that the files did not have before.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from psycopg import Connection

from events.errors import KeystoreDamaged
from ledger.keys.connections import Connections, lock_slots
from ledger.keys.slots import LEAST, Slots

_KNOWN = """
SELECT mark, replicas, ready, incarnation = ledger.incarnation() FROM keystore.slot_file
"""
_BIND = """
INSERT INTO keystore.slot_file (mark, replicas, ready, incarnation)
VALUES (%s, %s, %s, ledger.incarnation())
"""
_SKIP = """
SELECT setval('keystore.next_slot', greatest(%s, last_value + is_called::int), false)
FROM keystore.next_slot
"""
_NEXT = "SELECT nextval('keystore.next_slot'), ready FROM keystore.slot_file"
_KEEP = "UPDATE keystore.slot_file SET replicas = %s, incarnation = ledger.incarnation()"


class _Known(NamedTuple):
    mark: bytes
    replicas: int
    ready: int
    current: bool


class Supply:
    """Gives out slots."""

    def __init__(self, connections: Connections, slots: Slots) -> None:
        self._connections = connections
        self._slots = slots

    def open(self) -> None:
        """Make the slot files if these rows have none yet, else see that they are the same ones.

        KeystoreDamaged if the files are another keystore's, if none can be read, or if fewer
        are named than there were: an erasure would leave a copy behind.
        """
        with self._connections.of_slots() as connection:
            known = _known(connection)
            if known is None:
                self._bind(connection)
                return
            named = len(self._slots.paths)
            if named < known.replicas:
                raise KeystoreDamaged(
                    f"{named} slot files are named, but this keystore has {known.replicas}: name"
                    " all of them, or erasures would leave a copy behind"
                )
            self._slots.bind(known.mark)
            self._slots.read(0)
            if not known.current:
                connection.execute(_SKIP, (self._slots.end(),))
            connection.execute(_KEEP, (named,))

    def take(self, connection: Connection[Any]) -> tuple[int, bytes]:
        """Return a slot that was never given out, and its share.

        KeystoreDamaged if fewer than two replicas have it, or if no more can be made.
        """
        ((slot, ready),) = connection.execute(_NEXT).fetchall()
        if slot >= ready:
            with connection.transaction():
                self._extend(connection, slot)
        return slot, self._slots.read(slot, least=LEAST)

    def mend(self) -> int:
        """Make missing replicas anew from a good one; return how many. KeystoreDamaged."""
        with self._connections.of_slots():
            return len(self._slots.mend())

    def _bind(self, connection: Connection[Any]) -> None:
        # Files that are there already may be those of a database that was lost: what they hold
        # is kept, and no slot of theirs is given out.
        found = len(self._slots.missing()) < len(self._slots.paths)
        self._slots.make()
        end = self._slots.end()
        mark = self._slots.mark()
        self._slots.bind(mark)
        connection.execute(_BIND, (mark, len(self._slots.paths), end))
        connection.execute(_SKIP, (end if found else 1,))

    def _extend(self, connection: Connection[Any], slot: int) -> None:
        lock_slots(connection)
        known = _known(connection)
        assert known is not None, "the slot files are bound when the vault opens"
        ready = known.ready
        while slot >= ready:
            ready = self._slots.extend(ready)
        connection.execute("UPDATE keystore.slot_file SET ready = %s", (ready,))


def _known(connection: Connection[Any]) -> _Known | None:
    row = connection.execute(_KNOWN).fetchone()
    return None if row is None else _Known(*row)
