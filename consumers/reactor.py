"""The reactor: what a country does by itself because of what the topic says.

It stops sharing whose basis is gone, releases keys that are due, carries capsules whose release is
effective, takes in what others released, and carries out approved erasures. It decides nothing that
a person decides. Crash-only: every step may be repeated, by an idempotency key, by the grant as the
capsule's key, or because the keystore does it once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import psycopg
import structlog
from psycopg import Connection

from consumers import session
from consumers.candidates import Candidates
from consumers.grant_mail import GrantMail
from consumers.translation import translated
from events.agreement import Agreement
from events.errors import DecisionRefused, RecordRejected, ServiceUnavailable
from ledger.case import data, erasure
from ledger.case.case import Case
from ledger.case.plane import Release
from ledger.case.sharing import releases_due, stops
from ledger.keys.asking import Keys

log = structlog.get_logger()

#: Without a notice it looks so often.
_LOOK_S = 1.0
#: A case that could not be served is tried again after so long.
_AGAIN_S = 2.0
#: How long backups of the database are kept, as an erasure tells it.
BACKUPS = timedelta(days=35)


class Desk(Protocol):
    """Where the reactor decides: the country's ledger."""

    def case(self, case_id: UUID) -> Case:
        """Return a case as this country would decide on it now."""

    def decide(
        self, case_id: UUID, take: Callable[..., Any], arguments: Mapping[str, Any], key: str
    ) -> None:
        """Take a decision, once for each key. DecisionRefused, ServiceUnavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactorSettings:
    """One reactor of one country."""

    agreement: Agreement
    country: str
    #: PostgreSQL of the country, as a member of `ledger_append`.
    dsn: str = field(repr=False)
    #: Arguments of every Kafka client.
    kafka: Mapping[str, Any] = field(repr=False)
    backups: timedelta = BACKUPS


class Reactor:
    """One country's reactor."""

    def __init__(self, settings: ReactorSettings, desk: Desk, keys: Keys) -> None:
        self._settings = settings
        self._desk = desk
        self._keys = keys
        agreement = settings.agreement
        self._mail = GrantMail(settings.kafka, agreement.grants_topic, agreement.partitions)
        self._again: dict[UUID, float] = {}
        self._awaited: dict[UUID, UUID] = {}
        self._arrived: set[UUID] = set()
        self._news = threading.Event()
        self._ready = False

    def waiting(self) -> Mapping[str, str]:
        """Return what it still waits for; empty when it is ready."""
        return {} if self._ready else {"cases": "it has not looked at them yet"}

    def run(self, stop: threading.Event) -> None:
        """React until told to stop. StartAgain if a server fails."""
        failures: list[BaseException] = []

        def keep(work: Callable[[], None]) -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - raised below, where it is waited for
                failures.append(error)
                stop.set()
            finally:
                self._news.set()

        readers = [
            threading.Thread(target=keep, args=(lambda: self._mail.read(stop, self._arrive),)),
            threading.Thread(target=keep, args=(lambda: self._listen(stop),)),
        ]
        for thread in readers:
            thread.start()
        keep(lambda: self._work(stop))
        stop.set()
        for thread in readers:
            thread.join()
        self._mail.close()
        if failures:
            raise failures[0]

    def _work(self, stop: threading.Event) -> None:
        settings = self._settings
        with translated(), session.connect(settings.dsn, idle_s=30, lock_s=30) as database:
            candidates = Candidates(database, settings.agreement.partitions)
            looked_on: date | None = None
            while not stop.is_set():
                today = datetime.now(UTC).date()
                # A day ends permissions, and nobody sends an event for it.
                cases = candidates.news()
                if today != looked_on:
                    cases |= candidates.all()
                    self._mail.sweep()
                looked_on = today
                for case_id in cases | self._waiting_cases():
                    self._serve(database, case_id, today)
                self._ready = True
                self._news.wait(_LOOK_S)
                self._news.clear()

    def _waiting_cases(self) -> set[UUID]:
        """Return the cases whose time has come, and those whose capsule has arrived."""
        now = time.monotonic()
        due = {case_id for case_id, at in self._again.items() if at <= now}
        for case_id in due:
            del self._again[case_id]
        while self._arrived:
            grant_id = self._arrived.pop()
            if grant_id in self._awaited:
                due.add(self._awaited.pop(grant_id))
        return due

    def _serve(self, database: Connection[Any], case_id: UUID, today: date) -> None:
        """Do for one case whatever is due; what cannot be done now is tried again."""
        try:
            case = self._desk.case(case_id)
            self._stop(case, today)
            self._release(case, today)
            self._carry(database, case)
            self._receive(database, case)
            self._erase(database, case, today)
        except (ServiceUnavailable, DecisionRefused, RecordRejected) as error:
            said = {"rule": error.rule, "error": type(error).__name__}
            log.warning("case_waits", case_id=case_id, **said)
            if not isinstance(error, DecisionRefused):
                self._again[case_id] = time.monotonic() + _AGAIN_S

    def _stop(self, case: Case, today: date) -> None:
        for handoff_id, epoch in stops(case, today).items():
            # New keys first: whatever was sealed before loses the race for the decision number.
            self._keys.renew(case.case_id, after=epoch)
            asked = {"handoff_id": handoff_id}
            self._decide(case, data.stop_release, asked, f"stop/{handoff_id}/{epoch}")

    def _release(self, case: Case, today: date) -> None:
        for due in releases_due(case, today):
            prepared = self._keys.prepare(case.case_id, due.handoff_id, preview=due.is_preview)
            asked = {"handoff_id": due.handoff_id, **prepared}
            self._decide(case, data.release_keys, asked, f"release/{prepared['grant_id']}")

    def _carry(self, database: Connection[Any], case: Case) -> None:
        for grant_id, grant in self._moving(database, case, "sent"):
            if grant.origin == self._settings.country and grant.state == "released":
                try:
                    value = self._keys.carry(case.case_id, grant_id)
                except DecisionRefused as refusal:  # withdrawn, or blocked, since
                    log.warning("capsule_stays", case_id=case.case_id, rule=refusal.rule)
                    continue
                self._mail.put(grant_id, value)
                _note(database, grant_id, "sent")

    def _receive(self, database: Connection[Any], case: Case) -> None:
        for grant_id, grant in self._moving(database, case, "received"):
            if grant.recipient == self._settings.country and grant.state == "released":
                value = self._mail.get(grant_id)
                if value is None:
                    self._awaited[grant_id] = case.case_id
                    continue
                self._keys.receive(case.case_id, grant_id, value)
                _note(database, grant_id, "received")
                self._mail.drop(grant_id)

    def _erase(self, database: Connection[Any], case: Case, today: date) -> None:
        """Carry out what was approved: destroy, record, attest, and take capsules off the topic."""
        attested = case.ahead.attested if case.is_shared else case.national.attested
        said = attested.get(self._settings.country)
        for erasure_id, one in case.national.care.erasures.items():
            if one.state not in {"approved", "erased"}:
                continue
            if said is not None and said.erasure_id == erasure_id:
                continue
            done = self._keys.erase(case.case_id, erasure_id)
            for grant_id in done.grants:
                self._mail.put(grant_id, None)
                _note(database, grant_id, "tombstoned")
            if one.state == "approved":
                facts = {"slots": done.slots, "replicas": done.replicas, "method": done.method}
                asked = {"erasure_id": erasure_id, **facts}
                self._decide(case, erasure.record_erased, asked, f"erased/{erasure_id}")
            last = today + self._settings.backups
            asked = {"erasure_id": erasure_id, "keys": done.keys, "backups_expire_on": last}
            self._decide(case, data.attest_erasure, asked, f"attested/{erasure_id}")

    def _moving(
        self, database: Connection[Any], case: Case, step: str
    ) -> list[tuple[UUID, Release]]:
        """Return effective grants of which this step is not noted."""
        grants = case.settled.releases
        if not grants:
            return []
        rows = database.execute(
            "SELECT grant_id FROM ledger.grant_moved WHERE step = %b AND grant_id = ANY (%b)",
            (step, list(grants)),
            prepare=True,
        )
        done = {grant_id for (grant_id,) in rows}
        return [(grant_id, grant) for grant_id, grant in grants.items() if grant_id not in done]

    def _decide(
        self, case: Case, take: Callable[..., Any], arguments: Mapping[str, Any], key: str
    ) -> None:
        self._desk.decide(case.case_id, take, arguments, key)

    def _arrive(self, grant_id: UUID) -> None:
        self._arrived.add(grant_id)
        self._news.set()

    def _listen(self, stop: threading.Event) -> None:
        with translated(), psycopg.connect(self._settings.dsn, autocommit=True) as heard:
            heard.execute("LISTEN ledger_read")
            while not stop.is_set():
                for _ in heard.notifies(timeout=_LOOK_S, stop_after=1):
                    self._news.set()


def _note(database: Connection[Any], grant_id: UUID, step: str) -> None:
    database.execute(
        "INSERT INTO ledger.grant_moved (grant_id, step) VALUES (%b, %b) ON CONFLICT DO NOTHING",
        (grant_id, step),
    )
