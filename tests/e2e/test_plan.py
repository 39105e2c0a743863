"""A protection plan over two countries, typed: generated, agreed, approved, followed, replaced."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.e2e.conftest import PATIENCE, Nodes
from tests.e2e.ruling import begun, written

WHY = {"narrative": {"why": "she is only fourteen, and nobody could reach her mother"}}
AGREED = ("--child", "agrees", "--caregiver", "agrees")
SUP2 = ("--by", "supervisor:sup-2@cps-1")


def generated(nodes: Nodes, case: str, number: int = 1, country: str = "KZ") -> dict[str, Any]:
    """Wait until so many versions of a plan are there; return the newest."""
    end = time.monotonic() + PATIENCE
    while len(plans := nodes.does("plan", "list", case, country=country)["plans"]) < number:
        assert time.monotonic() < end
        time.sleep(0.2)
    return plans[-1]


def assessed(nodes: Nodes, **more: Any) -> str:
    case = begun(nodes, **more)
    nodes.does("care", "assessment", case)
    return case


def state(nodes: Nodes, case: str) -> list[str]:
    return [one["state"] for one in nodes.does("plan", "list", case)["plans"]]


def test_a_plan_is_there_as_soon_as_somebody_has_looked_and_names_its_rules(ruled):
    case = assessed(ruled, protection={"wants": ["language_class"]})
    plan = generated(ruled, case)
    assert ("draft", 1) == (plan["state"], plan["concerns"])
    shown = ruled.does("plan", "show", case)
    items = {one["activity"]: one for one in shown["items"]}
    assert ["unaccompanied"] == items["appoint_guardian"]["rules"]
    assert [] == items["language_class"]["rules"]
    assert items["appoint_guardian"]["mandatory"]
    assert shown["same_again"] is True
    assert shown["rules"].startswith("KZ/1/")
    told = ruled("plan", "show", case)
    assert "appoint_guardian" in told.out
    assert "ANOTHER" not in told.out
    assert "plan_draft" in ruled("task", "list").out
    listed = ruled.does("access", "list", case)["accesses"]
    assert {"rules", "read"} <= {one["door"] for one in listed}


def test_nobody_approves_his_own_plan_and_a_reason_is_asked_for(ruled):
    case = assessed(ruled)
    generated(ruled, case)
    unasked = ("--child", "not_asked", "--caregiver", "agrees")
    refused = ruled("plan", "submit", case, *unasked, "--json")
    assert (3, "reason_given") == (refused.code, refused.error["rule"])
    why = ("--data", written(ruled, WHY))
    ruled.does("plan", "submit", case, *unasked, *why, "--by", "supervisor:sup-1@cps-1")
    own = ruled("plan", "approve", case, "--by", "supervisor:sup-1@cps-1", "--json")
    assert (3, "four_eyes") == (own.code, own.error["rule"])
    ruled.does("plan", "approve", case, *SUP2)
    assert ["active"] == state(ruled, case)
    refusals = ruled.does("case", "history", case)["events"]
    assert "RefusalRecorded" in {one["event"] for one in refusals}


def test_what_keeps_her_safe_is_taken_out_with_a_reason_and_something_else_put_in(ruled):
    case = assessed(ruled)
    generated(ruled, case)
    items = {one["activity"]: one["item"] for one in ruled.does("plan", "show", case)["items"]}
    safe = ("plan", "remove", case, items["alternative_care"])
    assert "reason_given" == ruled(*safe, "--json").error["rule"]
    ruled.does(*safe, "--data", written(ruled, WHY))
    ruled.does("plan", "remove", case, items["basic_psychosocial_support"])
    more = written(ruled, {"protection": {"activity": "education_formal", "goal": "school"}})
    ruled.does("plan", "add", case, "--due", "+14d", "--data", more)
    bad = written(ruled, {"protection": {"activity": "magic"}})
    refused = ruled("plan", "add", case, "--due", "+14d", "--data", bad, "--json")
    assert (3, "CodeUnknown") == (refused.code, refused.error["type"])
    after = {one["activity"]: one["state"] for one in ruled.does("plan", "show", case)["items"]}
    assert ("removed", "open") == (after["alternative_care"], after["education_formal"])


def test_what_is_new_makes_a_new_version_and_the_old_one_is_followed_until_then(ruled):
    case = assessed(ruled)
    generated(ruled, case)
    ruled.does("plan", "submit", case, *AGREED)
    ruled.does("plan", "approve", case, *SUP2)
    items = {one["activity"]: one["item"] for one in ruled.does("plan", "show", case)["items"]}
    ruled.does("plan", "finish", case, items["appoint_guardian"], "--done")
    worse = written(ruled, {"protection": {"concern": "trafficking"}})
    ruled.does("care", "concern", case, "--data", worse)
    generated(ruled, case, 2)
    assert ["active", "draft"] == state(ruled, case)
    differs = ruled.does("plan", "diff", case, 1, 2)["differences"]
    added = {one["activity"] for one in differs if one["change"] == "added"}
    assert {"safe_shelter", "medical", "legal_support", "risk_assessment_before_return"} <= added
    ruled.does("plan", "submit", case, *AGREED)
    ruled.does("plan", "approve", case, *SUP2)
    assert ["superseded", "active"] == state(ruled, case)
    for one in ruled.does("plan", "show", case)["items"]:
        ruled.does("plan", "finish", case, one["item"], "--done")
    ruled.does("plan", "review", case, "--by-day", "+30d")
    ruled.does("plan", "complete", case)
    assert ["superseded", "completed"] == state(ruled, case)


def test_the_country_that_takes_over_makes_a_plan_of_its_own(ruled):
    case = assessed(ruled)
    generated(ruled, case)
    grant = ("--recipient", "KG", "--scopes", "preview,identity,location,protection")
    child = ("--given-by", "child", "--age-band", "from_12_to_14", "--assent", "written")
    ruled.does(
        "consent", "grant", case, *grant, "--purpose", "transfer", "--expires", "+90d", *child
    )
    ruled.does("case", "ready", case)
    proposed = ruled.does("transfer", "propose", case, *grant, "--due", "+9d", "--wait")
    ruled.hears(case, proposed["events"][-1]["event_id"])
    for step in ("preview", "accept", "move"):
        ruled.does("transfer", step, case, "--wait", country="KG")
    assert [] == ruled.does("plan", "list", case, country="KG")["plans"]
    ruled.does("care", "assessment", case, country="KG")
    generated(ruled, case, country="KG")
    shown = ruled.does("plan", "show", case, country="KG")
    assert shown["rules"].startswith("KG/1/")
    assert "appoint_guardian" in {one["activity"] for one in shown["items"]}


@pytest.mark.parametrize("language", ["en", "ru", "kk", "ky"])
def test_it_is_printed_for_her_in_four_languages_and_the_access_is_recorded(
    ruled, language, tmp_path
):
    case = assessed(ruled)
    generated(ruled, case)
    before = len(ruled.does("access", "list", case)["accesses"])
    for kind in ("html", "pdf"):
        path = tmp_path / f"plan.{kind}"
        done = ruled("plan", "print", case, "--out", path, "--language", language)
        assert 0 == done.code, done.err
        assert 0o600 == path.stat().st_mode & 0o777
    assert f'<html lang="{language}">' in (tmp_path / "plan.html").read_text()
    assert (tmp_path / "plan.pdf").read_bytes().startswith(b"%PDF-")
    assert before < len(ruled.does("access", "list", case)["accesses"])
    refused = ruled("plan", "print", case, "--out", tmp_path / "plan.doc")
    assert 2 == refused.code
