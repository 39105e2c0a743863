"""A child who is followed, typed: by when what is missing has to be there, and what came of it."""

from __future__ import annotations

import time
from typing import Any

from tests.e2e.conftest import PATIENCE, Nodes
from tests.e2e.ruling import begun, written

WHY = {"narrative": {"why": "she sleeps"}}
SUP1, SUP2 = ("--by", "supervisor:sup-1@cps-1"), ("--by", "supervisor:sup-2@cps-1")
MET = ("--reason", "overall_goal_of_the_case_plan", "--informed")


def deadlines(nodes: Nodes, case: str) -> dict[str, Any]:
    listed = nodes.does("deadline", "list", case)["deadlines"]
    return {one["step"]: one for one in listed}


def until(nodes: Nodes, case: str, state: str, *steps: str) -> dict[str, Any]:
    """Wait until there is a deadline in this state for each of these steps."""
    end = time.monotonic() + PATIENCE
    while True:
        found = deadlines(nodes, case)
        if set(steps) <= {step for step, one in found.items() if one["state"] == state}:
            return found
        assert time.monotonic() < end, f"{found}"
        time.sleep(0.2)


def test_what_is_missing_has_its_time_and_is_met_by_what_people_do(ruled):
    case = begun(ruled)
    found = until(ruled, case, "running", "guardian", "first_contact", "views", "assessment")
    assert found["guardian"]["rules"].startswith("KZ/1/")
    ruled.does("care", "appoint-guardian", case)
    ruled.does("care", "views", case, "--not-heard", "--data", written(ruled, WHY))
    ruled.does("care", "follow-up", case, "--safety", "unsafe")
    found = until(ruled, case, "met", "guardian", "views", "first_contact")
    found = until(ruled, case, "running", "risk_review", "follow_up")
    why = ruled.does("deadline", "explain", case)
    assert why["same_again"] is True
    assert "risk_review" in {one["step"] for one in why["said"]["due"]}
    told = ruled("deadline", "explain", case)
    assert "the same deadlines" in told.out
    assert "read" in {one["door"] for one in ruled.does("access", "list", case)["accesses"]}, (
        "who looks why is recorded"
    )
    assert case in ruled("deadline", "list").out
    assert case not in ruled("deadline", "list", "--overdue").out


def test_a_draft_tells_whose_time_would_differ(ruled):
    case = begun(ruled)
    until(ruled, case, "running", "guardian", "first_contact")
    draft = ruled.folder / "draft.toml"
    text = ruled("rules", "example", "KZ").out.replace("version = 1", "version = 2", 1)
    before = 'within = { emergency = "2h", high = "24h", medium = "72h", low = "7d" }'
    assert before in text
    draft.write_text(text.replace(before, before.replace('"24h"', '"12h"')))
    differing = ruled.does("rules", "replay", "--pack", draft)["differing"]
    (found,) = [
        one
        for one in differing
        if (one["case_id"], one["what"], one["of"]) == (case, "deadline", "first_contact")
    ]
    assert found["before"] > found["after"]


def test_a_case_ends_by_a_checklist_and_begins_again_for_a_reason(ruled):
    case = begun(ruled)
    until(ruled, case, "running", "first_contact")
    assert "views_recorded" == ruled("case", "request-closure", case, *MET, "--json").error["rule"]
    ruled.does("care", "views", case)
    ruled.does("case", "missing", case)
    until(ruled, case, "running", "child_missing")
    assert "child_missing" == ruled("case", "request-closure", case, *MET, "--json").error["rule"]
    ruled.does("case", "found", case)
    complaint = ruled.does("care", "complaint", case, "--data", written(ruled, WHY))
    asked = ruled("case", "request-closure", case, *MET, "--json")
    assert (3, "complaint_open") == (asked.code, asked.error["rule"])
    (known,) = [
        one["subject"]
        for one in until(ruled, case, "running", "complaint").values()
        if one["step"] == "complaint"
    ]
    answer = ("--data", written(ruled, WHY), "--upheld")
    assert complaint["case_id"] == case
    ruled.does("care", "answer-complaint", case, known, *answer, *SUP1)
    ruled.does("care", "feedback", case, "--rating", "satisfied")
    ruled.does("case", "request-closure", case, *MET, *SUP1)
    own = ruled("case", "close", case, *SUP1, "--json")
    assert (3, "four_eyes") == (own.code, own.error["rule"])
    ruled.does("case", "close", case, *SUP2)
    until(ruled, case, "met", "closure_decision")
    end = time.monotonic() + PATIENCE
    while any(one["state"] == "running" for one in deadlines(ruled, case).values()):
        assert time.monotonic() < end, "nothing runs for a case that has ended"
        time.sleep(0.2)
    refused = ruled("case", "reopen", case, "--reason", "because", "--json")
    assert refused.code != 0
    ruled.does("case", "reopen", case, "--reason", "neglect_medical")
    until(ruled, case, "running", "first_contact", "assessment")
