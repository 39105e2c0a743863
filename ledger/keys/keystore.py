"""The keystore of a country: seals, releases, shows and destroys, each as the ledger says it may.

It runs as a process of its own with a database role of its own. A caller names a case and what it
wants; whether that may be is read from the ledger, never from the caller's word.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from events.agreement import Agreement
from events.codes import DataScope
from events.errors import (
    BasisMissing,
    KeysGone,
    KeyWornOut,
    NotAllowedNow,
    ProtectiveRefusal,
    ServiceUnavailable,
    WrongCountry,
)
from ledger.case.case import Case
from ledger.case.dispute import RULE as ORDER_DISPUTED
from ledger.case.erasure import (
    require_erasable,
    require_not_kept,
    require_of_this_record,
)
from ledger.case.personal import merged
from ledger.case.sharing import spent_epoch
from ledger.history import Histories
from ledger.keys import capsules
from ledger.keys.capsules import Prepared
from ledger.keys.keyset import Evidence, KeySet, Kind
from ledger.keys.majority import Age, age_of
from ledger.keys.pinned import Pins
from ledger.keys.received import Received
from ledger.keys.records import Events, events_of, own_record
from ledger.keys.releasing import Releasing, stage
from ledger.keys.seal import SCOPE_NUMBER, ItemKey, seal
from ledger.keys.sealing import Field
from ledger.keys.showing import Showing, Shown
from ledger.keys.uses import Uses
from ledger.keys.vault import Vault
from ledger.readiness import Readiness
from ledger.snapshot import CaseReader
from ledger.store import Store

_HISTORIES = 1_000
#: So often a case is read again while events of it take their places.
_LOOKS = 3


def _now() -> datetime:
    return datetime.now(UTC)


class Keystore:
    """Keys of one country, used as its ledger permits. Safe to share between threads."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        country: str,
        *,
        agreement: Agreement,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Judge from a store, opened with the national keys.

        `agreement` names the country's time zone, in which birthdays are read, and the log keys
        of those whose word counts.
        """
        self._store = store
        self._vault = vault
        self.country = country
        self._clock = clock
        self._zone = ZoneInfo(agreement.countries[country].zone)
        self._pins = Pins(agreement, country)
        self._histories = Histories(country, most=_HISTORIES)
        self._reader = CaseReader(store, self._histories)
        self._partitions = agreement.partitions
        self._readiness = Readiness(store, partitions=self._partitions)
        self._releasing = Releasing(store, vault, country, self._today)
        self._uses = Uses(since=clock())

    def close(self) -> None:
        """Forget every key and close every connection."""
        self._vault.close()
        self._store.close()

    @property
    def replicas(self) -> int:
        """How many slot files can be read."""
        return self._vault.replicas

    def seal(self, fields: Sequence[Field]) -> list[bytes]:
        """Return a box for each text, under the newest keys of its case.

        KeysGone after an erasure, until the case is open again.
        """
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
        """Return this country's public key for one step of a release; the same each time.

        Only for a handoff to this country, as it knows the case: else a caller could have keys
        made without end.
        """
        case = self._reader.read(case_id).history.case
        handoff = case.ahead.handoff(handoff_id) or case.national.handoff(handoff_id)
        if handoff is None:
            raise NotAllowedNow(f"case {case_id} has no handoff {handoff_id}", rule="handoff_known")
        if handoff.receiver != self.country:
            raise WrongCountry(f"handoff {handoff_id}: {handoff.receiver} is its receiver")
        return self._vault.one_time(case_id, handoff_id, stage(preview=preview))

    def prepare(self, case_id: UUID, handoff_id: UUID, *, preview: bool) -> Prepared:
        """Return a release that is due: what KeysReleased says, and the record sealed for it.

        The same grant each time, with the record as it is now. BasisMissing.
        """
        case, events = self._look(case_id, gives=True)
        # No consent of others for somebody who has come of age, whatever the topic shows.
        ended = frozenset(self._age(case, events).ended)
        return self._releasing.prepare(case, events, handoff_id, preview=preview, without=ended)

    def carry(self, case_id: UUID, grant_id: UUID, *, again: bool = False) -> bytes:
        """Return the capsule of a grant that is effective and still permitted. BasisMissing.

        `again`: it has been on the topic, where a block or a birthday does not take it back. So
        that neither can be read from it, nothing but the end of the grant keeps it off from then.
        """
        again = again and self._releasing.has_left(grant_id)
        case, events = self._look(case_id, gives=not again)
        grant = case.settled.releases.get(grant_id)
        # Before it is noted as given out: a caller's `again` is believed of nothing else.
        if grant is not None and not again and grant.basis_id in self._age(case, events).ended:
            raise BasisMissing(f"{grant.basis_id}: it ended by age; she is asked herself")
        return self._releasing.carry(case, grant_id, again=again)

    def age(self, case_id: UUID) -> Age:
        """Return what follows from the child's age today: whose consents have ended."""
        return self._age(*self._look(case_id))

    def receive(self, case_id: UUID, grant_id: UUID, value: bytes) -> None:
        """Take in the keys of a grant to this country. SealBroken."""
        case, events = self._look(case_id)
        self._releasing.receive(case, events, grant_id, value)

    def show(self, case_id: UUID, access_id: UUID) -> Shown:
        """Return the data that an access was recorded for, once and at once.

        AccessRefused if no such access stands in this country's own ledger.
        """
        return self._showing(case_id, access_id).shown()

    def event_keys(self, case_id: UUID, access_id: UUID) -> Mapping[DataScope, ItemKey]:
        """Return the keys of one own event for an auditor whose access was recorded, once.

        AccessRefused as for `show`, and for whatever is no copy of one event for an auditor.
        """
        return self._showing(case_id, access_id, gives=True).given()

    def _showing(self, case_id: UUID, access_id: UUID, *, gives: bool = False) -> Showing:
        case, events = self._look(case_id, gives=gives)
        access = self._uses.recorded(events.own, access_id, self._clock())
        return Showing(self._vault, case, events, self._today(), access)

    def destroy(self, case_id: UUID, grant_id: UUID) -> Evidence:
        """Destroy the keys of a grant that is shared no longer, and see them fail.

        Once its handoff is over, the one-time keys that open its capsules go with them. What is
        kept for a court, or on a ground of this country's own, is kept.
        """
        case, _ = self._look(case_id)
        grant = case.ahead.releases.get(grant_id)
        if grant is None or grant.recipient != self.country:
            raise NotAllowedNow(f"grant {grant_id} is not this country's", rule="grant_known")
        if grant.state == "released" and case.identity.state == "open":
            raise ProtectiveRefusal(
                f"grant {grant_id} is in use: its keys are destroyed when sharing has stopped",
                rule="grant_in_use",
            )
        require_not_kept(case, grant_id, self._today())
        handoff = case.settled.handoff(grant.handoff_id)
        if handoff is None or not handoff.open:
            self._vault.erase_case(case_id, handoff=grant.handoff_id)
        self._vault.erase_case(case_id, grant=grant_id)
        return self._vault.attest(case_id, grant=grant_id)

    def erase(self, case_id: UUID, erasure_id: UUID) -> Evidence:
        """Destroy every key of a case whose erasure is approved, and see them fail."""
        case, events = self._look(case_id)
        erasure = case.national.care.erasures.get(erasure_id)
        if erasure is None or erasure.state not in {"approved", "erased"}:
            raise NotAllowedNow(f"erasure {erasure_id} is not approved", rule="erasure_approved")
        before = events.erased_at(erasure_id)
        # What was erased is erased again after a restore: no hold has anything left to keep. Of
        # what the case has got since it was opened again, nothing is destroyed on an old word.
        if before is None and not self._has_begun(case_id):
            require_of_this_record(case, erasure_id)
            require_erasable(case, self._today())
        self._vault.erase_case(case_id, before=before)
        with self._store.reading() as connection:
            capsules.forget(connection, case_id, before=before)
        return self._vault.attest(case_id, before=before)

    def _age(self, case: Case, events: Events) -> Age:
        wanted = {DataScope.IDENTITY}
        own = own_record(self._vault, events.own, wanted)
        # Who took a child over has her birth date from whoever sent her.
        others = Received(self._vault, case, events, self._today(), lambda _grant: True)
        received = others.shown(wanted).values()
        texts = [one.text for said in (*received, own) for one in said.values()]
        today = self._clock().astimezone(self._zone).date()
        return age_of(case, merged(texts), today)

    def _has_begun(self, case_id: UUID) -> bool:
        """Say whether keys of the case were destroyed: no hold brings them back."""
        own = [one for one in self._vault.sets(case_id) if one.kind is Kind.OWN]
        # After an earlier erasure a case may have been opened again, with newer keys.
        newest = max(own, key=lambda one: one.epoch or 0, default=None)
        return newest is not None and newest.state != "live"

    def _today(self) -> date:
        return self._clock().date()

    def _look(self, case_id: UUID, *, gives: bool = False) -> tuple[Case, Events]:
        """Return a case and its events; NotAllowedNow while one of them is out of sight.

        Or, if it is to give something away, while countries differ on their order (ADR 29).
        KeystoreDamaged if somebody else than its origin put an event of it into the mirror.
        """
        for _ in range(_LOOKS):
            case = self._seen(case_id, gives=gives)
            events = events_of(self._store, case_id, self._pins)
            if events.settled == case.settled:
                return case, events
            # An event took its place in between; or what was read before is not there any more.
            self._histories.forget(case_id)
        raise ServiceUnavailable(f"case {case_id} changes while it is read", rule="changing")

    def _seen(self, case_id: UUID, *, gives: bool) -> Case:
        seen = self._reader.read(case_id)
        self._readiness.require(seen.incarnation, seen.generation)
        if seen.held or seen.parked:
            raise NotAllowedNow(
                f"case {case_id}: an event of it cannot be read here yet, so no key is used",
                rule="held" if seen.held else "parked",
            )
        if gives and seen.dispute(self._partitions) is not None:
            raise NotAllowedNow(
                f"case {case_id}: no key leaves while countries differ on its order",
                rule=ORDER_DISPUTED,
            )
        return seen.history.case

    def _sealed(self, case_id: UUID, fields: Sequence[Field]) -> list[bytes]:
        keys = self._newest(case_id)
        try:
            self._vault.reserve(keys, len(fields))
        except KeyWornOut:
            keys = self._vault.next_epoch(case_id, after=keys.epoch)
            self._vault.reserve(keys, len(fields))
        return [
            seal(keys.dek(SCOPE_NUMBER[one.scope]), one.place(keys.epoch), one.text, size=one.size)
            for one in fields
        ]

    def _newest(self, case_id: UUID) -> KeySet:
        """Return the keys to seal with. A case that is open again after its erasure gets new ones.

        While an erasure is not recorded yet, nothing new is made: it would be destroyed with it.
        """
        try:
            return self._vault.own(case_id)
        except KeysGone:
            case = self._reader.read(case_id).history.case
            erasures = case.national.care.erasures.values()
            under_way = any(one.state == "approved" for one in erasures)
            if case.identity.state != "open" or under_way:
                raise
        return self._vault.next_epoch(case_id, after=spent_epoch(case), again=True)
