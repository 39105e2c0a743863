"""Deadlines: whoever answers for a child lets them run, and says once that one is over.

By when something has to be there follows from events and the rules alone; this program only looks
at the time. Each thing it records has a key of its own, so that it is recorded once whatever
crashes, and however many of these programs run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, cast
from uuid import UUID, uuid5

from psycopg import Connection

from consumers.asking_rules import AskedBefore, Desk, read_facts
from consumers.release_measures import BREACHES
from consumers.rulebook import in_force
from events.codes import DataScope
from events.errors import NotAllowedNow
from ledger.case import monitoring, searching
from ledger.case.case import Case
from ledger.case.clocks import clock_of
from ledger.case.monitoring import Reckoned
from ledger.case.national import Clock, Deadline
from ledger.case.personal import PersonalData
from ledger.rules.deadlines import Due, asks_for_facts, at_worst, clocks_out, next_of, reckon
from ledger.rules.facts import Facts
from ledger.rules.pack import Ruled
from projections import generation

# Since when a country answers for a case that goes on: it opened, took over or reopened it; and how
# often the last two have come to the trail of the topic that says so.
_SINCE = """
SELECT
    coalesce(
        max(recorded_at) FILTER (WHERE event_type <> 'CaseOpened'),
        min(recorded_at) FILTER (WHERE event_type = 'CaseOpened')
    ),
    count(*) FILTER (WHERE event_type <> 'CaseOpened' AND topic = %(topic)b)
FROM {schema}.audit_trail
WHERE case_id = %(case_id)b AND effective AND (
    event_type IN ('CaseOpened', 'CaseReopened', 'CaseParted')
    OR event_type = 'ResponsibilityMoved' AND origin = %(country)b
)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timekeeper:
    """One country's deadlines for its children."""

    country: str
    #: Case id of the register.
    register: UUID
    desk: Desk
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _asked: AskedBefore = field(default_factory=AskedBefore)

    def watch(self, database: Connection[Any], case: Case, today: date) -> bool:
        """Let deadlines run for a case that goes on here, and for no other one."""
        if case.goes_on_here == case.national.care.monitored:
            return False
        if not case.goes_on_here:
            self._decide(
                case, monitoring.end_monitoring, {}, f"unwatch/{case.case_id}/{case.number}"
            )
            return True
        if self._ruled(database, today) is None:
            return False
        asked = {"since": self._since(database, case)}
        self._decide(
            case, monitoring.begin_monitoring, asked, f"watch/{case.case_id}/{case.number}"
        )
        return True

    def search(self, _database: Connection[Any], case: Case, _today: date) -> bool:
        """Search for a child whom somebody else has reported missing, or found."""
        search_id, wanted = case.national.care.search, searching.has_to_be_searched(case)
        if wanted is (search_id is not None):
            return False
        if wanted:
            asked = {"search_id": uuid5(case.case_id, f"search/{case.number}")}
            self._decide(case, searching.begin_search, asked, f"search/{asked['search_id']}")
        else:
            self._decide(case, searching.end_search, {}, f"searched/{search_id}")
        return True

    def reckon(self, database: Connection[Any], case: Case, today: date) -> bool:
        """Ask the rules by when what is missing has to be there, if that may be otherwise now."""
        care = case.national.care
        cause = care.to_reckon
        if cause is None or not care.monitored or not case.goes_on_here:
            return False
        ruled = self._ruled(database, today)
        if ruled is None:
            return False
        # What was there meanwhile has no clock any more, and nothing else may be new.
        mark, at = hash((cause, ruled.sha256, *care.clocks)), self.now()
        if not self._asked.may_ask(case.case_id, mark, at, wanted=True):
            return False
        with self._asked.answered(case.case_id):
            self._record(case, ruled, today, at)
        return True

    def _record(self, case: Case, ruled: Ruled, today: date, at: datetime) -> None:
        care = case.national.care
        cause = care.to_reckon
        assert cause is not None, "asked for only if something is new"
        facts = self._facts(case, ruled, today)
        found = reckon(facts, ruled.pack, care.clocks)
        decision_id = uuid5(cause, "deadlines")
        asked = {
            "decision_id": decision_id,
            "cause": cause,
            "rules": ruled.name,
            "deadlines": tuple(_reckoned(one) for one in found if _is_news(one, care.deadlines)),
            "data": PersonalData(
                {DataScope.PROTECTION: {"deadlines": sealed(facts, ruled, care.clocks, found, at)}}
            ),
        }
        self._decide(case, monitoring.reckon_deadlines, asked, f"reckon/{decision_id}")

    def breach(self, database: Connection[Any], case: Case, today: date) -> bool:
        """Say which deadlines are over, and tell the next one of those that still are."""
        now = self.now()
        over = {
            deadline_id: one
            for deadline_id, one in case.national.care.deadlines.items()
            if one.next_at is not None and one.next_at <= now
        }
        ruled = self._ruled(database, today) if over else None
        if ruled is None or not case.goes_on_here:
            return False
        for deadline_id, one in over.items():
            self._say(case, ruled, deadline_id, one)
        return True

    def _say(self, case: Case, ruled: Ruled, deadline_id: UUID, one: Deadline) -> None:
        clock = clock_of(case.national, deadline_id)
        assert clock is not None, "a deadline goes with its clock"
        assert one.next_at is not None, "only one that is over is said"
        told = one.told + 1 if one.breached else 0
        after = next_of(ruled.pack, clock.step, told)
        calendar = ruled.pack.working.calendar
        asked: dict[str, Any] = {
            "deadline_id": deadline_id,
            "rules": ruled.name,
            "next_at": None if after is None else calendar.after(one.next_at, after.after),
        }
        if not one.breached:
            self._decide(case, monitoring.breach_deadline, asked, f"breach/{deadline_id}")
            BREACHES.labels(self.country, clock.step).inc()
            return
        whom = next_of(ruled.pack, clock.step, one.told)
        # A pack of today may name fewer: then whoever was to be told is a supervisor.
        said = {"told": told, "role": "supervisor" if whom is None else str(whom.to)}
        key = f"escalate/{deadline_id}/{told}"
        self._decide(case, monitoring.escalate_deadline, asked | said, key)

    def _facts(self, case: Case, ruled: Ruled, today: date) -> Facts:
        """Return what the rules may know; nothing of her record is opened if none of them asks."""
        care = case.national.care
        if not asks_for_facts(ruled.pack, care.clocks.values()):
            return Facts(today=today, risk=care.known_risk)
        try:
            return read_facts(self.desk, case, today)
        except NotAllowedNow as refusal:
            if refusal.rule != "record_open":
                raise
            return at_worst(today, care.known_risk, ruled.pack)

    def _ruled(self, database: Connection[Any], today: date) -> Ruled | None:
        rules = in_force(database, self.desk.case(self.register).national, self.country, today)
        return None if rules is None else rules.ruled

    def _since(self, database: Connection[Any], case: Case) -> datetime:
        """Return since when this country answers for a case.

        What the trail does not show yet this country has only just decided: then it is when it
        last decided on the case, never the time before the case had ended.
        """
        number, now = generation.current(database), self.now()
        just_now = min(case.decided_at or now, now)
        if number is None:
            return just_now
        topic = "shared" if case.is_shared else "national"
        asked = {"case_id": case.case_id, "country": case.country, "topic": topic}
        statement = _SINCE.format(schema=generation.schema_of(number))
        row = database.execute(statement, asked).fetchone()
        since, again = row or (None, 0)
        is_behind = since is None or again != monitoring.begun_again(case)
        return just_now if is_behind else min(cast("datetime", since), now)

    def _decide(
        self, case: Case, take: Callable[..., Any], asked: dict[str, Any], key: str
    ) -> None:
        self.desk.decide(case.case_id, take, asked, key)


def _is_news(one: Due, known: Mapping[UUID, Deadline]) -> bool:
    before = known.get(one.clock.deadline_id)
    return before is None or (not before.breached and before.due_at != one.due_at)


def _reckoned(one: Due) -> Reckoned:
    clock = one.clock
    return Reckoned(clock.deadline_id, clock.step, clock.subject, clock.since, one.due_at)


def sealed(
    facts: Facts,
    ruled: Ruled,
    clocks: Mapping[str, Clock],
    found: tuple[Due, ...],
    at: datetime,
) -> dict[str, Any]:
    """Return why: what the deadlines can be made again of, by these rules or by others."""
    return {
        "at": at.isoformat(),
        "facts": facts.words(),
        "rules": ruled.name,
        "missing": clocks_out(clocks),
        "due": [one.words() for one in found],
    }
