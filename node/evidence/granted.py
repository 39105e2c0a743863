"""Keys of single events that an auditor was granted, as they lie in a bundle.

The keystore gives a key of a scope for an access that was recorded before. Where the event, and
where that access, stand in envelopes of the national topic, the key of each such envelope goes
with it: of those events alone, and never of one that is restricted.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from events.codec import decode
from events.codes import DataScope, Purpose
from events.errors import KeyUnknown
from events.national import NationalEvent
from events.stamp import Actor
from ledger.keys.national import NationalKeys
from ledger.keys.seal import ItemKey
from ledger.service import Ledger

#: In place of a scope: of a whole national event.
ENVELOPE = "envelope"


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedKey:
    """The key of one event and scope (ledger.keys.seal), and the access that it was given for."""

    event_id: UUID
    #: A data scope, or ENVELOPE.
    scope: str
    #: The `PersonalDataAccessed` on the national log that recorded it before it was given.
    access_event_id: UUID
    item: ItemKey = field(repr=False)

    @property
    def file(self) -> str:
        """Its file."""
        return f"keys/{self.event_id}.{self.scope}.key"

    @property
    def content(self) -> bytes:
        """What stands there: all that opening the entry takes, beside the event."""
        said = {
            "access_event_id": str(self.access_event_id),
            "epoch": self.item.epoch,
            "event_id": str(self.event_id),
            "key": base64.b64encode(self.item.key).decode(),
            "schema_sha256": self.item.schema_sha256.hex(),
            "scope": str(self.scope),
        }
        return (json.dumps(said, indent=1) + "\n").encode()


def granted(
    ledger: Ledger,
    case_id: UUID,
    wanted: Mapping[UUID, tuple[DataScope, ...]],
    *,
    by: Actor,
    purpose: Purpose,
) -> list[GrantedKey]:
    """Return the keys of some events and scopes, after each access was recorded.

    One access for each event. Raises as Ledger.event_keys; of what was erased there is no key.
    """
    found = []
    for event_id, scopes in wanted.items():
        access_event_id, keys = ledger.event_keys(
            case_id, by=by, about=event_id, scopes=scopes, purpose=purpose
        )
        found += [
            GrantedKey(
                event_id=event_id, scope=str(scope), access_event_id=access_event_id, item=item
            )
            for scope, item in keys.items()
        ]
    return found


def with_envelopes(
    keys: Iterable[GrantedKey], values: Mapping[UUID, bytes], national: NationalKeys | None
) -> Iterator[GrantedKey]:
    """Yield keys, and those of the envelopes in which their events and accesses stand.

    `values` are the bytes of the events that are in the bundle. KeyUnknown if an envelope cannot
    be opened here; RecordRejected, rule `restricted`, if what is in it is for few.
    """
    given: set[UUID] = set()
    for key in keys:
        yield key
        for event_id in (key.event_id, key.access_event_id):
            envelope = None if event_id in given else decode(values[event_id])
            if not isinstance(envelope, NationalEvent):
                continue
            given.add(event_id)
            if national is None:
                raise KeyUnknown(f"event {event_id} is sealed, and no national keys are here")
            yield GrantedKey(
                event_id=event_id,
                scope=ENVELOPE,
                # Whoever may see that an access was recorded for her may read that access.
                access_event_id=key.access_event_id,
                item=national.item_key(envelope),
            )
