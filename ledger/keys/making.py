"""Makes sets of keys, each kept in one transaction: its row, and its share in every slot file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final
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


class Maker:
    """Makes the sets of one vault; the caller holds the case (`Connections.of_case`)."""

    def __init__(self, supply: Supply, kek: KekChain) -> None:
        self._supply = supply
        self._kek = kek

    def own(
        self, connection: Connection[Any], case_id: UUID, epoch: int
    ) -> tuple[Row, list[bytes]]:
        """Make keys of this country's own for an epoch, with a block of seals; return them."""
        deks = [os.urandom(KEY_BYTES) for _ in OWN_SCOPES]
        owner = Owner(
            set_id=uuid4(),
            kind=Kind.OWN,
            case_id=case_id,
            epoch=epoch,
            scopes=OWN_SCOPES,
            key_ids=[key_id(dek) for dek in deks],
        )
        return self._keep(connection, owner, deks, seals=BLOCK), deks

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
        return self._keep(connection, owner, [private.private_bytes_raw()])

    def _keep(
        self, connection: Connection[Any], owner: Owner, keys: Sequence[bytes], *, seals: int = 0
    ) -> Row:
        slot, share = self._supply.take(connection)
        wrapped = wrap(keys, self._kek.current, share, owner.case_id, owner.set_id)
        rows.add(connection, owner, slot, wrapped, seals=seals)
        row = rows.by_id(connection, owner.set_id)
        assert row is not None, "it was added in this transaction"
        return row
