"""Destroying keys, and saying so only when they were seen to fail.

Three steps, each committed: the row says `erasing` and its keys are used no more; the slot is
overwritten on every replica and nothing opens with what stands there now; the row becomes a
tombstone. Whoever is killed in between is finished by the next one who opens the vault.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from events.errors import KeystoreDamaged, NotAllowedNow
from ledger.keys import rows
from ledger.keys.connections import Connections, lock_slots
from ledger.keys.kek import KekChain
from ledger.keys.keyset import Destroyed, Evidence, Kind
from ledger.keys.memory import Memory
from ledger.keys.rows import Row
from ledger.keys.slots import Slots
from ledger.keys.wrapping import opens

#: Told what has just been done: `condemned`, `overwritten`.
At = Callable[[str], None]


class Only(NamedTuple):
    """Which sets of a case: those that fit whatever is named; all of them if nothing is."""

    grant: UUID | None = None
    handoff: UUID | None = None
    kinds: Collection[Kind] | None = None
    #: Made before this instant.
    before: datetime | None = None


ALL = Only()


class Eraser:
    """Destroys key sets of a case."""

    def __init__(
        self,
        connections: Connections,
        slots: Slots,
        kek: KekChain,
        memory: Memory,
        at: At,
    ) -> None:
        self._connections = connections
        self._slots = slots
        self._kek = kek
        self._memory = memory
        self._at = at

    def erase(self, case_id: UUID, only: Only = ALL) -> Evidence:
        """Destroy sets of a case, and return what can be said of them. May be repeated.

        KeystoreDamaged if a replica could not be reached or something still opens: then the
        sets are used no more, but nothing counts as destroyed.
        """
        with self._connections.of_case(case_id) as connection:
            chosen = _chosen(connection, case_id, only)
            for row in chosen:
                if row.state == "live":
                    rows.condemn(connection, row.set_id, opened=self._opens_now(row))
        for row in chosen:
            self._memory.drop(row.set_id)
        self._at("condemned")
        self.finish(case_id)
        return self.evidence(case_id, only)

    def evidence(self, case_id: UUID, only: Only = ALL) -> Evidence:
        """Return what can be said of sets that were destroyed; NotAllowedNow if one is not."""
        with self._connections.reading() as connection:
            found = _chosen(connection, case_id, only)
        destroyed = []
        for row in found:
            if row.erased_at is None or row.replicas is None:
                raise NotAllowedNow(
                    f"key set {row.set_id} of case {case_id} is {row.state}, not erased: erase it"
                    " first",
                    rule="keys_erased",
                )
            destroyed.append(
                Destroyed(
                    set_id=row.set_id,
                    kind=Kind(row.kind),
                    slot=row.slot,
                    replicas=row.replicas,
                    opened=bool(row.opened),
                    key_ids=tuple(row.key_ids),
                    erased_at=row.erased_at,
                )
            )
        return Evidence(case_id, tuple(destroyed))

    def finish(self, case_id: UUID) -> None:
        """Bring the erasures of a case to their end. KeystoreDamaged, when all were tried."""
        with self._connections.reading() as connection:
            waiting = [row for row in rows.chosen(connection, case_id) if row.state == "erasing"]
        first: KeystoreDamaged | None = None
        for row in waiting:
            try:
                self._destroy(row.case_id, row.set_id)
            except KeystoreDamaged as error:
                first = first or error
        if first is not None:
            raise first

    def unfinished(self) -> list[UUID]:
        """Return the cases with an erasure that has not ended."""
        with self._connections.reading() as connection:
            return rows.erasing(connection)

    def _destroy(self, case_id: UUID, set_id: UUID) -> None:
        with self._connections.of_case(case_id) as connection:
            lock_slots(connection)
            row = rows.by_id(connection, set_id)
            if row is None or row.state != "erasing":
                return
            replicas = self._slots.overwrite(row.slot)
            self._at("overwritten")
            self._require_closed(row, replicas)
            rows.bury(connection, set_id, replicas)

    def _require_closed(self, row: Row, replicas: int) -> None:
        shares = self._slots.each(row.slot)
        kek = self._kek.by_id(row.kek_id)
        for share in shares:
            if opens(row.locked, kek, share, row.case_id, row.set_id):
                raise KeystoreDamaged(
                    f"key set {row.set_id} of case {row.case_id} still opens after slot {row.slot}"
                    f" was overwritten on {replicas} replicas: it is not destroyed",
                    rule="canary",
                )

    def _opens_now(self, row: Row) -> bool:
        """Say whether the set opens before: only then its failing afterwards says something."""
        try:
            share = self._slots.read(row.slot)
        except KeystoreDamaged:
            return False
        kek = self._kek.by_id(row.kek_id)
        return opens(row.locked, kek, share, row.case_id, row.set_id)


def _chosen(connection: Connection[Any], case_id: UUID, only: Only) -> list[Row]:
    kinds = None if only.kinds is None else [Kind(kind).value for kind in only.kinds]
    return rows.chosen(
        connection,
        case_id,
        kinds=kinds,
        grant=only.grant,
        handoff=only.handoff,
        before=only.before,
    )
