"""Which key of a log seals it: keys follow each other by an event in the country's shared log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from ledger.log.signature import LogSigner
from ledger.log.succession import have_successors, turns


@dataclass(frozen=True, slots=True)
class SealerPens:
    """The keys of one log that a sealer has."""

    signers: Sequence[LogSigner]
    pinned: Sequence[str]
    prefix: str
    origin: str
    #: Whether it is the log in which the event stands. Nothing orders two logs, so that another
    #: one has no place from which a key counts: there it is the newest.
    is_shared: bool

    def of(self, database: Connection[Any], size: int) -> LogSigner | None:
        """Return the key whose turn it is to sign a checkpoint of a size; None if it is not here.

        Where both may, the later one does.
        """
        if not have_successors(self.pinned):
            return self.signers[0]
        known = turns(database, self.pinned, prefix=self.prefix, origin=self.origin)
        keys = {one.verifier.render(): one for one in self.signers}
        if not self.is_shared:
            return keys.get(known.newest(keys) or "")
        may = [key for key in self.pinned if key in keys and known.may_seal(key, size)]
        return keys[may[-1]] if may else None
