"""A key set from its two shares: remembered, else unwrapped, or what stands there now."""

from __future__ import annotations

from collections.abc import Sequence

from events.errors import KeystoreDamaged
from ledger.keys import rows
from ledger.keys.connections import Connections
from ledger.keys.kek import KekChain
from ledger.keys.keyset import Erased, KeySet, Kind
from ledger.keys.memory import Memory
from ledger.keys.rows import Row
from ledger.keys.seal import key_id
from ledger.keys.slots import Slots
from ledger.keys.wrapping import unwrap


class Opener:
    """Opens rows. Whether a row is live is the database's word of this moment, never memory's."""

    def __init__(
        self, connections: Connections, slots: Slots, kek: KekChain, memory: Memory
    ) -> None:
        self._connections = connections
        self._slots = slots
        self._kek = kek
        self._memory = memory

    def key_set(self, row: Row) -> KeySet | Erased:
        """Return the keys of a row just read, or Erased. KeystoreDamaged, KekWrong."""
        if row.state != "live":
            return _erased(row)
        remembered = self._memory.get(row.set_id)
        if remembered is not None:
            return remembered
        keys = self.keys(row)
        if isinstance(keys, Erased):
            return keys
        names = [key_id(key) for key in keys]
        if names != row.key_ids:
            raise KeystoreDamaged(f"key set {row.set_id}: its keys are not those it names")
        return self.remember(row, keys)

    def remember(self, row: Row, keys: Sequence[bytes]) -> KeySet:
        """Return a set of these keys, in the order of its scopes, and remember it."""
        assert row.epoch is not None, "only a one-time key has no epoch"
        found = KeySet(
            set_id=row.set_id,
            kind=Kind(row.kind),
            case_id=row.case_id,
            epoch=row.epoch,
            key_ids=dict(zip(row.scopes, row.key_ids, strict=True)),
            _deks=dict(zip(row.scopes, keys, strict=True)),
        )
        self._memory.put(found)
        return found

    def keys(self, row: Row) -> tuple[bytes, ...] | Erased:
        """Return the raw keys of a live row, or Erased if it is not live any more.

        KeystoreDamaged with rule `share_gone` if the row says live and its slot was overwritten:
        the row comes from a backup, or the slot files do.
        """
        kek = self._kek.by_id(row.kek_id)
        try:
            share = self._slots.read(row.slot)
        except KeystoreDamaged:
            # Perhaps it is being erased at this moment, and the replicas differ for an instant.
            now = self._again(row)
            if now.state != "live":
                return _erased(now)
            raise
        found = unwrap(row.locked, kek, share, row.case_id, row.set_id)
        if found is not None:
            return found
        now = self._again(row)
        if now.state != "live":
            return _erased(now)
        raise KeystoreDamaged(
            f"key set {row.set_id} of case {row.case_id} does not open with slot {row.slot}: if its"
            " keys were erased after this database was backed up, erase them again; otherwise the"
            " slot files are an old copy",
            rule="share_gone",
        )

    def _again(self, row: Row) -> Row:
        with self._connections.reading() as connection:
            now = rows.by_id(connection, row.set_id)
        assert now is not None, "sets are never deleted"
        return now


def _erased(row: Row) -> Erased:
    return Erased(row.set_id, Kind(row.kind), row.case_id, row.epoch, row.erased_at)
