"""The program that tells duty desks that a task waits, one step of the ladder after the other.

Told first, recorded then: whoever is killed in between tells once more, under the same id, and
records once. It decides nothing that a person decides. What was told stands in the case, so that a
program that is started again goes on where the other one stopped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, LiteralString, Protocol
from uuid import UUID

import psycopg
import structlog
from psycopg import Connection
from psycopg.rows import dict_row

from consumers import session
from consumers.notice_measures import (
    NOTICES,
    OUTCOMES,
    UNACKNOWLEDGED,
    UNADDRESSED,
    UNDELIVERED,
)
from consumers.notice_texts import Message
from consumers.rulebook import pack_in_force
from consumers.telling import Telling
from consumers.translation import translated
from events.agreement import Agreement
from events.codes import NoticeChannel
from events.contract import register_id
from events.errors import KeyReused, LedgerError, StartAgain
from ledger.case import notice
from ledger.case.case import Case
from ledger.case.notice import notice_id_of, notices_of, task_id_of
from ledger.rules.duty import Duty, Given, Waiting, Wanted, waiting
from ledger.rules.spans import Calendar
from projections import generation
from projections.joined_tasks import OPEN, ORDER, still_open

log = structlog.get_logger()

#: It looks for open tasks so often.
_LOOK_S: Final = 2.0
#: A task is looked at again after so long even if nothing is due: its risk may have changed.
_LOOK_AGAIN: Final = timedelta(minutes=1)
#: What could not be recorded is tried again after so long.
_RECORD_AGAIN: Final = timedelta(seconds=10)
_SENT, _FAILED = OUTCOMES
# Of two programs of one country the second waits, or every desk would be told twice.
_ONLY_ONE: LiteralString = "SELECT pg_try_advisory_lock(hashtextextended('ledger.notices', 0))"


class Desk(Protocol):
    """Where it is read and decided: the country's ledger."""

    def case(self, case_id: UUID) -> Case:
        """Return a case as this country would decide on it now."""

    def require(
        self, case_id: UUID, take: Callable[..., Any], arguments: Mapping[str, Any]
    ) -> None:
        """Raise what would keep a decision from being taken."""

    def decide(
        self, case_id: UUID, take: Callable[..., Any], arguments: Mapping[str, Any], key: str
    ) -> None:
        """Take a decision, once for each key. DecisionRefused, ServiceUnavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeSettings:
    """The notices of one country."""

    agreement: Agreement
    country: str
    #: PostgreSQL of the country, as a member of `ledger_notices`.
    dsn: str = field(repr=False)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass(slots=True)
class _Task:
    """What is remembered of an open task, between two looks."""

    again: datetime
    has_run_out: bool = False
    #: Notices that are due -> since when they are tried.
    tried: dict[UUID, datetime] = field(default_factory=dict)
    #: Notices that a desk has taken, and that could not be recorded yet -> how it was told.
    taken: dict[UUID, tuple[NoticeChannel, ...]] = field(default_factory=dict)


class Notices:
    """One country's notices."""

    def __init__(
        self,
        settings: NoticeSettings,
        desk: Desk,
        telling: Callable[[], Telling | None],
        *,
        at: Callable[[str], None] = lambda _step: None,
    ) -> None:
        """`telling` gives the channels as they are now: while there are none nobody is told.

        `at` is told of every step that is done.
        """
        self._settings = settings
        self._country = settings.country
        self._register = register_id(settings.agreement.prefix)
        self._desk = desk
        self._channels = telling
        self._telling: Telling | None = None
        self._at = at
        self._tasks: dict[UUID, _Task] = {}
        self._waits_for: dict[str, str] = {"tasks": "it has not looked at them yet"}
        for outcome in OUTCOMES:
            NOTICES.labels(self._country, outcome)

    def waiting(self) -> Mapping[str, str]:
        """Return what it still waits for; empty when it is ready."""
        return self._waits_for

    def run(self, stop: threading.Event) -> None:
        """Tell until told to stop. StartAgain if a server fails."""
        with (
            translated(),
            session.connect(self._settings.dsn, idle_s=30, lock_s=30) as database,
        ):
            while not _is_only_one(database):
                self._waits_for = {"turn": "another program of this country tells the desks"}
                if stop.wait(_LOOK_S):
                    return
            while not stop.is_set():
                if generation.current(database) is not None:  # a worker has run
                    self.look(database)
                    self._waits_for = {}
                stop.wait(_LOOK_S)

    def look(self, database: Connection[Any]) -> None:
        """Look at every open task once, and tell whoever has to be told now."""
        now, self._telling = self._settings.now(), self._channels()
        rules = self._rules(database, now)
        if rules is None or self._telling is None:
            self._tasks = {}
        else:
            tasks = _open_tasks(database)
            self._tasks = {key: one for key, one in self._tasks.items() if key in tasks}
            for task_id, row in tasks.items():
                seen = self._tasks.setdefault(task_id, _Task(now))
                if seen.again <= now:
                    self._serve(_Asked(task_id, row, *rules), seen, now)
        self._measure(() if rules is None else [one.id for one in rules[0].desk])

    def _rules(self, database: Connection[Any], now: datetime) -> tuple[Duty, Calendar] | None:
        """Return the ladder in force, and the calendar by which it counts."""
        register = self._desk.case(self._register).national
        ruled = pack_in_force(database, register, self._country, now.date())
        if ruled is None or ruled.pack.duty is None:
            return None
        return ruled.pack.duty, ruled.pack.working.calendar

    def _measure(self, desks: Sequence[str]) -> None:
        tasks = self._tasks.values()
        UNACKNOWLEDGED.labels(self._country).set(sum(one.has_run_out for one in tasks))
        UNDELIVERED.labels(self._country).set(sum(len(one.tried) for one in tasks))
        lacking = len(desks) if self._telling is None else self._telling.lacks(desks)
        UNADDRESSED.labels(self._country).set(lacking)

    def _serve(self, asked: _Asked, seen: _Task, now: datetime) -> None:
        """Do for one task what is due; a fault of ours in one must not keep the others waiting."""
        try:
            self._serve_one(asked, seen, now)
        except (StartAgain, psycopg.Error):
            raise
        except LedgerError as error:
            log.warning("notice_waits", rule=error.rule, error=type(error).__name__)
            seen.again = now + _RECORD_AGAIN
        except Exception:
            log.exception("notice_broken")
            seen.again = now + _RECORD_AGAIN

    def _serve_one(self, asked: _Asked, seen: _Task, now: datetime) -> None:
        case = self._desk.case(asked.case_id)
        if asked.task_id in case.national.care.acknowledged:
            seen.has_run_out, seen.tried, seen.taken = False, {}, {}
            seen.again = now + _LOOK_AGAIN
            return
        standing = asked.standing(case, now)
        seen.has_run_out = standing.has_run_out
        wanted = {notice_id_of(asked.task_id, one.step, one.desk): one for one in standing.wanted}
        seen.tried = {key: since for key, since in seen.tried.items() if key in wanted}
        seen.taken = {key: how for key, how in seen.taken.items() if key in wanted}
        for notice_id, one in wanted.items():
            self._give(asked, seen, notice_id, one, now)
        # Soon again while somebody has to be told; then when the next step is, or news may be.
        later = now + _LOOK_AGAIN
        seen.again = now if wanted else min(standing.until or later, later)

    def _give(
        self, asked: _Asked, seen: _Task, notice_id: UUID, wanted: Wanted, now: datetime
    ) -> None:
        """Tell a desk and record it; or, if nobody could be reached all the time, record that."""
        roles = asked.duty.roles_of(wanted.desk)
        said = {"task_id": asked.task_id, "step": wanted.step, "desk": wanted.desk, "roles": roles}
        seen.tried.setdefault(notice_id, now)
        channels = seen.taken.get(notice_id)
        if channels is None:
            # What could not be recorded is not told: it would be told for ever.
            self._desk.require(asked.case_id, notice.fail_notice, said)
            channels = self._tell(asked, notice_id, wanted.desk, now)
        key = f"notice/{notice_id}"
        if channels:
            seen.taken[notice_id] = channels
            self._record(asked, notice.send_notice, {**said, "channels": channels}, key, _SENT)
        elif asked.calendar.after(seen.tried[notice_id], wanted.within) <= now:
            self._record(asked, notice.fail_notice, said, key, _FAILED)
        else:
            return
        del seen.tried[notice_id]
        seen.taken.pop(notice_id, None)

    def _tell(
        self, asked: _Asked, notice_id: UUID, desk: str, now: datetime
    ) -> tuple[NoticeChannel, ...]:
        assert self._telling is not None
        message = Message(notice_id=notice_id, task_id=asked.task_id, country=self._country)
        channels = self._telling.tell(desk, message, asked.duty.language, now)
        if channels:
            self._at("told")
        return channels

    def _record(
        self, asked: _Asked, take: Callable[..., Any], said: Mapping[str, Any], key: str, what: str
    ) -> None:
        try:
            self._desk.decide(asked.case_id, take, said, key)
        except KeyReused:  # another program of this country has recorded it, in its own words
            log.info("notice_recorded_elsewhere")
            return
        NOTICES.labels(self._country, what).inc()
        self._at("recorded")


@dataclass(frozen=True, slots=True)
class _Asked:
    """An open task, and the rules by which somebody is told of it."""

    task_id: UUID
    row: Mapping[str, Any]
    duty: Duty
    calendar: Calendar

    @property
    def case_id(self) -> UUID:
        """The case that it is about."""
        found: UUID = self.row["case_id"]
        return found

    def standing(self, case: Case, now: datetime) -> Waiting:
        """Return whom to tell now, by what the case says was told."""
        given = [
            Given(one.step, one.desk, one.at, one.reached)
            for one in notices_of(case.national, self.task_id)
        ]
        risk = case.national.care.known_risk
        return waiting(self.duty, self.row["kind"], risk, self.calendar, given, now)


def _is_only_one(database: Connection[Any]) -> bool:
    row = database.execute(_ONLY_ONE).fetchone()
    return row is not None and bool(row[0])


def _open_tasks(database: Connection[Any]) -> dict[UUID, Mapping[str, Any]]:
    """Return the open tasks by their ids, what is due first."""
    number = generation.current(database)
    assert number is not None, "it does not look before there are read models"
    return {
        task_id_of(one["event_id"], one["kind"], one["subject"]): one
        for one in _rows(database, number)
    }


def _rows(database: Connection[Any], number: int) -> Iterable[Mapping[str, Any]]:
    schema = generation.schema_of(number)
    tail = f"{OPEN} {ORDER}".format(tasks=f"{schema}.tasks", audit_trail=f"{schema}.audit_trail")
    with database.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(f"SELECT * FROM {schema}.tasks {tail}").fetchall()  # noqa: S608
    return still_open(found)
