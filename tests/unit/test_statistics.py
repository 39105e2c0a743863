"""Figures of a quarter: when it is over, what is counted where, and what is told of it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import count as numbers
from typing import Any
from uuid import UUID

import pytest

from events.errors import BadInput, NotAllowedNow
from node.statistics.counting import Counted, count
from node.statistics.quarter import Quarter
from node.statistics.shapes import SHAPES, SUMS, TOTAL, with_totals
from node.statistics.suppression import LEAST
from node.statistics.telling import document, flat

Q3 = Quarter(2026, 3, "Asia/Almaty")
CASE, OTHER = UUID(int=1), UUID(int=2)


def day(month: int, of_month: int, year: int = 2026) -> datetime:
    return datetime(year, month, of_month, 9, tzinfo=UTC)


class Told:
    """Lines of the trail of one country, in the order in which they are written here."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.handoffs: list[dict[str, Any]] = []
        self._places = numbers(1)

    def say(self, kind: str, at: datetime, case: UUID = CASE, **said: Any) -> None:
        stamp = {"topic": "national", "origin": "KZ", "actor_role": "caseworker", "actor_id": "cw"}
        given = {name: said.pop(name) for name in ("topic", "origin", "actor_id") if name in said}
        more = {"occurred_at": said.pop("occurred_at", at), "summary": said}
        line = {"case_id": case, "event_type": kind, "recorded_at": at, "place": next(self._places)}
        self.lines.append({**stamp, **given, **line, **more})

    def hands(self, kind: str, sender: str, state: str, *days: datetime | None) -> UUID:
        began, answered, ended = (*days, None, None)[:3]
        one = {"case_id": CASE, "handoff_id": UUID(int=len(self.handoffs)), "kind": kind,
               "state": state, "sender": sender, "receiver": "KG" if sender == "KZ" else "KZ",
               "basis_id": CASE, "due_on": date(2026, 8, 1), "began_at": began,
               "answered_at": answered, "ended_at": ended}  # fmt: skip
        self.handoffs.append(one)
        return one["handoff_id"]

    def counted(self, quarter: Quarter = Q3) -> dict[tuple[str, str, str], int]:
        lines = sorted(self.lines, key=lambda one: (one["case_id"], one["place"]))
        found = count(lines, self.handoffs, "KZ", quarter)
        return {key: number for key, number in found.cells.items() if number}


@pytest.mark.parametrize("text", ["2026Q5", "2026", "Q3", "2026Q3 ", "last", "26Q3"])
def test_what_is_no_quarter_is_refused(text):
    with pytest.raises(BadInput) as refused:
        Quarter.parse(text, "UTC")
    assert "quarter" == refused.value.rule


def test_a_quarter_is_over_when_it_is_over_in_the_country():
    assert Q3 == Quarter.parse("2026-Q3", "Asia/Almaty")
    over = datetime(2026, 9, 30, 19, tzinfo=UTC)  # midnight in Almaty, five hours ahead
    assert over == Q3.end
    Q3.require_closed(over)
    with pytest.raises(NotAllowedNow) as refused:
        Q3.require_closed(over - timedelta(seconds=1))
    assert "quarter_closed" == refused.value.rule
    assert Quarter(2026, 4, "Asia/Almaty").begin == Q3.end
    assert datetime(2026, 12, 31, 19, tzinfo=UTC) == Quarter(2026, 4, "Asia/Almaty").end


def test_a_case_is_counted_where_it_began_ended_and_stood():
    told = Told()
    told.say("CaseOpened", day(6, 1), responsible="KZ", occurred_at=day(5, 25))
    told.say("RiskAssessed", day(6, 2), risk="medium")
    told.say("CaseOpened", day(7, 9), OTHER, responsible="KZ", occurred_at=day(7, 2))
    told.say("GuardianAppointed", day(8, 1), OTHER, guardian_id="g")
    told.say("ViewsRecorded", day(8, 1), OTHER)
    told.say("CaseClosed", day(9, 20))
    assert {
        ("cases", "medium", "closed"): 1,
        ("duration", "3_to_6_months", "closed"): 1,
        ("cases", "not_assessed", "opened"): 1,
        ("reporting_delay", "6_to_14_days", "opened"): 1,
        ("cases", "not_assessed", "open_at_end"): 1,
        ("duration", "1_to_3_months", "open_at_end"): 1,
        ("children_heard", "heard", "open_at_end"): 1,
        ("guardianship", "with_guardian", "open_at_end"): 1,
        ("plan_coverage", "without_plan", "open_at_end"): 1,
        ("counts", "caseworkers", "number"): 1,
    } == told.counted()


def test_what_is_recorded_later_changes_nothing():
    told = Told()
    told.say("CaseOpened", day(7, 9), responsible="KZ")
    told.say("CaseRouted", day(7, 10), routing_id="r", decision_id="d", service="s",
             answer_by="2026-10-08T09:00:00Z")  # fmt: skip
    sent = told.hands("referral", "KZ", "sent", day(7, 11))
    before = told.counted()
    assert 1 == before["routings", "waiting", "asked"]
    # A year goes by: everything is answered, finished, closed.
    told.say("RoutingAnswered", day(10, 1), routing_id="r", accepted=True)
    told.say("RiskAssessed", day(10, 1), risk="low")
    told.handoffs[0] |= {"state": "completed", "answered_at": day(10, 2), "ended_at": day(10, 3)}
    told.say("ReferralCompleted", day(10, 3), handoff_id=str(sent), outcome="fulfilled")
    told.say("CaseClosed", day(10, 5))
    told.say("CaseOpened", day(10, 6), OTHER, responsible="KZ")
    assert before == told.counted()


def test_a_child_who_came_or_went_is_open_where_she_is():
    told = Told()
    told.say("CaseOpened", day(6, 1), responsible="KZ")
    shared = {"topic": "shared", "origin": "KG"}
    told.say("CaseOpened", day(7, 1), OTHER, responsible="KG", **shared)
    assert 1 == told.counted()["cases", "not_assessed", "open_at_end"]
    told.say("ResponsibilityMoved", day(7, 3), OTHER, topic="shared", handoff_id="t")
    assert 2 == told.counted()["cases", "not_assessed", "open_at_end"]
    assert ("cases", "not_assessed", "opened") not in told.counted(), "taken over, not opened"
    told.say("ResponsibilityMoved", day(7, 4), **shared, handoff_id="u")
    assert 1 == told.counted()["cases", "not_assessed", "open_at_end"]


def test_the_shared_copy_of_an_opening_and_a_reopening_open_nothing_twice():
    told = Told()
    told.say("CaseOpened", day(7, 1), responsible="KZ")
    told.say("CaseOpened", day(7, 2), responsible="KZ", topic="shared")
    told.say("CaseClosed", day(7, 3), topic="shared")
    told.say("CaseReopened", day(7, 4), topic="shared")
    found = told.counted()
    assert [1, 1, 1] == [found["cases", "not_assessed", name]
                         for name in ("opened", "closed", "open_at_end")]  # fmt: skip


def test_a_quarter_goes_by_the_clock_of_whoever_recorded_it_even_out_of_order():
    """Another country's clock may be behind: the topic's order stands."""
    told = Told()
    told.say("CaseOpened", day(7, 2), responsible="KG", topic="shared", origin="KG")
    told.say("ResponsibilityMoved", day(7, 1), topic="shared", handoff_id="t")
    assert 1 == told.counted()["cases", "not_assessed", "open_at_end"]


def test_what_came_of_handoffs_by_direction():
    told = Told()
    done = told.hands("referral", "KZ", "completed", day(6, 1), day(6, 2), day(7, 2))
    told.say("ReferralCompleted", day(7, 2), handoff_id=str(done), outcome="fulfilled")
    told.hands("referral", "KG", "completed", day(7, 1), day(7, 1), day(7, 2))
    told.hands("transfer", "KZ", "completed", day(7, 1), day(7, 30), day(8, 2))
    told.hands("transfer", "KG", "accepted", day(7, 1), day(8, 2))
    told.hands("transfer", "KG", "rejected", day(7, 1), day(7, 2), day(7, 2))
    told.handoffs.append({**told.handoffs[-1], "basis_id": None, "state": "expired"})
    told.handoffs.append({**told.handoffs[-1], "basis_id": CASE, "sender": "KG", "receiver": "UZ"})
    assert {
        ("referrals", "sent", "fulfilled"): 1,
        ("referrals", "received", "unfulfilled"): 1,
        ("handoffs_begun", "referral", "received"): 1,
        ("handoffs_begun", "transfer", "sent"): 1,
        ("handoffs_begun", "transfer", "received"): 2,
        ("transfers", "sent", "completed"): 1,
        ("transfers", "received", "rejected"): 1,
        ("transfers_accepted", "sent", "in_time"): 1,
        ("transfers_accepted", "received", "late"): 1,
    } == {key: number for key, number in told.counted().items() if key[0] != "counts"}


@pytest.mark.parametrize(
    ("says", "row"),
    [
        ([("RoutingAnswered", 11, {"accepted": True})], "accepted_in_time"),
        ([("RoutingAnswered", 13, {"accepted": True})], "accepted_late"),
        ([("RoutingAnswered", 11, {"accepted": False})], "declined"),
        ([("RoutingLapsed", 12, {})], "lapsed"),
        ([("RoutingLapsed", 12, {}), ("RoutingAnswered", 13, {"accepted": True})], "lapsed"),
        ([("RoutingEnded", 12, {})], "withdrawn"),
        ([], "waiting"),
    ],
)
def test_what_came_of_a_question_to_a_service(says, row):
    told = Told()
    told.say("CaseRouted", day(7, 10), routing_id="r", decision_id="d", service="s",
             answer_by="2026-07-12T09:00:00Z")  # fmt: skip
    for kind, of_month, said in says:
        told.say(kind, day(7, of_month), routing_id="r", **said)
    assert 1 == told.counted()["routings", row, "asked"]
    assert 1 == sum(one for key, one in told.counted().items() if key[0] == "routings")


def test_the_duty_desk_and_a_note_of_version_one():
    told = Told()
    told.say("CaseRouted", day(7, 10), routing_id="r", decision_id="d", service=None)
    told.say("CaseRouted", day(7, 10), routing_id="n", decision_id=None, service=None)
    assert 1 == told.counted()["routings", "duty_desk", "asked"]


def test_plans_by_what_the_child_said():
    told = Told()
    told.say("CaseOpened", day(7, 1), responsible="KZ")
    told.say("PlanSubmitted", day(7, 2), plan_id="p", child="agrees")
    told.say("PlanApproved", day(7, 3), plan_id="p")
    told.say("PlanItemFinished", day(7, 4), plan_id="p", done=True)
    assert 1 == told.counted()["plan_coverage", "with_plan", "open_at_end"]
    told.say("PlanItemFinished", day(7, 4), plan_id="p", done=False)
    told.say("PlanCompleted", day(7, 5), plan_id="p")
    found = told.counted()
    wanted = [("plans", "agrees", "approved"), ("plan_items", "done", "finished"),
              ("plan_items", "not_done", "finished"), ("counts", "plans_completed", "number"),
              ("plan_coverage", "without_plan", "open_at_end")]  # fmt: skip
    assert [1] * 5 == [found[key] for key in wanted]


def many(**of_risk: int) -> Counted:
    """Return so many open cases, each as young as the others, heard, with a guardian and a plan."""
    cells: Counter[tuple[str, str, str]] = Counter()
    for risk, number in of_risk.items():
        cells["cases", risk, "open_at_end"] = number
    for table, row in (
        ("duration", "up_to_1_month"),
        ("children_heard", "heard"),
        ("guardianship", "with_guardian"),
        ("plan_coverage", "with_plan"),
    ):
        cells[table, row, "open_at_end"] = sum(of_risk.values())
    return Counted(cells)


def test_what_is_told_has_no_small_figure_and_no_way_to_one():
    told = many(emergency=3, high=50, medium=40, low=60)
    told.cells["guardianship", "without_guardian", "open_at_end"] = 9
    told.cells["guardianship", "with_guardian", "open_at_end"] -= 9
    said = document(told, "KZ", Q3)
    cases = {row["row"]: row["open_at_end"] for row in said["tables"][0]["rows"]}
    # Medium goes with the two small ones: 153 less the others would leave 3 for both.
    hidden = {"emergency": None, "medium": None, "not_assessed": None}
    assert cases == {**hidden, "high": 50, "low": 60, TOTAL: 153}
    assert said["measures"]["number_of_cases"] == 153
    assert said["measures"]["percentage_cases_risk_level.high"] == 32.7
    assert said["measures"]["percentage_cases_risk_level.emergency"] is None
    assert said["measures"]["assessment_status"] is None
    assert said["measures"]["percentage_with_guardian"] == 94.1
    assert said["measures"]["percentage_children_heard"] is None, "all but none were"
    figures = [value for *_, table, _, _, value in flat(said) if table != "measures"]
    assert all(value is None or value >= LEAST for value in figures)


def test_a_measure_and_a_median_need_figures_that_are_told():
    counted = many(high=40)
    for name in ("up_to_1_month", "1_to_3_months", "3_to_6_months", "over_6_months"):
        counted.cells["duration", name, "open_at_end"] = 10
    counted.days["open_at_end"].extend(range(40))
    said = document(counted, "KZ", Q3)
    assert said["measures"]["median_days_open"] == 19.5
    assert said["measures"]["time_from_case_open_to_close"] is None
    counted.cells["duration", "up_to_1_month", "open_at_end"] = 2
    counted.cells["duration", "over_6_months", "open_at_end"] = 18
    assert document(counted, "KZ", Q3)["measures"]["median_days_open"] is None


def test_every_table_adds_up_and_nobody_is_named():
    seven = {("cases", "high", "closed"): 7, ("duration", "up_to_1_month", "closed"): 7}
    cells = with_totals(seven)
    assert cells["cases", TOTAL, "closed"] == 7
    for one in SUMS:
        assert cells[one.total] == sum(cells[part] for part in one.parts)
    with pytest.raises(AssertionError):
        with_totals({("cases", "high", "closed"): 7})
    said = document(Counted(), "KZ", Q3)
    assert {one.name for one in SHAPES} == {one["name"] for one in said["tables"]}
    assert not any(isinstance(value, UUID) for row in flat(said) for value in row)
    assert all(value is None for *_, value in flat(said)), "nothing happened: all of it is small"
