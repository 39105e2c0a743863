"""The reactor: what a country does by itself because of what the topic says.

It stops sharing whose basis is gone, releases keys that are due, carries capsules whose release is
effective, takes in what others released, and carries out approved erasures. It decides nothing that
a person decides. Crash-only; what it does for a case stands in consumers/reactions.py.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
import structlog
from kafka.errors import KafkaError
from psycopg import Connection

from consumers import session
from consumers.asking_rules import Desk
from consumers.candidates import Candidates
from consumers.grant_mail import GrantMail
from consumers.notes import moved
from consumers.reactions import At, Reactions
from consumers.release_measures import LADDER, OUTCOMES, RELEASES, ROUTINGS
from consumers.translation import translated
from events.agreement import Agreement
from events.contract import register_id
from events.errors import LedgerError, ServiceUnavailable, StartAgain
from ledger.keys.asking import Keys

log = structlog.get_logger()

#: Without a notice it looks so often.
_LOOK_S = 1.0
#: A case that could not be served is tried again after so long, then after twice as long, and so
#: on; at once when there is news of it. Not every wait ends with news: a schema is installed.
_AGAIN_S, _LONGEST_S = 2.0, 600.0
#: So many cases of the daily round are served before it looks for news again.
_SLICE = 20
#: How long backups of the database are kept, as an erasure tells it.
BACKUPS = timedelta(days=35)


def _today() -> date:
    return datetime.now(UTC).date()


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
    #: The day it is (UTC): a day ends permissions, and nobody sends an event for it.
    today: Callable[[], date] = _today


class _Again(NamedTuple):
    at: float
    pause: float


class Reactor:
    """One country's reactor."""

    def __init__(
        self,
        settings: ReactorSettings,
        desk: Desk,
        keys: Keys,
        *,
        at: At = lambda _step: None,
    ) -> None:
        """`at` is told of every step that was done: tests end a reactor there."""
        self._settings = settings
        agreement = settings.agreement
        self._register = register_id(agreement.prefix)
        self._mail = GrantMail(settings.kafka, agreement.grants_topic, agreement.partitions)
        self._reactions = Reactions(
            country=settings.country,
            backups=settings.backups,
            desk=desk,
            keys=keys,
            mail=self._mail,
            at=at,
            register=self._register,
        )
        for ladder in LADDER:
            ROUTINGS.labels(settings.country, ladder)
        for outcome in OUTCOMES:
            RELEASES.labels(settings.country, outcome)  # an alert sees the first one only from 0
        self._again: dict[UUID, _Again] = {}
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
            partitions = settings.agreement.partitions
            candidates = Candidates(database, settings.country, partitions)
            looked_on: date | None = None
            swept_on: date | None = None
            rest: deque[UUID] = deque()
            while not stop.is_set():
                today, news = settings.today(), candidates.news()
                news |= candidates.due(of_desk=self._register in news)
                for case_id in news | self._waiting_cases(database):
                    self._serve(database, case_id, today, is_news=case_id in news)
                if today != looked_on:
                    rest, looked_on = deque(candidates.all()), today
                for _ in range(min(_SLICE, len(rest))):
                    self._serve(database, rest.popleft(), today, daily=True)
                self._ready = True
                if not rest and swept_on != today:
                    # After the cases: without Kafka what has to stop is stopped all the same.
                    self._mail.sweep()
                    self._mail.tidy(list(self._reactions.awaited))
                    swept_on = today
                if not rest:
                    self._news.wait(_LOOK_S)
                    self._news.clear()

    def _waiting_cases(self, database: Connection[Any]) -> set[UUID]:
        """Return the cases whose time has come, and those whose capsule has arrived."""
        now = time.monotonic()
        due = {case_id for case_id, again in self._again.items() if again.at <= now}
        arrived = set()
        while self._arrived:
            arrived.add(self._arrived.pop())
        awaited = self._reactions.awaited
        due |= {awaited.pop(grant_id) for grant_id in arrived if grant_id in awaited}
        if arrived:
            self._mail.drop(moved(database, list(arrived)))
        return due

    def _serve(
        self,
        database: Connection[Any],
        case_id: UUID,
        today: date,
        *,
        is_news: bool = False,
        daily: bool = False,
    ) -> None:
        """Do for one case whatever is due; what cannot be done now is tried again."""
        before = None if is_news else self._again.get(case_id)
        failed = self._done(database, case_id, today, daily=daily)
        for error in failed:
            said = {"rule": error.rule, "error": type(error).__name__}
            log.warning("case_waits", case_id=case_id, **said)
        if failed:
            pause = _AGAIN_S if before is None else min(2 * before.pause, _longest(failed))
            self._again[case_id] = _Again(time.monotonic() + pause, pause)
        else:
            self._again.pop(case_id, None)

    def _done(
        self, database: Connection[Any], case_id: UUID, today: date, *, daily: bool
    ) -> tuple[LedgerError, ...]:
        """Do what is due; a fault of ours in one case must not keep the stops of all others."""
        try:
            return self._reactions.serve(database, case_id, today, daily=daily)
        except (StartAgain, psycopg.Error, KafkaError):
            raise
        except Exception as error:
            log.exception("case_broken", case_id=case_id)
            return (LedgerError(type(error).__name__),)

    def _arrive(self, grant_id: UUID) -> None:
        self._arrived.add(grant_id)
        self._news.set()

    def _listen(self, stop: threading.Event) -> None:
        with translated(), psycopg.connect(self._settings.dsn, autocommit=True) as heard:
            heard.execute("LISTEN ledger_read")
            heard.execute("LISTEN ledger_events")
            while not stop.is_set():
                for _ in heard.notifies(timeout=_LOOK_S, stop_after=1):
                    self._news.set()


def _longest(failed: tuple[LedgerError, ...]) -> float:
    """A service that is away may be back at any moment; a refusal lasts."""
    away = any(isinstance(error, ServiceUnavailable) for error in failed)
    return _AGAIN_S if away else _LONGEST_S
