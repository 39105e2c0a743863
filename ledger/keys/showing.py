"""What somebody is shown: this country's own record, and what others released and still share.

A key that is here opens nothing by itself: an entry of another country is opened as long as a
grant of that very key stands, on a permission that this country has not seen end.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import NamedTuple
from uuid import UUID

from events.access import PersonalDataAccessed
from events.codes import DataScope, Role
from events.data import KeysReleased
from events.errors import AccessRefused
from events.measure import UrgentMeasureTaken
from events.referral import ReferralSent
from events.stamp import Event
from events.transfer import TransferProposed
from ledger.case.access import may_guardian_look
from ledger.case.case import Case
from ledger.case.matter import ANSWERING
from ledger.case.receiving import is_for
from ledger.keys.received import Received
from ledger.keys.records import (
    OF_RECORD,
    Events,
    entries_of,
    item_key,
    own_record,
)
from ledger.keys.seal import ItemKey
from ledger.keys.sealing import WORKING, Opened
from ledger.keys.vault import Vault

#: What is shown: country -> scope -> state and values.
Shown = Mapping[str, Mapping[DataScope, Opened]]
#: Own events whose data everybody may see who works with the child. Why somebody is blocked, why
#: a permission was overridden or the glass broken: that is for those who answer for it.
_FOR_ALL = OF_RECORD | WORKING | {ReferralSent, TransferProposed, KeysReleased, UrgentMeasureTaken}


class Showing(NamedTuple):
    """One look at a case, on a day."""

    vault: Vault
    case: Case
    events: Events
    today: date
    access: PersonalDataAccessed

    def shown(self) -> Shown:
        """Return what the access was recorded for; SealBroken if an entry was tampered with."""
        access = self.access
        self._require_right()
        if access.about is not None:
            return self._about(access.about, set(access.scopes))
        own = own_record(self.vault, self.events.own, access.scopes)
        received = self._others.shown(set(access.scopes))
        return {self.case.country: own, **received} if own else received

    def given(self) -> Mapping[DataScope, ItemKey]:
        """Return the keys of the one own event that an auditor copies out, of each scope asked for.

        What another country has released is opened where it was given, and its keys are passed on
        to nobody. AccessRefused; SealBroken if an entry was tampered with.
        """
        access, case_id = self.access, self.case.case_id
        self._require_right()
        if access.actor.role != Role.AUDITOR or access.door != "export" or access.about is None:
            raise AccessRefused(f"case {case_id}: such an access gives no key", rule="door")
        told = self.events.one(access.about)
        if told is None or told.event.origin != self.case.country:
            raise AccessRefused(
                f"case {case_id}: keys are given of this country's own events", rule="own_event"
            )
        self._require_for_all(told.event)
        entries = [one for one in told.event.sealed if one.scope in access.scopes]
        keys = {one.scope: item_key(self.vault, told.event, one) for one in entries}
        return {scope: key for scope, key in keys.items() if key is not None}

    @property
    def _others(self) -> Received:
        """What others gave; each part opens for the purpose that it was given for."""
        purpose, door = self.access.purpose, self.access.door
        fits = partial(is_for, self.case, purpose=purpose, door=door)
        return Received(self.vault, self.case, self.events, self.today, fits)

    def _require_right(self) -> None:
        """Refuse who was recorded to be told something else, or is kept out by now."""
        case_id, care, by = self.case.case_id, self.case.national.care, self.access.actor
        if self.access.door == "receipt":
            raise AccessRefused(f"case {case_id}: a receipt opens no data", rule="door")
        excluded = any(care.excludes_person(who) for who in (by.id, by.organisation))
        if excluded or (by.role == Role.GUARDIAN and not may_guardian_look(self.case)):
            # In the words for a wrong role: he must not learn that a block stands.
            raise AccessRefused(f"case {case_id}: a {by.role} is not shown this", rule="role")

    def _about(self, event_id: UUID, scopes: set[DataScope]) -> Shown:
        """Return what one event says, whoever's it is. AccessRefused: not in this role."""
        told = self.events.one(event_id)
        if told is None:
            return {}
        if told.event.origin == self.case.country:
            self._require_for_all(told.event)
            return {self.case.country: entries_of(self.vault, told.event, scopes)}
        return {told.event.origin: self._others.entries(told.event, scopes)}

    def _require_for_all(self, event: Event) -> None:
        """Refuse an event that only those see who answer for it. AccessRefused."""
        by = self.access.actor
        if type(event) not in _FOR_ALL and by.role not in ANSWERING:
            raise AccessRefused(
                f"case {self.case.case_id}: a {by.role} is not shown this event", rule="role"
            )
