"""What a reactor does for one case: stop, erase, release, carry, take in, and clear away.

Every step may be repeated, by an idempotency key, by the grant as the capsule's key, or because
the keystore does it once. So what a crash leaves undone is done when the case is looked at again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import structlog
from psycopg import Connection

from consumers.grant_mail import GrantMail
from consumers.notes import Notes
from consumers.release_measures import RELEASES, STOP_SECONDS
from events.codec import decode
from events.consent import ConsentWithdrawn, OverrideEnded
from events.errors import DecisionRefused, LedgerError, RecordRejected, SealBroken, StartAgain
from ledger.case import care, data, erasure, withdrawal
from ledger.case.case import Case
from ledger.case.plane import Release
from ledger.case.sharing import releases_due, stops
from ledger.keys.asking import Keys
from ledger.keys.capsule import capsule_hash, split
from ledger.keys.majority import given_by_others

log = structlog.get_logger()

#: Told what has just been done.
At = Callable[[str], None]

_ENDS = """
SELECT value FROM mirror.record
WHERE topic = 'shared' AND case_id = %(case)b AND ce_type IN ('ConsentWithdrawn', 'OverrideEnded')
UNION
SELECT state FROM ledger.ledger_events WHERE originator_id = %(case)b AND topic LIKE 'shared/%%'
"""


class Desk(Protocol):
    """Where the reactor decides: the country's ledger."""

    def case(self, case_id: UUID) -> Case:
        """Return a case as this country would decide on it now."""

    def decide(
        self, case_id: UUID, take: Callable[..., Any], arguments: Mapping[str, Any], key: str
    ) -> None:
        """Take a decision, once for each key. DecisionRefused, ServiceUnavailable."""


@dataclass(slots=True, kw_only=True)
class Reactions:
    """One country's reactions to what its cases say."""

    country: str
    #: How long backups of the database are kept, as an erasure tells it.
    backups: timedelta
    desk: Desk
    keys: Keys
    mail: GrantMail
    at: At
    #: Grants whose capsule has not been found on the topic yet -> their cases.
    awaited: dict[UUID, UUID] = field(default_factory=dict)
    _notes: Notes = field(default_factory=Notes)
    _case: Case | None = None
    #: Case -> the day on which it was last asked for the child's age, and how many bases it had.
    _aged: dict[UUID, tuple[date, int]] = field(default_factory=dict)

    def serve(
        self, database: Connection[Any], case_id: UUID, today: date
    ) -> tuple[LedgerError, ...]:
        """Do for a case whatever is due; return what could not be done. StartAgain.

        A step that fails keeps none of the others from being done.
        """
        steps = (
            self._stop,
            self._come_of_age,
            self._erase,
            self._release,
            self._carry,
            self._receive,
            self._clear,
        )
        failed: list[LedgerError] = []
        self._case = None
        for step in steps:
            try:
                step(database, self._seen(case_id), today)
            except StartAgain:
                raise
            except LedgerError as error:
                if isinstance(error, DecisionRefused):
                    self._count("refused")
                failed.append(error)
        return tuple(failed)

    def _seen(self, case_id: UUID) -> Case:
        """Return the case, looked at once and again after each decision of this country's own."""
        if self._case is None:
            self._case = self.desk.case(case_id)
        return self._case

    def _count(self, outcome: str) -> None:
        RELEASES.labels(self.country, outcome).inc()

    def _stop(self, database: Connection[Any], case: Case, today: date) -> None:
        for handoff_id, epoch in stops(case, today).items():
            # New keys first: whatever was sealed before loses the race for the decision number.
            self.keys.renew(case.case_id, after=epoch)
            self.at("renewed")
            key = f"stop/{handoff_id}/{epoch}"
            self._decide(case, data.stop_release, {"handoff_id": handoff_id}, key)
            self._count("stopped")
            withdrawn = _withdrawn_at(database, case, handoff_id)
            if withdrawn is not None:
                seconds = (datetime.now(UTC) - withdrawn).total_seconds()
                STOP_SECONDS.labels(self.country).observe(max(0.0, seconds))
            self.at("stopped")

    def _come_of_age(self, _database: Connection[Any], case: Case, today: date) -> None:
        """End what others consented to for somebody who has come of age; ask her in time.

        The keystore uses nothing on it from the day itself. What others see of it, and what is
        recorded, waits for the first day of a month: no birthday can be read from it.
        """
        bases = {**case.national.consents, **case.ahead.consents}
        others = any(
            basis.state == "granted" and given_by_others(case, basis_id, basis)
            for basis_id, basis in bases.items()
        )
        # The keystore judges by itself whenever a key is used; here once a day is enough.
        if not others or self._aged.get(case.case_id) == (today, len(bases)):
            return
        age = self.keys.age(case.case_id)
        for release in case.ahead.releases.values():
            if release.origin == self.country and release.basis_id in age.ended:
                self.keys.renew(case.case_id, after=release.epoch)
        if today.day == 1:
            for basis_id in age.ended:
                asked = {"consent_id": basis_id}
                self._decide(case, withdrawal.end_by_age, asked, f"age/{basis_id}")
            if age.seek and not case.national.care.own_consent_sought:
                self._decide(case, care.seek_own_consent, {}, f"own/{case.case_id}/{today:%Y-%m}")
        self._aged = {one: at for one, at in self._aged.items() if at[0] == today}
        self._aged[case.case_id] = (today, len(bases))

    def _release(self, _database: Connection[Any], case: Case, today: date) -> None:
        for due in releases_due(case, today):
            prepared = self.keys.prepare(case.case_id, due.handoff_id, preview=due.is_preview)
            self.at("prepared")
            asked = {"handoff_id": due.handoff_id, **prepared}
            key = f"release/{prepared['grant_id']}"
            self._decide(case, data.release_keys, asked, key)
            self._count("released")
            self.at("released")

    def _carry(self, database: Connection[Any], case: Case, _today: date) -> None:
        own = self._grants(case, lambda one: one.origin == self.country, released=True)
        for grant_id, _ in self._notes.missing(database, "sent", own):
            try:
                value = self.keys.carry(case.case_id, grant_id)
            except DecisionRefused as refusal:  # withdrawn, or blocked, since
                self._count("refused")
                log.warning("capsule_stays", case_id=case.case_id, rule=refusal.rule)
                continue
            self.mail.put(grant_id, value)
            self.at("carried")
            self._notes.keep(database, grant_id, "sent")
            self._count("carried")

    def _receive(self, database: Connection[Any], case: Case, _today: date) -> None:
        given = self._grants(case, lambda one: one.recipient == self.country, released=True)
        for grant_id, grant in self._notes.missing(database, "received", given):
            value = self._arrived(grant_id, grant)
            if value is None:
                self.awaited[grant_id] = case.case_id
                continue
            self.keys.receive(case.case_id, grant_id, value)
            self.at("received")
            self._notes.keep(database, grant_id, "received")
            self.mail.drop([grant_id])
            self._count("received")

    def _arrived(self, grant_id: UUID, grant: Release) -> bytes | None:
        """Return the capsule that the sender's event names; another under its grant is nobody's."""
        values = self.mail.values(grant_id)
        for value in values:
            try:
                if capsule_hash(*split(value)) == grant.capsule:
                    return value
            except SealBroken:
                continue
        if values:
            self._count("broken")
            log.warning("capsule_is_another", origin=grant.origin, rule=SealBroken.rule)
        return None

    def _clear(self, database: Connection[Any], case: Case, _today: date) -> None:
        """Take capsules off the topic that nobody may take in any more."""
        erased = any(one.state == "erased" for one in case.national.care.erasures.values())
        own = self._grants(
            case, lambda one: one.origin == self.country and (erased or one.state != "released")
        )
        for grant_id, _ in self._notes.missing(database, "tombstoned", own):
            self.mail.put(grant_id, None)
            self.at("tombstoned")
            self._notes.keep(database, grant_id, "tombstoned")

    @staticmethod
    def _grants(
        case: Case, fits: Callable[[Release], bool], *, released: bool = False
    ) -> dict[UUID, Release]:
        """Return effective grants that fit; with `released` only those that go on."""
        return {
            grant_id: one
            for grant_id, one in case.settled.releases.items()
            if fits(one) and (one.state == "released" or not released)
        }

    def _erase(self, _database: Connection[Any], case: Case, today: date) -> None:
        """Carry out what was approved: destroy, record, attest."""
        attested = case.ahead.attested if case.is_shared else case.national.attested
        said = attested.get(self.country)
        for erasure_id, one in case.national.care.erasures.items():
            if one.state not in {"approved", "erased"}:
                continue
            if said is not None and said.erasure_id == erasure_id:
                continue
            done = self.keys.erase(case.case_id, erasure_id)
            self.at("erased")
            if one.state == "approved":
                facts = {"slots": done.slots, "replicas": done.replicas, "method": done.method}
                asked = {"erasure_id": erasure_id, **facts}
                self._decide(case, erasure.record_erased, asked, f"erased/{erasure_id}")
                self.at("recorded")
            last = today + self.backups
            asked = {"erasure_id": erasure_id, "keys": done.keys, "backups_expire_on": last}
            self._decide(case, data.attest_erasure, asked, f"attested/{erasure_id}")
            self.at("attested")

    def _decide(
        self, case: Case, take: Callable[..., Any], arguments: Mapping[str, Any], key: str
    ) -> None:
        self._case = None
        self.desk.decide(case.case_id, take, arguments, key)


def _withdrawn_at(database: Connection[Any], case: Case, handoff_id: UUID) -> datetime | None:
    """Return when somebody took back what a handoff's keys were released on; None if it expired."""
    releases = case.ahead.releases.values()
    bases = {one.basis_id for one in releases if one.handoff_id == handoff_id}
    found: list[datetime] = []
    for (value,) in database.execute(_ENDS, {"case": case.case_id}):
        try:
            event = decode(value)
        except RecordRejected:
            continue
        match event:
            case ConsentWithdrawn(consent_id=basis_id) | OverrideEnded(override_id=basis_id):
                found += [event.recorded_at] if basis_id in bases else []
    return max(found, default=None)
