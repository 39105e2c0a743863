"""What somebody is shown: this country's own record, and what others released and still share.

A key that is here opens nothing by itself: an entry of another country is opened as long as a
grant of that very key stands, on a permission that this country has not seen end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import NamedTuple
from uuid import UUID

import structlog

from events.access import PersonalDataAccessed
from events.codes import DataScope, RetentionGround, Role
from events.data import KeysReleased
from events.errors import AccessRefused, SealBroken
from events.referral import ReferralSent
from events.stamp import Event, SealedEntry
from events.transfer import TransferProposed
from ledger.case.case import Case
from ledger.case.plane import Release
from ledger.case.receiving import is_for
from ledger.case.sharing import is_permitted
from ledger.keys.measures import REFUSALS
from ledger.keys.records import (
    OF_RECORD,
    Events,
    entries_of,
    open_entry,
    own_record,
    released_in,
)
from ledger.keys.seal import key_id_of
from ledger.keys.sealing import Opened
from ledger.keys.vault import Vault

log = structlog.get_logger()

#: What is shown: country -> scope -> state and values.
Shown = Mapping[str, Mapping[DataScope, Opened]]
_KEY_NAME = 16
#: Own events whose data everybody may see who works with the child. Why somebody is blocked, why
#: a permission was overridden or the glass broken: that is for those who answer for it.
_FOR_ALL = OF_RECORD | {ReferralSent, TransferProposed, KeysReleased}
_ANSWERING = frozenset({Role.SUPERVISOR, Role.FOCAL_POINT, Role.DATA_PROTECTION_OFFICER})


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
        received = self._received(set(access.scopes))
        return {self.case.country: own, **received} if own else received

    def _require_right(self) -> None:
        """Refuse who was recorded to be told something else, or is kept out by now."""
        case_id, care, by = self.case.case_id, self.case.national.care, self.access.actor
        if self.access.door == "receipt":
            raise AccessRefused(f"case {case_id}: a receipt opens no data", rule="door")
        for who in (by.id, by.organisation):
            if care.excludes_person(who):
                # In the words for a wrong role: he must not learn that a block stands.
                raise AccessRefused(f"case {case_id}: a {by.role} is not shown this", rule="role")

    def _about(self, event_id: UUID, scopes: set[DataScope]) -> Shown:
        """Return what one event says, whoever's it is. AccessRefused: not in this role."""
        told, by = self.events.one(event_id), self.access.actor
        if told is None:
            return {}
        if told.event.origin == self.case.country:
            if type(told.event) not in _FOR_ALL and by.role not in _ANSWERING:
                raise AccessRefused(
                    f"case {self.case.case_id}: a {by.role} is not shown this event", rule="role"
                )
            return {self.case.country: entries_of(self.vault, told.event, scopes)}
        return {told.event.origin: self._entries(told.event, scopes)}

    def _received(self, scopes: set[DataScope]) -> dict[str, dict[DataScope, Opened]]:
        """Return what other countries released: of each scope the newest that may be opened."""
        found: dict[str, dict[DataScope, Opened]] = {}
        for grant_id, grant in self.case.settled.releases.items():
            if grant.recipient != self.case.country:
                continue
            said = found.setdefault(grant.origin, {})
            event = released_in(self.events.shared, grant_id)
            wanted = scopes & set(grant.scopes)
            entries = {} if event is None else self._entries(event, wanted, alone=False)
            for scope, one in entries.items():
                if one.state == "open" or said.get(scope, one).state != "open":
                    said[scope] = one
        return found

    def _entries(
        self, event: Event, scopes: Iterable[DataScope], *, alone: bool = True
    ) -> dict[DataScope, Opened]:
        """Open entries of another country's event. SealBroken if one is wrong and asked for alone.

        Among others it is shown as broken: else a country could keep us from our own record.
        """
        found = {}
        for entry in (one for one in event.sealed if one.scope in scopes):
            try:
                found[entry.scope] = self._entry(event, entry)
            except SealBroken as error:
                if alone:
                    raise
                said = {"origin": event.origin, "rule": error.rule}
                log.warning("seal_broken", case_id=self.case.case_id, **said)
                REFUSALS.labels(self.case.country, error.rule).inc()
                found[entry.scope] = Opened("broken")
        return found

    def _entry(self, event: Event, entry: SealedEntry) -> Opened:
        """Open an entry of another country if a grant of its key stands, else say why not."""
        closed = "closed"
        for grant_id, grant in self._grants(event.origin, entry):
            why = self._closed(grant_id, grant)
            if why is None:
                return open_entry(self.vault, event, entry, grant_id)
            closed = why
        return Opened(closed)

    def _grants(self, origin: str, entry: SealedEntry) -> Iterator[tuple[UUID, Release]]:
        """Yield the grants to this country that gave the key of an entry."""
        name = key_id_of(entry.box)
        for grant_id, grant in self.case.settled.releases.items():
            if (grant.recipient, grant.origin) == (self.case.country, origin):
                committed = zip(grant.scopes, grant.commitments, strict=False)
                if (entry.scope, name) in [(scope, one[:_KEY_NAME]) for scope, one in committed]:
                    yield grant_id, grant

    def _closed(self, grant_id: UUID, grant: Release) -> str | None:
        """Say why a grant opens nothing; what this country has only decided closes it, too.

        Of what was asked together, each part opens for the purpose that it was given for.
        """
        if not is_for(self.case, grant, self.access.purpose, self.access.door):
            return "closed"
        ahead = self.case.ahead.releases.get(grant_id, grant)
        return self._state(grant) or self._state(ahead)

    def _state(self, grant: Release) -> str | None:
        kept = grant.ground is not RetentionGround.UNKNOWN
        kept = kept and grant.until is not None and self.today <= grant.until
        if grant.state == "released":
            # Its sender owes a stop; the child's word does not wait for it.
            permitted = kept or is_permitted(self.case.ahead, grant, self.today)
            return None if permitted else "stopped"
        if grant.state == "claimed":
            return None if kept else "stopped"
        return grant.state
