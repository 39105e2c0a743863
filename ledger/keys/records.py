"""The child's record: what a country's own events say in sealed form, opened and put together.

Runs in the keystore process only. What it returns goes to whoever was recorded to be shown it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import tuple_row

from events.access import PersonalDataRecorded
from events.care import (
    AssessmentCompleted,
    ConcernRecorded,
    GuardianAppointed,
    RiskAssessed,
    ViewsRecorded,
)
from events.case import CaseOpened
from events.codec import decode
from events.codes import DataScope
from events.data import KeysReleased
from events.erasure import KeysErased
from events.monitoring import FollowUpCompleted
from events.stamp import Event, SealedEntry, leaf_hash
from ledger.case.personal import merged, record_text
from ledger.case.plane import Plane, empty
from ledger.case.reading import read_on
from ledger.keys.keyset import Erased
from ledger.keys.national import opened
from ledger.keys.pinned import Pins
from ledger.keys.seal import SCOPE_NUMBER, ItemKey, key_given, key_id_of, unseal
from ledger.keys.sealing import Opened, place_in
from ledger.keys.vault import Vault
from ledger.store import Store

#: Events whose data is the child's record. Why somebody is blocked, or broke the glass, is not.
OF_RECORD = frozenset(
    {
        CaseOpened,
        PersonalDataRecorded,
        ConcernRecorded,
        AssessmentCompleted,
        RiskAssessed,
        ViewsRecorded,
        GuardianAppointed,
        FollowUpCompleted,
    }
)
_OWN = """
SELECT state FROM ledger.ledger_events WHERE originator_id = %s ORDER BY originator_version
"""
_SHARED = """
SELECT origin, version, value, log_index, signature FROM mirror.record
WHERE topic = 'shared' AND case_id = %s AND effect_offset IS NOT NULL
ORDER BY effect_offset, effect_rank
"""


class Told(NamedTuple):
    """An event of a case as it was read, and its leaf hash."""

    event: Event
    leaf: bytes


class Events(NamedTuple):
    """Every event of a case that this country can read."""

    own: Sequence[Told]
    #: Those that took effect on the shared topic, in its order. What is void says nothing here:
    #: else whoever signs events of this case could put his own under somebody else's ids.
    shared: Sequence[Told]
    #: The case as these shared events make it; None where nobody asked for them.
    settled: Plane | None = None

    def one(self, event_id: UUID) -> Told | None:
        """Return an event by its id, own ones first."""
        found = (told for told in (*self.own, *self.shared) if told.event.event_id == event_id)
        return next(found, None)

    def erased_at(self, erasure_id: UUID) -> datetime | None:
        """Return when it was recorded that an erasure has destroyed its keys; None if not."""
        for told in self.own:
            if isinstance(told.event, KeysErased) and told.event.erasure_id == erasure_id:
                return told.event.recorded_at
        return None


def events_of(store: Store, case_id: UUID, pins: Pins | None = None) -> Events:
    """Return every event of a case; RecordRejected if an own one is not what was written.

    With `pins` a shared one that its origin has not signed is refused, too: KeystoreDamaged.
    """
    keys = store.mapper.keys
    with store.reading() as connection:
        cursor = connection.cursor(row_factory=tuple_row)
        own = cursor.execute(_OWN, (case_id,)).fetchall()
        shared = cursor.execute(_SHARED, (case_id,)).fetchall()
    told = [Told(opened(decode(value), keys), leaf_hash(value)) for (value,) in own]
    return Events(told, *_effective(case_id, shared, pins))


def _effective(
    case_id: UUID, rows: Iterable[tuple[str, int, bytes, int, bytes]], pins: Pins | None
) -> tuple[list[Told], Plane]:
    plane, found = empty(case_id, shared=True), []
    for origin, version, value, index, signature in rows:
        leaf = leaf_hash(value)
        if pins is not None:
            pins.require(case_id, origin, index, leaf, signature)
        plane, verdict, event = read_on(plane, value, leaf, origin=origin, version=version)
        if event is not None and verdict.effective:
            found.append(Told(event, leaf))
    return found, plane


def open_entry(
    vault: Vault, event: Event, entry: SealedEntry, grant_id: UUID | None = None
) -> Opened:
    """Return what an entry says, or that its key was destroyed. SealBroken if it was tampered with.

    It is opened with own keys, or with those of the grant that permits it: what others gave us
    opens nothing of our own, and no grant opens what another gave. An entry under a key that was
    never here is as closed as an erased one.
    """
    keys = vault.by_key_id(event.case_id, key_id_of(entry.box), grant_id)
    if keys is None or isinstance(keys, Erased):
        return Opened("erased" if keys is not None else "closed")
    place = place_in(event, entry.scope, keys.epoch)
    return Opened("open", unseal(keys.dek(SCOPE_NUMBER[entry.scope]), place, entry.box))


def item_key(vault: Vault, event: Event, entry: SealedEntry) -> ItemKey | None:
    """Return the key of one entry of an own event; None if the key it is made from is gone.

    SealBroken if it was tampered with.
    """
    keys = vault.by_key_id(event.case_id, key_id_of(entry.box))
    if keys is None or isinstance(keys, Erased):
        return None
    place = place_in(event, entry.scope, keys.epoch)
    key = key_given(keys.dek(SCOPE_NUMBER[entry.scope]), place, entry.box)
    return ItemKey(keys.epoch, place.schema_sha256, key)


def own_record(
    vault: Vault, own: Iterable[Told], scopes: Iterable[DataScope]
) -> Mapping[DataScope, Opened]:
    """Return this country's record of a case by scope, every later text over the earlier ones.

    A case that was opened again after an erasure has a new record; the old one reads as erased
    until there is one.
    """
    wanted = set(scopes)
    before: dict[DataScope, Opened] = {}
    found: dict[DataScope, list[Opened]] = {}
    for told in own:
        if isinstance(told.event, KeysErased):
            before |= dict.fromkeys(found, Opened("erased"))
            found = {}
        if type(told.event) in OF_RECORD:
            for entry in told.event.sealed:
                if entry.scope in wanted:
                    found.setdefault(entry.scope, []).append(open_entry(vault, told.event, entry))
    return before | {scope: _together(texts) for scope, texts in found.items()}


def _together(texts: Sequence[Opened]) -> Opened:
    """A record with an erased part is erased: nobody takes what is left for the whole."""
    if any(one.state != "open" for one in texts):
        return Opened("erased")
    return Opened("open", record_text(merged(one.text for one in texts)))


def entries_of(
    vault: Vault, event: Event, scopes: Iterable[DataScope]
) -> Mapping[DataScope, Opened]:
    """Return what one own event says in some scopes."""
    wanted = set(scopes)
    return {
        entry.scope: open_entry(vault, event, entry)
        for entry in event.sealed
        if entry.scope in wanted
    }


def released_in(shared: Iterable[Told], grant_id: UUID) -> KeysReleased | None:
    """Return the release with this id, as it stands on the topic."""
    for told in shared:
        if isinstance(told.event, KeysReleased) and told.event.grant_id == grant_id:
            return told.event
    return None
