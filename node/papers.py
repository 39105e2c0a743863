"""Documents of a transfer: hashed here, compared with what their sender committed itself to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from events.codes import DataScope, Purpose, Role
from events.errors import BadInput, NotAllowedNow
from ledger.case.documents import kind_of, listed_in
from ledger.service import Ledger
from node.place import Place, actor


class Papers(NamedTuple):
    """What the sender of a transfer says that it hands over."""

    handoff_id: UUID
    commitments: tuple[bytes, ...]
    salt: bytes
    kinds: tuple[str, ...]

    def kind_of(self, path: Path) -> str | None:
        """Return as which kind the sender handed a file over; None if it is not one of them."""
        return kind_of(self.handoff_id, self.commitments, self.salt, self.kinds, digest_of(path))


def digest_of(path: Path) -> bytes:
    """Return the SHA-256 of a file; BadInput if it cannot be read."""
    try:
        with path.open("rb") as file:
            found = sha256()
            while block := file.read(1 << 20):
                found.update(block)
    except OSError:
        raise BadInput("a document is a file that can be read") from None
    return found.digest()


def said(kind_and_path: str) -> str:
    """Return `kind=SHA-256` of what was typed as `kind=FILE`."""
    kind, _, path = kind_and_path.partition("=")
    return f"{kind}={digest_of(Path(path)).hex()}"


def papers_of(
    ledger: Ledger, where: Place, by: str | None, case_id: UUID, handoff_id: UUID | None
) -> Papers:
    """Open which documents go with a transfer, after recording who looks.

    NotAllowedNow if nothing was committed to, or the keys of it are not here.
    """
    transfers = ledger.case(case_id).ahead.transfers
    having = [key for key, one in transfers.items() if one.documents]
    wanted = handoff_id or (having[-1] if having else None)
    if wanted is None or wanted not in having:
        raise NotAllowedNow(
            f"case {case_id}: no documents were committed to for this transfer", rule="documents"
        )
    who = actor(by, where=where, role=Role.CASEWORKER)
    scopes = (DataScope.DOCUMENTS,)
    shown = ledger.read(case_id, by=who, scopes=scopes, purpose=Purpose.TRANSFER)
    for scoped in shown.values():
        opened = scoped.get(DataScope.DOCUMENTS)
        record: Mapping[str, Any] = json.loads(opened.text or b"{}") if opened is not None else {}
        if (found := listed_in(record, wanted)) is not None:
            return Papers(wanted, transfers[wanted].documents, *found)
    raise NotAllowedNow(
        f"case {case_id}: which documents these are is not readable here (yet)", rule="closed"
    )
