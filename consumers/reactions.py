"""What a reactor does for one case: stop, erase, release, carry, take in, and clear away.

Every step may be repeated, by an idempotency key, by the grant as the capsule's key, or because
the keystore does it once. So what a crash leaves undone is done when the case is looked at again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from psycopg import Connection

from consumers.asking_rules import Desk
from consumers.by_rules import Ask, asks
from consumers.failures import Failures
from consumers.grant_mail import GrantMail
from consumers.notes import Notes
from consumers.release_measures import RELEASES, STOP_SECONDS
from consumers.withdrawn import withdrawn_at
from events.errors import DecisionRefused, LedgerError, SealBroken
from ledger.case import care, data, erasure, withdrawal
from ledger.case.case import Case
from ledger.case.erasure import unfinished
from ledger.case.gone import names_of
from ledger.case.plane import Release
from ledger.case.sharing import Due, releases_due, stops
from ledger.keys.asking import Keys
from ledger.keys.capsule import capsule_hash, split
from ledger.keys.majority import given_by_others

log = structlog.get_logger()

#: So many names of keys fit into an attestation: 64 KiB, 17 bytes each, and room for the rest.
_MOST_NAMES = 3_500
#: Told what has just been done.
At = Callable[[str], None]


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
    #: Case id of the register: it says which rules are in force.
    register: UUID
    #: Grants that stand and whose capsule has not been taken in yet -> their cases.
    awaited: dict[UUID, UUID] = field(default_factory=dict)
    _notes: Notes = field(default_factory=Notes)
    _case: Case | None = None
    _failures: Failures = field(init=False)
    _asks: tuple[Ask, ...] = field(init=False)
    #: Case -> the day on which it was last asked for the child's age, and how many bases it had.
    _aged: dict[UUID, tuple[date, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with nothing that failed."""
        self._failures = Failures(self._count)
        self._asks = asks(self.country, self.register, self.desk)

    def serve(
        self, database: Connection[Any], case_id: UUID, today: date, *, daily: bool = False
    ) -> tuple[LedgerError, ...]:
        """Do for a case whatever is due; return what could not be done. StartAgain.

        A step that fails keeps none of the others from being done; nor does one due, grant or
        capsule within a step. Once a day what may have been taken off the topic is put back.
        """
        steps = (
            self._stop,
            self._come_of_age,
            self._erase,
            self._release,
            self._carry,
            self._receive,
            self._clear,
            self._ask_rules,
        )
        self._case = None
        self._failures.taken()  # whoever left in the midst of it has said so
        for step in steps:
            with self._failures.apart():
                step(database, self._seen(case_id), today)
        if daily:
            with self._failures.apart():
                self._put_again(database, self._seen(case_id))
        return self._failures.taken()

    def _seen(self, case_id: UUID) -> Case:
        """Return the case, looked at once and again after each decision of this country's own."""
        if self._case is None:
            self._case = self.desk.case(case_id)
        return self._case

    def _count(self, outcome: str) -> None:
        RELEASES.labels(self.country, outcome).inc()

    def _stop(self, database: Connection[Any], case: Case, today: date) -> None:
        for handoff_id, epoch in stops(case, today).items():
            with self._failures.apart():
                self._stop_one(database, case, handoff_id, epoch)

    def _stop_one(
        self, database: Connection[Any], case: Case, handoff_id: UUID, epoch: int
    ) -> None:
        key = f"stop/{handoff_id}/{epoch}"
        self._decide(case, data.stop_release, {"handoff_id": handoff_id}, key)
        self._count("stopped")
        withdrawn = withdrawn_at(database, case, handoff_id)
        if withdrawn is not None:
            seconds = (datetime.now(UTC) - withdrawn).total_seconds()
            STOP_SECONDS.labels(self.country).observe(max(0.0, seconds))
        self.at("stopped")

    def _come_of_age(self, _database: Connection[Any], case: Case, today: date) -> None:
        """End what others consented to for somebody who has come of age; ask her in time.

        The keystore uses nothing on it from the day itself. What others see of it, and what is
        recorded, waits for the first day of a month: no birthday can be read from it. A reactor
        that did not run on that day does it on the first day of the next month.
        """
        if today.day != 1:
            return
        bases = {**case.national.consents, **case.ahead.consents}
        others = any(
            basis.state == "granted" and given_by_others(case, basis_id, basis)
            for basis_id, basis in bases.items()
        )
        # The keystore judges by itself whenever a key is used; here once a day is enough.
        if not others or self._aged.get(case.case_id) == (today, len(bases)):
            return
        age = self.keys.age(case.case_id)
        for basis_id in age.ended:
            asked = {"consent_id": basis_id}
            self._decide(case, withdrawal.end_by_age, asked, f"age/{basis_id}")
        if age.seek and not case.national.care.own_consent_sought:
            self._decide(case, care.seek_own_consent, {}, f"own/{case.case_id}/{today:%Y-%m}")
        self._aged = {one: at for one, at in self._aged.items() if at[0] == today}
        self._aged[case.case_id] = (today, len(bases))

    def _release(self, _database: Connection[Any], case: Case, today: date) -> None:
        for due in releases_due(case, today):
            with self._failures.apart():
                self._release_one(case, due)

    def _release_one(self, case: Case, due: Due) -> None:
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
            with self._failures.apart():
                if self._put(case, grant_id):
                    self.at("carried")
                    self._notes.keep(database, grant_id, "sent")
                    self._count("carried")

    def _put_again(self, database: Connection[Any], case: Case) -> None:
        """Put capsules again that were on the topic: a stranger's tombstone takes them away.

        As long as their handoff goes on, and whatever was decided since: else it would show.
        """
        own = self._grants(case, lambda one: one.origin == self.country, released=True)
        never = {grant_id for grant_id, _ in self._notes.missing(database, "sent", own)}
        for grant_id, one in own.items():
            handoff = case.settled.handoff(one.handoff_id)
            if grant_id not in never and handoff is not None and handoff.open:
                with self._failures.apart():
                    self._put(case, grant_id, again=True)

    def _put(self, case: Case, grant_id: UUID, *, again: bool = False) -> bool:
        """Put a capsule on the topic; say whether anything permits that still."""
        try:
            value = self.keys.carry(case.case_id, grant_id, again=again)
        except DecisionRefused as refusal:  # withdrawn, or blocked, since
            self._count("refused")
            log.warning("capsule_stays", case_id=case.case_id, rule=refusal.rule)
            return False
        self.mail.put(grant_id, value)
        return True

    def _receive(self, database: Connection[Any], case: Case, _today: date) -> None:
        given = self._grants(case, lambda one: one.recipient == self.country, released=True)
        for grant_id, grant in self._notes.missing(database, "received", given):
            # Until it is taken in nobody's tombstone makes this country forget what came.
            self.awaited[grant_id] = case.case_id
            value = self._arrived(grant_id, grant)
            if value is None:
                continue
            with self._failures.apart():
                self.keys.receive(case.case_id, grant_id, value)
                self.at("received")
                self._notes.keep(database, grant_id, "received")
                self.mail.drop([grant_id])
                del self.awaited[grant_id]
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
            self.mail.refuse(grant_id, values)
        return None

    def _clear(self, database: Connection[Any], case: Case, _today: date) -> None:
        """Take capsules off the topic that nobody may take in any more."""
        erased = any(one.state == "erased" for one in case.national.care.erasures.values())
        own = self._grants(
            case, lambda one: one.origin == self.country and (erased or one.state != "released")
        )
        for grant_id, _ in self._notes.missing(database, "tombstoned", own):
            with self._failures.apart():
                self.mail.put(grant_id, None)
                self.at("tombstoned")
                self._notes.keep(database, grant_id, "tombstoned")

    def _ask_rules(self, database: Connection[Any], case: Case, today: date) -> None:
        """Ask the rules who has the child, and what is done for her by when."""
        for ask in self._asks:
            with self._failures.apart():
                if ask(database, self._seen(case.case_id), today):
                    self._case = None
                    self.at(ask.__name__)

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
        for erasure_id, one in unfinished(case):
            with self._failures.apart():
                self._erase_one(case, erasure_id, one.state, today)

    def _erase_one(self, case: Case, erasure_id: UUID, state: str, today: date) -> None:
        done = self.keys.erase(case.case_id, erasure_id)
        self.at("erased")
        if state == "approved":
            facts = {"slots": done.slots, "replicas": done.replicas, "method": done.method}
            asked = {"erasure_id": erasure_id, **facts}
            self._decide(case, erasure.record_erased, asked, f"erased/{erasure_id}")
            self.at("recorded")
        last, keys = today + self.backups, self._named(case, done.keys)
        asked = {"erasure_id": erasure_id, "keys": keys, "backups_expire_on": last}
        self._decide(case, data.attest_erasure, asked, f"attested/{erasure_id}")
        self.at("attested")

    def _named(self, case: Case, destroyed: Collection[bytes]) -> tuple[bytes, ...]:
        """Return the names of the keys that an attestation is about: given away, and destroyed.

        Keys that another country sent are not named: their grants are destroyed by the statement
        itself, and how many there are it would say. Keys that nobody was given are nobody's
        question. What no event can hold is left out, and the board says that it is not covered.
        """
        own = [one for one in case.ahead.releases.values() if one.origin == self.country]
        given = {name for one in own for name in names_of(one)}
        return tuple(sorted(given.intersection(destroyed)))[:_MOST_NAMES]

    def _decide(
        self, case: Case, take: Callable[..., Any], arguments: Mapping[str, Any], key: str
    ) -> None:
        self._case = None
        self.desk.decide(case.case_id, take, arguments, key)
