"""From lines of the trail to numbers: what happened in a quarter, and how it stood at its end.

Nothing that was recorded later is looked at, so the numbers are the same whenever they are asked
for. An event belongs to the quarter in which the country that said it recorded it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from node.statistics.case_told import CaseTold
from node.statistics.quarter import Quarter
from node.statistics.suppression import Key

Row = Mapping[str, Any]

#: Events that are counted.
KINDS: Final = (
    "CaseOpened CaseClosed CaseReopened CaseJoined ResponsibilityMoved RiskAssessed ViewsRecorded"
    " GuardianAppointed GuardianEnded PlanSubmitted PlanApproved PlanCompleted PlanItemFinished"
    " CaseRouted RoutingAnswered RoutingLapsed RoutingEnded ReferralCompleted"
)
_STAFF: Final = {"caseworker": "caseworkers", "supervisor": "supervisors"}
#: Last day of each step of the reporting delay.
_DELAYS: Final = ((3, "0_to_3_days"), (5, "4_to_5_days"), (14, "6_to_14_days"),
                  (30, "15_to_30_days"), (91, "1_to_3_months"))  # fmt: skip
_DURATIONS: Final = ((1, "up_to_1_month"), (3, "1_to_3_months"), (6, "3_to_6_months"))


@dataclass(frozen=True)
class Counted:
    """The numbers of a quarter before any is withheld, and how many days cases were open."""

    cells: Counter[Key] = field(default_factory=Counter)
    #: Column of the table `duration` -> days of each case.
    days: Mapping[str, list[int]] = field(default_factory=lambda: {"closed": [], "open_at_end": []})

    def add(self, table: str, row: str, column: str) -> None:
        """Count one."""
        self.cells[table, row, column] += 1


def count(lines: Iterable[Row], handoffs: Iterable[Row], country: str, quarter: Quarter) -> Counted:
    """Count a quarter of one country.

    `lines` are effective lines of the trail, case by case; `handoffs` rows of the read model.
    """
    counted = Counted()
    staff: dict[str, set[str]] = {name: set() for name in _STAFF.values()}
    outcomes: dict[str, str] = {}
    for _, told in groupby(lines, itemgetter("case_id")):
        case = CaseTold(country, quarter)
        for line in _in_order(told, quarter.end):
            case.hear(line)
            _staff(staff, line, country, quarter)
            if line["event_type"] == "ReferralCompleted":
                outcomes[line["summary"]["handoff_id"]] = line["summary"]["outcome"]
        _case(counted, case)
    for name, persons in staff.items():
        counted.cells["counts", name, "number"] = len(persons)
    for one in handoffs:
        _handoff(counted, one, outcomes, country, quarter)
    return counted


def _in_order(lines: Iterable[Row], end: datetime) -> Iterator[Row]:
    """Yield the lines of a case up to a moment: each topic in its order, both by the time told."""
    sides: dict[str, list[tuple[datetime, str, int, Row]]] = {}
    for line in sorted(lines, key=itemgetter("place")):
        if line["recorded_at"] < end:
            side = sides.setdefault(line["topic"], [])
            at = max(line["recorded_at"], side[-1][0]) if side else line["recorded_at"]
            side.append((at, line["topic"], line["place"], line))
    for *_, line in merge(*sides.values(), key=itemgetter(0, 1, 2)):
        yield line


def _staff(staff: Mapping[str, set[str]], line: Row, country: str, quarter: Quarter) -> None:
    """On shared events everybody is the focal point, so only national ones tell."""
    name = _STAFF.get(line["actor_role"] or "")
    own = (line["topic"], line["origin"]) == ("national", country)
    if name and own and quarter.holds(line["recorded_at"]):
        staff[name].add(line["actor_id"])


def _case(counted: Counted, case: CaseTold) -> None:
    quarter = case.quarter
    if quarter.holds(case.opened_at):
        assert case.opened_at is not None
        counted.add("cases", case.risk, "opened")
        late = (quarter.day(case.opened_at) - quarter.day(case.began_at or case.opened_at)).days
        row = next((name for last, name in _DELAYS if late <= last), "over_3_months")
        counted.add("reporting_delay", row, "opened")
    for begun, ended, risk in case.closed:
        counted.add("cases", risk, "closed")
        _duration(counted, quarter, begun, ended, "closed")
    if case.since is not None:
        counted.add("cases", case.risk, "open_at_end")
        _duration(counted, quarter, case.since, quarter.end, "open_at_end")
        for table, row in case.standing:
            counted.add(table, row, "open_at_end")
    for key, number in case.counts.items():
        counted.cells[key] += number


def _duration(
    counted: Counted, quarter: Quarter, begun: datetime, ended: datetime, column: str
) -> None:
    first, last = quarter.day(begun), quarter.day(ended)
    counted.days[column].append((last - first).days)
    names = (name for months, name in _DURATIONS if last <= _months_after(first, months))
    counted.add("duration", next(names, "over_6_months"), column)


def _months_after(day: date, months: int) -> date:
    """Return the same day some months later; a month that is too short ends on its last day."""
    year, month = divmod(day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(day.year + year, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError


def _handoff(
    counted: Counted, one: Row, outcomes: Mapping[str, str], country: str, quarter: Quarter
) -> None:
    """Count a handoff in which the country gives or takes; asking for a transfer is none yet."""
    if country not in {one["sender"], one["receiver"]} or one["basis_id"] is None:
        return
    kind, way = one["kind"], "sent" if one["sender"] == country else "received"
    if quarter.holds(one["began_at"]):
        counted.add("handoffs_begun", kind, way)
    if quarter.holds(one["ended_at"]):
        came = one["state"]
        if kind == "referral" and came == "completed":
            said = outcomes.get(str(one["handoff_id"]))
            came = "fulfilled" if said == "fulfilled" else "unfulfilled"
        counted.add(f"{kind}s", way, came)
    accepted = one["state"] != "rejected" and quarter.holds(one["answered_at"])
    if kind == "transfer" and accepted:
        in_time = quarter.day(one["answered_at"]) <= one["due_on"]
        counted.add("transfers_accepted", way, "in_time" if in_time else "late")
