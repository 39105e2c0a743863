"""The part about documents that go with a transfer: committed to before, checked after.

The topic holds a fixed number of commitments, so nobody counts. Which kinds there are and the salt
stand in the child's record, scope documents, and travel with the keys of that scope (ADR 46).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from events.access import PersonalDataRecorded
from events.code_lists import UNKNOWN, code_list
from events.codes import DataScope
from events.errors import BadInput, CodeUnknown, NotAllowedNow
from events.stamp import Event
from events.transfer import DocumentsCommitted
from ledger.case.block import require_unblocked
from ledger.case.changing import changed
from ledger.case.effects import Effect
from ledger.case.matter import Draft, Drafts, Matter
from ledger.case.personal import PersonalData
from ledger.case.plane import Plane
from ledger.case.referral import standing

#: So many commitments stand on the topic, however many documents there are.
COMMITMENTS: Final = 32
LIST: Final = "transferred_document"
_DOMAIN: Final = b"referral/document/v1\0"


def commitment(handoff_id: UUID, salt: bytes, kind: str, digest: bytes) -> bytes:
    """Return what commits the sender to one document: its kind, and the SHA-256 of its file."""
    said = salt + handoff_id.bytes + kind.encode() + b"\0" + digest
    return sha256(_DOMAIN + said).digest()


def _committed(plane: Plane, event: DocumentsCommitted) -> Plane:
    transfer = changed(plane.transfers[event.handoff_id], documents=event.commitments)
    return changed(plane, transfers={**plane.transfers, event.handoff_id: transfer})


EFFECTS: Mapping[type[Event], Effect] = {DocumentsCommitted: _committed}


def commit_documents(matter: Matter, /, *, handoff_id: UUID, documents: tuple[str, ...]) -> Drafts:
    """Commit this country to the documents of a transfer, before the receiver has its keys.

    Each is `kind=SHA-256 of the file`, of the list `transferred_document`. Said again, the new
    ones replace those before.
    """
    matter.require_working()
    transfer = standing(matter, handoff_id)
    if handoff_id not in matter.case.ahead.transfers:
        raise NotAllowedNow(f"{handoff_id} is no transfer", rule="handoff_known")
    if DataScope.DOCUMENTS not in transfer.scopes:
        raise BadInput("this transfer shares no data of scope documents", rule="scopes")
    require_unblocked(matter, transfer.receiver)
    releases = matter.case.ahead.releases.values()
    if any(one.handoff_id == handoff_id and not one.is_preview for one in releases):
        raise NotAllowedNow(
            f"transfer {handoff_id}: its keys are given already; what is added now the receiver"
            " could not read",
            rule="released",
        )
    listed = dict.fromkeys(_parsed(one) for one in documents)
    if not 0 < len(listed) <= COMMITMENTS:
        raise BadInput(f"name 1 to {COMMITMENTS} documents", rule="documents")
    salt = matter.new_salt()
    made = [commitment(handoff_id, salt, kind, digest) for kind, digest in listed]
    made += [matter.new_salt() for _ in range(COMMITMENTS - len(made))]
    fields = {"handoff_id": handoff_id, "commitments": tuple(sorted(made))}
    said = {"salt": salt.hex(), "kinds": sorted(kind for kind, _ in listed)}
    data = PersonalData({DataScope.DOCUMENTS: {_field(handoff_id): said}})
    return (
        Draft(PersonalDataRecorded, data=data),
        Draft(DocumentsCommitted, fields, caused_by=transfer.began_with),
    )


def missing(handoff_id: UUID, kinds: tuple[str, ...]) -> Drafts:
    """Return what keeps, sealed, which documents did not come with a transfer."""
    if not kinds:
        return ()
    said = sorted({_kind(one) for one in kinds})
    data = PersonalData({DataScope.DOCUMENTS: {f"missing:{handoff_id}": said}})
    return (Draft(PersonalDataRecorded, data=data),)


def listed_in(record: Mapping[str, Any], handoff_id: UUID) -> tuple[bytes, tuple[str, ...]] | None:
    """Return the salt and the kinds that a record of scope documents holds of a transfer."""
    said = record.get(_field(handoff_id))
    if not isinstance(said, Mapping):
        return None
    return bytes.fromhex(said["salt"]), tuple(said["kinds"])


def kind_of(
    handoff_id: UUID, commitments: Iterable[bytes], salt: bytes, kinds: Iterable[str], digest: bytes
) -> str | None:
    """Return as which kind the sender committed itself to a file; None if it did not."""
    known = set(commitments)
    fitting = (one for one in kinds if commitment(handoff_id, salt, one, digest) in known)
    return next(fitting, None)


def _field(handoff_id: UUID) -> str:
    return f"handover:{handoff_id}"


def _kind(said: str) -> str:
    if said == UNKNOWN:
        raise CodeUnknown("a document has a kind", rule=f"code_list.{LIST}")
    return code_list(LIST).require(said)


def _parsed(said: str) -> tuple[str, bytes]:
    kind, _, digest = said.partition("=")
    try:
        found = bytes.fromhex(digest)
    except ValueError:
        found = b""
    if len(found) != sha256().digest_size:
        raise BadInput("a document is said as kind=SHA-256 of its file", rule="documents")
    return _kind(kind), found
