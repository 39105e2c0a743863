"""What must be done today, how much that is, who could take a child, and figures: typed."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.ruling import begun, until
from tests.e2e.test_plan import AGREED, assessed, generated

UASC = {"kz-national-uasc", "kz-almaty-guardianship", "duty desk"}
LEAD = "kz-unaccompanied-children"
#: In which days of this country begin and end.
ALMATY = ZoneInfo("Asia/Almaty")


def tasks(nodes, case: str, *options: object) -> set[tuple[str, str | None]]:
    listed = nodes.does("task", "list", *options)["tasks"]
    return {(one["kind"], one["organisation"]) for one in listed if one["case_id"] == case}


def test_everybody_sees_what_he_has_to_do_today(ruled):
    case = assessed(ruled)
    until(ruled, case, UASC)
    plan = generated(ruled, case)
    today = tasks(ruled, case, "--role", "caseworker", "--today")
    assert {("plan_draft", None), ("routing_answer", LEAD)} <= today
    assert ("routing_answer", None) in today, "the duty desk looks for a tracing agency"
    assert {("routing_answer", LEAD)} == tasks(ruled, case, "--organisation", LEAD)
    assert {("routing_answer", LEAD)} == tasks(
        ruled, case, "--role", "provider", "--organisation", LEAD, "--today"
    )
    assert set() == tasks(ruled, case, "--role", "auditor")
    ruled.does("plan", "submit", case, *AGREED, "--by", "caseworker:cw-7@cps-1", "--wait")
    listed = ruled.does("task", "list", "--kind", "plan_approval")["tasks"]
    (one,) = (one for one in listed if one["subject"] == plan["plan_id"])
    assert ("cw-7", ["focal_point", "supervisor"]) == (one["not_by"], one["roles"])
    assert ("plan_approval", None) not in tasks(ruled, case, "--role", "caseworker")
    told = ruled("task", "list", "--today")
    assert "when" in told.out
    listed = ruled.does("task", "list", "--today")["tasks"]
    mine = [one for one in listed if one["case_id"] == case]
    assert {one["when"] for one in mine} <= set(told.out.split())
    # Late in the evening what is due in two hours is due tomorrow.
    this_day = datetime.now(ALMATY).date()
    assert [one["when"] for one in mine] == [
        "today" if datetime.fromisoformat(one["due_at"]).astimezone(ALMATY).date() == this_day
        else "week"
        for one in mine
    ]  # fmt: skip
    assert mine


def test_a_role_that_is_none_is_refused(ruled):
    refused = ruled("task", "list", "--role", "wizard", "--json")
    assert (3, "CodeUnknown", "role_known") == (
        refused.code, refused.error["type"], refused.error["rule"]
    )  # fmt: skip


def test_how_much_an_organisation_and_a_caseworker_have_to_do(ruled):
    case = begun(ruled)
    lead = until(ruled, case, UASC)["kz-national-uasc"]["routing_id"]
    before = ruled.does("workload", "list", "--organisation", LEAD)
    ((asked,), (service,)) = (before["organisations"], before["services"])
    assert asked["to_answer"] >= 1
    assert asked["load"] == service["load"]
    assert service["limit"] >= 50
    ruled.does("care", "assign", case, "--assignee", "cw-figures", "--wait")
    ruled.does("routing", "accept", case, lead, "--by", f"provider:p-1@{LEAD}", "--wait")
    after = ruled.does("workload", "list", "--organisation", LEAD)
    (now,) = after["organisations"]
    assert (asked["cases"] + 1, asked["load"]) == (now["cases"], now["load"])
    (mine,) = (one for one in after["caseworkers"] if one["caseworker"] == "cw-figures")
    assert (1, 4) == (mine["cases"], mine["load"])
    told = ruled("workload", "list").out
    assert "duty desk" in told
    assert "cw-figures" in told


def test_who_can_be_given_a_child_today_and_why_not_the_others(ruled):
    def zhambyl():
        listed = ruled.does("directory", "list", "--area", "KZ/zhambyl")["services"]
        return next(one for one in listed if one["service"] == "kz-zhambyl-casework")

    service = zhambyl()
    assert ("yes", []) == (service["today"], service["why_not"])
    said = ("provider", "capacity", "kz-zhambyl-casework", "--places")
    ruled.does(*said, 3, "--paused-until", "+10d")
    for _ in range(200):
        if (service := zhambyl())["why_not"]:
            break
    assert ("no", ["no_capacity"], 3) == (service["today"], service["why_not"], service["places"])
    assert service["paused_until"]
    ruled.does(*said, 5)
    told = ruled("directory", "list", "--specialist", "social_worker").out
    assert "kz-zhambyl-casework" in told
    refused = ruled("directory", "list", "--specialist", "wizard", "--json")
    assert (3, "CodeUnknown") == (refused.code, refused.error["type"])


def quarters() -> tuple[str, str, str]:
    """The quarter before, this one, and one to come; the test begins and ends in one of them."""
    now = datetime.now(UTC)
    at = now.year * 4 + (now.month - 1) // 3
    before, this, later = (f"{one // 4}Q{one % 4 + 1}" for one in (at - 1, at, at + 3))
    return before, this, later


def test_figures_are_told_of_a_closed_quarter_only(ruled):
    before, *others = quarters()
    for quarter in others:
        refused = ruled("statistics", "show", quarter, "--json")
        assert (3, "NotAllowedNow", "quarter_closed") == (
            refused.code, refused.error["type"], refused.error["rule"]
        )  # fmt: skip
    said = ruled.does("statistics", "show", before)
    assert (before, "KZ", 5) == (said["quarter"], said["country"], said["least_told"])
    figures = [
        row[name] for one in said["tables"] for row in one["rows"] for name in one["columns"]
    ]
    assert {None} == set(figures), "nobody was here then, and not even that is said"
    assert said == ruled.does("statistics", "show", before)
    lines = list(csv.DictReader(ruled("statistics", "show", before, "--csv").out.splitlines()))
    assert len(figures) + len(said["measures"]) == len(lines)
    assert {""} == {one["value"] for one in lines}
    told = ruled("statistics", "show", before).out
    assert "withheld" in told
    assert "guardianship" in told


@pytest.mark.parametrize(
    "typed", [("2026",), ("2026Q5",), ("2020Q1", "--csv"), ("2020Q1", "--as-of", "x")]
)
def test_what_cannot_be_asked_of_figures(ruled, typed):
    assert 2 == ruled("statistics", "show", *typed, "--json").code


def test_which_rules_directed_her_and_what_they_would_do_today(ruled):
    case = begun(ruled)
    until(ruled, case, UASC)
    closed = ruled.does("audit", "ask", "which-rules", case)
    assert closed["facts"]["in_force"].startswith("KZ/")
    assert closed["facts"]["routed_by"] in {one["rules"] for one in closed["rows"]}
    assert "facts stay closed" in closed["facts"]["today"]
    who = ("--by", "auditor:a-1@ombudsman")
    asked = ruled.does("audit", "ask", "which-rules", case, *who)
    assert "the same answer" == asked["facts"]["today"]
    assert [] == asked["facts"]["differing"]
    looked = ruled.does("access", "list", case)["accesses"]
    assert ("a-1", "export") in {(one["actor_id"], one["door"]) for one in looked}
    officer = ("--by", "border_officer:b-1@post")
    refused = ruled.does("audit", "ask", "which-rules", case, *officer)
    assert refused["facts"]["today"].startswith("not asked")
    assert "the same answer" in ruled("audit", "ask", "which-rules", case, *who).out


def test_who_is_left_without_is_counted_by_what_is_missing(ruled):
    begun(ruled)
    said = ruled.does("audit", "ask", "left-without", "--days", 1)
    assert [] == said["rows"], "today is not too long yet"
    asked = {"guardian", "plan", "provider", "referral", "follow_up"}
    assert asked == said["facts"]["without"].keys()
    assert said["facts"]["open_cases"] >= 1
