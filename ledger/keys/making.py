"""Makes sets of keys, each kept in one statement: its row, which names its share in the slots."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from psycopg import Connection

from events.errors import RecordRejected, SealBroken
from ledger.keys import rows
from ledger.keys.counting import BLOCK
from ledger.keys.kek import KekChain
from ledger.keys.keyset import Kind
from ledger.keys.rows import Owner, Row
from ledger.keys.seal import KEY_BYTES, SCOPE_NUMBER, key_id
from ledger.keys.supply import Supply
from ledger.keys.wrapping import wrap

#: Scopes of an own set: all there are.
OWN_SCOPES: Final = tuple(number for number in SCOPE_NUMBER.values() if number)
FIRST_EPOCH: Final = 1


class Made(NamedTuple):
    """A set that is kept, and its keys in the order of its scopes."""

    row: Row
    deks: list[bytes]

    def __repr__(self) -> str:
        """Show no key."""
        return f"Made({self.row!r})"


class Maker:
    """Makes the sets of one vault; the caller holds the case (`Connections.of_case`).

    For its first epoch nobody has to: of two who make it at once, the row takes one.
    """

    def __init__(self, supply: Supply, kek: KekChain) -> None:
        self._supply = supply
        self._kek = kek

    def own(self, connection: Connection[Any], case_id: UUID, epoch: int) -> Made | None:
        """Make keys of this country's own, with a block of seals; None if the epoch is there."""
        deks = [os.urandom(KEY_BYTES) for _ in OWN_SCOPES]
        owner = Owner(
            set_id=uuid4(),
            kind=Kind.OWN,
            case_id=case_id,
            epoch=epoch,
            scopes=OWN_SCOPES,
            key_ids=[key_id(dek) for dek in deks],
        )
        row = self._keep(connection, owner, deks, seals=BLOCK)
        return None if row is None else Made(row, deks)

    def received(
        self,
        connection: Connection[Any],
        case_id: UUID,
        grant_id: UUID,
        epoch: int,
        deks: Mapping[int, bytes],
    ) -> None:
        """Keep what a grant released of an epoch: scope number -> key. Nothing if it is there.

        SealBroken if a key is, or was, an own one or another grant's; RecordRejected if the grant
        was kept with other keys.
        """
        owner = Owner(
            set_id=uuid4(),
            kind=Kind.RECEIVED,
            case_id=case_id,
            epoch=epoch,
            grant_id=grant_id,
            scopes=list(deks),
            key_ids=[key_id(dek) for dek in deks.values()],
        )
        if rows.taken(connection, case_id, owner.key_ids, grant_id):
            raise SealBroken(f"grant {grant_id}: a key of it is not new", rule="key_known")
        there = rows.granted(connection, case_id, grant_id, epoch)
        if there is None:
            self._keep(connection, owner, list(deks.values()))
        elif sorted(there.key_ids) != sorted(owner.key_ids):
            raise RecordRejected(f"grant {grant_id} was kept with other keys before")

    def one_time(
        self, connection: Connection[Any], case_id: UUID, handoff_id: UUID, stage: str
    ) -> Row:
        """Make the one-time key of a step of a handoff, or return the row that is there."""
        row = rows.one_time(connection, case_id, handoff_id, stage)
        if row is not None:
            return row
        private = X25519PrivateKey.generate()
        owner = Owner(
            set_id=uuid4(),
            kind=Kind.ONE_TIME,
            case_id=case_id,
            handoff_id=handoff_id,
            stage=stage,
            public=private.public_key().public_bytes_raw(),
        )
        row = self._keep(connection, owner, [private.private_bytes_raw()])
        assert row is not None, "only own sets are made without the case"
        return row

    def _keep(
        self, connection: Connection[Any], owner: Owner, keys: Sequence[bytes], *, seals: int = 0
    ) -> Row | None:
        slot, share = self._supply.take(connection)
        wrapped = wrap(keys, self._kek.current, share, owner.case_id, owner.set_id)
        return rows.add(connection, owner, slot, wrapped, seals=seals)
