"""The keystore of a country: seals, releases, shows and destroys, each as the ledger says it may.

It runs as a process of its own with a database role of its own. A caller names a case and what it
wants; whether that may be is read from the ledger, never from the caller's word.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from events.access import PersonalDataAccessed
from events.codes import DataScope
from events.errors import AccessRefused, KeyWornOut, NotAllowedNow, ProtectiveRefusal
from ledger.case.case import Case
from ledger.case.erasure import holds_on
from ledger.case.plane import Release
from ledger.history import Histories
from ledger.keys import capsules
from ledger.keys.capsules import Prepared
from ledger.keys.keyset import Evidence
from ledger.keys.records import Events, entries_of, events_of, own_record, released_in
from ledger.keys.releasing import Releasing, stage
from ledger.keys.seal import SCOPE_NUMBER, seal
from ledger.keys.sealing import Field, Opened
from ledger.keys.vault import Vault
from ledger.snapshot import CaseReader
from ledger.store import Store

#: So long after it was recorded an access may be used.
FRESH = timedelta(seconds=60)
_HISTORIES = 1_000

#: What is shown: country -> scope -> state and values.
Shown = Mapping[str, Mapping[DataScope, Opened]]


def _now() -> datetime:
    return datetime.now(UTC)


class Keystore:
    """Keys of one country, used as its ledger permits."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        country: str,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._store = store
        self._vault = vault
        self._country = country
        self._clock = clock
        self._reader = CaseReader(store, Histories(country, most=_HISTORIES))
        self._releasing = Releasing(store, vault, country, self._today)
        self._used: set[UUID] = set()

    def close(self) -> None:
        """Forget every key and close every connection."""
        self._vault.close()
        self._store.close()

    @property
    def replicas(self) -> int:
        """How many slot files can be read."""
        return self._vault.replicas

    def seal(self, fields: Sequence[Field]) -> list[bytes]:
        """Return a box for each text, under the newest keys of its case. KeysGone after erasure."""
        by_case: defaultdict[UUID, list[Field]] = defaultdict(list)
        for one in fields:
            by_case[one.case_id].append(one)
        boxes = {
            id(one): box
            for case_id, ones in by_case.items()
            for one, box in zip(ones, self._sealed(case_id, ones), strict=True)
        }
        return [boxes[id(one)] for one in fields]

    def one_time(self, case_id: UUID, handoff_id: UUID, *, preview: bool) -> bytes:
        """Return this country's public key for one step of a release; the same each time."""
        return self._vault.one_time(case_id, handoff_id, stage(preview=preview))

    def prepare(self, case_id: UUID, handoff_id: UUID, *, preview: bool) -> Prepared:
        """Return a release that is due: what KeysReleased says, and the record sealed for it."""
        case, events = self._look(case_id)
        return self._releasing.prepare(case, events, handoff_id, preview=preview)

    def carry(self, case_id: UUID, grant_id: UUID) -> bytes:
        """Return the capsule of a grant that is effective."""
        case, _ = self._look(case_id)
        return self._releasing.carry(case, grant_id)

    def receive(self, case_id: UUID, grant_id: UUID, value: bytes) -> None:
        """Take in the keys of a grant to this country."""
        case, events = self._look(case_id)
        self._releasing.receive(case, events, grant_id, value)

    def renew(self, case_id: UUID, *, after: int) -> int:
        """Begin an epoch later than one that was released; return the newest. Always safe."""
        return self._vault.next_epoch(case_id, after=after).epoch

    def show(self, case_id: UUID, access_id: UUID) -> Shown:
        """Return the data that an access was recorded for, once and at once.

        AccessRefused if no such access stands in this country's own ledger.
        """
        case, events = self._look(case_id)
        access = self._recorded(events, access_id)
        if access.about is not None:
            told = events.one(access.about)
            said = {} if told is None else entries_of(self._vault, told.event, access.scopes)
            return {} if told is None else {told.event.origin: said}
        own = own_record(self._vault, events.own, access.scopes)
        received = self._received(case, events, access.scopes)
        return {self._country: own, **received} if own else received

    def destroy(self, case_id: UUID, grant_id: UUID) -> Evidence:
        """Destroy the keys of a grant that is shared no longer, and see them fail."""
        case, _ = self._look(case_id)
        grant = case.ahead.releases.get(grant_id)
        if grant is None or grant.recipient != self._country:
            raise NotAllowedNow(f"grant {grant_id} is not this country's", rule="grant_known")
        if grant.state == "released" and case.identity.state == "open":
            raise ProtectiveRefusal(
                f"grant {grant_id} is in use: its keys are destroyed when sharing has stopped",
                rule="grant_in_use",
            )
        self._vault.erase_case(case_id, grant_id)
        return self._vault.attest(case_id, grant_id)

    def erase(self, case_id: UUID, erasure_id: UUID) -> tuple[Evidence, list[UUID]]:
        """Destroy every key of a case whose erasure is approved, and see them fail.

        Return what can be said of it, and the grants whose capsules are to be tombstoned.
        """
        case, _ = self._look(case_id)
        erasure = case.national.care.erasures.get(erasure_id)
        if erasure is None or erasure.state not in {"approved", "erased"}:
            raise NotAllowedNow(f"erasure {erasure_id} is not approved", rule="erasure_approved")
        if case.identity.state == "open" or holds_on(case.national, self._today()):
            raise ProtectiveRefusal(f"case {case_id} may not be erased now", rule="hold")
        self._vault.erase_case(case_id)
        with self._store.reading() as connection:
            grants = capsules.forget(connection, case_id)
        return self._vault.attest(case_id), grants

    def _today(self) -> date:
        return self._clock().date()

    def _look(self, case_id: UUID) -> tuple[Case, Events]:
        """Return a case and its events; NotAllowedNow while one of them is out of sight."""
        seen = self._reader.read(case_id)
        if seen.held or seen.parked:
            raise NotAllowedNow(
                f"case {case_id}: an event of it cannot be read here yet, so no key is used",
                rule="held" if seen.held else "parked",
            )
        return seen.history.case, events_of(self._store, case_id)

    def _sealed(self, case_id: UUID, fields: Sequence[Field]) -> list[bytes]:
        keys = self._vault.own(case_id)
        try:
            self._vault.reserve(keys, len(fields))
        except KeyWornOut:
            keys = self._vault.next_epoch(case_id, after=keys.epoch)
            self._vault.reserve(keys, len(fields))
        return [
            seal(keys.dek(SCOPE_NUMBER[one.scope]), one.place(keys.epoch), one.text, size=one.size)
            for one in fields
        ]

    def _recorded(self, events: Events, access_id: UUID) -> PersonalDataAccessed:
        for told in reversed(events.own):
            event = told.event
            if isinstance(event, PersonalDataAccessed) and event.access_id == access_id:
                late = self._clock() - event.recorded_at > FRESH
                if late or access_id in self._used:
                    break
                self._used.add(access_id)
                return event
        raise AccessRefused(
            f"access {access_id} is not recorded, or was used: record a new one", rule="recorded"
        )

    def _received(
        self, case: Case, events: Events, scopes: Sequence[DataScope]
    ) -> dict[str, dict[DataScope, Opened]]:
        """Return what other countries released, newest grant last; stopped ones stay closed."""
        found: dict[str, dict[DataScope, Opened]] = {}
        for grant_id, grant in case.settled.releases.items():
            if grant.recipient != self._country:
                continue
            said = found.setdefault(grant.origin, {})
            wanted = set(scopes) & set(grant.scopes)
            closed = self._closed(grant)
            event = None if closed else released_in(events.shared, grant_id)
            for scope in wanted:
                if event is None:
                    said.setdefault(scope, Opened(closed or "closed"))
                else:
                    said |= entries_of(self._vault, event, {scope})
        return found

    def _closed(self, grant: Release) -> str | None:
        """Say why a grant is not opened: its sender stopped it, or it is destroyed."""
        if grant.state == "claimed":
            kept = grant.until is not None and self._today() <= grant.until
            return None if kept else "stopped"
        return None if grant.state == "released" else grant.state
