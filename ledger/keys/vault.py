"""The vault: makes, gives, counts and destroys the keys of cases.

Every set of keys needs the key-encryption key, its row and its slot; the slot is overwritten when
the keys are destroyed, so that no backup of the database opens them again (ADR 0021). One process
per country holds a vault; two at once are safe. Whether a key may be used or released is not
decided here: the caller judges from the ledger first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Self
from uuid import UUID

from events.errors import KeysGone, KeystoreDamaged, RecordRejected
from ledger.keys import rotating, rows
from ledger.keys.connections import Connections
from ledger.keys.counting import SealCounter
from ledger.keys.erasing import At, Eraser, Only
from ledger.keys.kek import KekChain
from ledger.keys.keyset import Erased, Evidence, KeySet, Kind, Line
from ledger.keys.making import FIRST_EPOCH, Made, Maker
from ledger.keys.memory import Memory
from ledger.keys.opening import Opener
from ledger.keys.rotating import Rotated
from ledger.keys.rows import Row
from ledger.keys.slots import Slots
from ledger.keys.supply import Supply


class Vault:
    """The keys of one country."""

    def __init__(
        self,
        connections: Connections,
        slots: Slots,
        kek: KekChain,
        *,
        memory: Memory,
        at: At,
    ) -> None:
        """Use `Vault.open`."""
        self._connections = connections
        self._slots = slots
        self._kek = kek
        self._memory = memory
        self._supply = Supply(connections, slots)
        self._maker = Maker(self._supply, kek)
        self._opener = Opener(connections, slots, kek, memory)
        self._eraser = Eraser(connections, slots, kek, memory, at)
        self._counter = SealCounter(connections)

    def __repr__(self) -> str:
        """Show no key."""
        return f"Vault({self._slots!r}, {self._kek!r})"

    @classmethod
    def open(
        cls,
        dsn: str,
        slots: Slots,
        kek: KekChain,
        *,
        memory: Memory | None = None,
        at: At = lambda _step: None,
    ) -> Self:
        """Open the vault of a prepared database, as a login of role `ledger_keystore`.

        The first time the slot files are made. Erasures that were interrupted are brought to
        their end, if every replica is there. KekWrong before anything is touched; KeystoreDamaged
        if the slot files are not those of this database or none can be read.
        """
        connections = Connections(dsn)
        try:
            rotating.require_known(connections, kek)
            memory = memory or Memory(seconds=300, most=1024)
            vault = cls(connections, slots, kek, memory=memory, at=at)
            vault._supply.open()
            rotating.introduce(connections, kek)
            with suppress(KeystoreDamaged):  # the rest of the keys stays usable: `unfinished` tells
                vault.finish()
        except BaseException:
            connections.close()
            raise
        return vault

    def close(self) -> None:
        """Forget every key and close every connection."""
        self._memory.clear()
        self._connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def replicas(self) -> int:
        """How many slot files can be read now; below two no key is made and somebody is called."""
        return self._slots.good()

    def own(self, case_id: UUID) -> KeySet:
        """Return this country's newest keys of a case: to seal with. Made if there are none.

        KeysGone if they were destroyed: new ones are made only for who says `again`.
        """
        with self._connections.reading() as connection:
            newest = rows.which_is_newest(connection, case_id)
            if newest is None:
                if (made := self._maker.own(connection, case_id, FIRST_EPOCH)) is not None:
                    return self._begun(made)
            elif newest.state == "live" and (keys := self._memory.get(newest.set_id)) is not None:
                return keys
            row = rows.newest(connection, case_id)
        return self._live(row)

    def own_at(self, case_id: UUID, epoch: int) -> KeySet | Erased | None:
        """Return this country's keys of a case and epoch: to open with. None if there are none."""
        with self._connections.reading() as connection:
            row = rows.own_at(connection, case_id, epoch)
        return None if row is None else self._opener.key_set(row)

    def by_key_id(
        self, case_id: UUID, key_id: bytes, grant_id: UUID | None = None
    ) -> KeySet | Erased | None:
        """Return the own set that has a key of this name, or what a grant released; else None."""
        with self._connections.reading() as connection:
            row = rows.named(connection, case_id, key_id, grant_id)
        return None if row is None else self._opener.key_set(row)

    def next_epoch(self, case_id: UUID, *, after: int, again: bool = False) -> KeySet:
        """Return keys newer than an epoch: the newest there are, or new ones of epoch after + 1.

        `after` is what the ledger says. So a vault that was restored and knows less never gives
        out the number of an epoch a second time. KeysGone as for `own`; `again` says that the
        ledger has opened the case again after its keys were destroyed.
        """
        with self._connections.of_case(case_id) as connection:
            row = rows.newest(connection, case_id)
            made: Made | None = None
            if row is None or (row.state == "live" and (row.epoch or 0) <= after):
                made = self._maker.own(connection, case_id, after + 1)
            elif again and row.state == "erased":
                made = self._maker.own(connection, case_id, max(after, row.epoch or 0) + 1)
            if made is None:  # the first epoch may have been made in between
                row = rows.newest(connection, case_id)
        return self._live(row) if made is None else self._begun(made)

    def for_release(self, case_id: UUID, *, after: int) -> KeySet:
        """Return keys with which nothing is sealed but one release.

        Newer ones are made with them, for whatever is sealed from now on. So who gets a release
        gets nothing else with it. `after` is the last epoch released, as the ledger says.
        """
        with self._connections.of_case(case_id) as connection:
            row = rows.newest(connection, case_id)
            if row is not None and row.state != "live":
                raise _gone(row)
            newest = 0 if row is None else row.epoch or 0
            # After a release at `after` something was sealed at `after` + 1, known here or not.
            epoch = max(newest, after + 1) + 1
            made = [self._maker.own(connection, case_id, one) for one in (epoch, epoch + 1)]
        first, _ = [self._begun(one) for one in made if one is not None]
        return first

    def reserve(self, keys: KeySet, count: int) -> None:
        """Count seals before they are made. KeyWornOut: make the next epoch; KeysGone: erased."""
        self._counter.reserve(keys, count)

    def receive(
        self, case_id: UUID, grant_id: UUID, keys: Sequence[tuple[int, int, bytes]]
    ) -> None:
        """Keep the keys of a grant: (scope number, epoch, data key). May be repeated.

        Keys of a grant that were destroyed here are not brought back: nothing happens. The
        caller has compared them with their commitments. RecordRejected if the grant was kept
        with other keys, or names a scope twice; SealBroken if one of them is, or was, an own key
        or another grant's: nobody gives us that.
        """
        epochs: dict[int, dict[int, bytes]] = {}
        for scope, epoch, dek in keys:
            if epochs.setdefault(epoch, {}).setdefault(scope, dek) != dek:
                raise RecordRejected(f"grant {grant_id} has two keys of scope {scope}")
        with self._connections.of_case(case_id) as connection:
            for epoch, deks in sorted(epochs.items()):
                self._maker.received(connection, case_id, grant_id, epoch, deks)

    def one_time(self, case_id: UUID, handoff_id: UUID, stage: str) -> bytes:
        """Return the public X25519 key (32 bytes) of a step of a handoff, made if there is none.

        KeysGone if it was destroyed.
        """
        with self._connections.of_case(case_id) as connection:
            row = self._maker.one_time(connection, case_id, handoff_id, stage)
        if row.state != "live":
            raise _gone(row)
        assert row.public is not None, "a one-time key has a public half"
        return row.public

    def one_time_private(self, case_id: UUID, handoff_id: UUID, stage: str) -> bytes:
        """Return the private half (32 bytes); KeysGone if it was destroyed or never made."""
        with self._connections.reading() as connection:
            row = rows.one_time(connection, case_id, handoff_id, stage)
        if row is None:
            raise KeysGone(f"handoff {handoff_id} never had a one-time key here ({stage!r})")
        keys = self._opener.keys(row) if row.state == "live" else None
        if not isinstance(keys, tuple):
            raise _gone(row)
        return keys[0]

    def erase_case(
        self,
        case_id: UUID,
        *,
        grant: UUID | None = None,
        handoff: UUID | None = None,
        kinds: Collection[Kind] | None = None,
        before: datetime | None = None,
    ) -> Evidence:
        """Destroy every key of a case; or of some kinds, one grant or handoff, made before a time.

        May be repeated, and then finds what was destroyed before. KeystoreDamaged if a replica
        cannot be reached: then the keys are used no more, but nothing counts as destroyed.
        """
        found = self._eraser.erase(case_id, Only(grant, handoff, kinds, before))
        for one in found.destroyed:
            self._counter.drop(one.set_id)
        return found

    def attest(
        self, case_id: UUID, *, grant: UUID | None = None, before: datetime | None = None
    ) -> Evidence:
        """Return what can be said of keys that were destroyed; NotAllowedNow unless all were.

        Each of them was seen to fail on every replica after its slot was overwritten. Another
        process forgets what it has in memory within 300 seconds.
        """
        self._eraser.finish(case_id)
        return self._eraser.evidence(case_id, Only(grant=grant, before=before))

    def sets(self, case_id: UUID) -> list[Line]:
        """Return what there is of a case and what there was, oldest first; no secrets."""
        with self._connections.reading() as connection:
            found = rows.chosen(connection, case_id)
        return [_line(row) for row in found]

    def unfinished(self) -> list[UUID]:
        """Return the cases with an erasure that has not ended, because a replica is missing."""
        return self._eraser.unfinished()

    def finish(self) -> None:
        """Bring interrupted erasures to their end; KeystoreDamaged if one cannot be."""
        for case_id in self.unfinished():
            self._eraser.finish(case_id)

    def rotate(self, *, batch: int = 100) -> Rotated:
        """Wrap every live set under the present KEK; retire the others. May be interrupted."""
        return rotating.rotate(self._connections, self._slots, self._kek, batch=batch)

    def mend(self) -> int:
        """Make missing slot files anew from a good one; return how many."""
        return self._supply.mend()

    def _live(self, row: Row | None) -> KeySet:
        assert row is not None, "one was seen, and sets are never deleted"
        found = self._opener.key_set(row)
        if isinstance(found, Erased):
            raise _gone(row)
        return found

    def _begun(self, made: Made) -> KeySet:
        """Return a set that is kept for good by now, and a block of seals with it."""
        self._counter.began(made.row.set_id)
        return self._opener.remember(made.row, made.deks)


def _gone(row: Row) -> KeysGone:
    what = f"epoch {row.epoch}" if row.handoff_id is None else f"handoff {row.handoff_id}"
    return KeysGone(f"the {row.kind} keys of case {row.case_id}, {what}, were destroyed here")


def _line(row: Row) -> Line:
    return Line(
        **{name: getattr(row, name) for name in Line._fields}
        | {"kind": Kind(row.kind), "scopes": tuple(row.scopes), "key_ids": tuple(row.key_ids)}
    )
