"""Automatic redirection over two countries, typed: rules, questions, answers, reasons."""

from __future__ import annotations

import time

from tests.e2e.conftest import PATIENCE
from tests.e2e.ruling import asked, begun, until, written

UASC = {"kz-national-uasc", "kz-almaty-guardianship", "duty desk"}


def test_a_child_goes_to_the_specialists_that_her_concern_needs(ruled):
    case = begun(ruled)
    found = until(ruled, case, UASC)
    (lead,) = (one for one in found.values() if one["leads"])
    assert "kz-national-uasc" == lead["service"]
    assert lead["rules"].startswith("KZ/1/")
    tasks = ruled.does("case", "show", case)["tasks"]
    waiting = {one["subject"] for one in tasks if one["kind"] == "routing_answer"}
    assert {one["routing_id"] for one in found.values()} <= waiting
    assert f"{case}" in ruled("task", "list").out


def test_why_is_explained_and_the_same_rules_give_the_same_answer(ruled):
    case = begun(ruled, "trafficking")
    until(ruled, case, {"kz-national-anti-trafficking", "kz-national-shelter",
                        "kz-almaty-health", "kz-national-legal-aid"})  # fmt: skip
    why = ruled.does("routing", "explain", case)
    assert why["same_again"] is True
    assert ["trafficking"] == why["said"]["facts"]["concerns"]
    assert "f" == why["said"]["facts"]["sex_of_worker"]
    assert 14 <= why["said"]["facts"]["age"]
    told = ruled("routing", "explain", case)
    assert "anti_trafficking_officer" in told.out
    assert "the same answer" in told.out
    looked = ruled.does("access", "list", case)["accesses"]
    assert {"rules", "read"} <= {one["door"] for one in looked}, "who looks is recorded"
    denied = ruled("routing", "explain", case, "--by", "border_officer:b-1@post", "--json")
    assert (3, "AccessRefused") == (denied.code, denied.error["type"])


def test_who_declines_is_not_asked_again_and_somebody_else_is(ruled):
    case = begun(ruled)
    found = until(ruled, case, UASC)
    lead = found["kz-national-uasc"]["routing_id"]
    ruled.does("routing", "decline", case, lead, "--reason", "no_capacity",
               "--by", "provider:p-1@kz-unaccompanied-children")  # fmt: skip
    found = until(ruled, case, {"kz-almaty-casework", "kz-almaty-guardianship", "duty desk"})
    assert found["kz-almaty-casework"]["leads"]
    why = ruled.does("routing", "explain", case)["said"]
    assert ["kz-national-uasc"] == why["facts"]["declined"]
    (need,) = (one for one in why["needs"] if one["leads"])
    assert "kz-national-uasc place declined" in need["candidates"]


def test_a_stranger_answers_for_nobody_and_who_accepts_works_with_her(ruled):
    case = begun(ruled)
    lead = until(ruled, case, UASC)["kz-national-uasc"]["routing_id"]
    refused = ruled("routing", "accept", case, lead, "--by", "provider:p-1@another", "--json")
    assert (3, "WrongRole") == (refused.code, refused.error["type"])
    mine = "provider:p-1@kz-unaccompanied-children"
    ruled.does("routing", "accept", case, lead, "--by", mine, "--wait")
    assert {"kz-national-uasc"} == asked(ruled, case, state="accepted").keys()
    (work,) = (
        one
        for one in ruled.does("workload", "list")["services"]
        if one["service"] == "kz-national-uasc"
    )
    assert work["cases"] >= 1
    assert work["load"] >= 4, "what is at high risk weighs four halves of a case"
    assert "duty desk" in ruled("workload", "list").out


def test_a_supervisor_chooses_another_one_and_says_why(ruled):
    case = begun(ruled)
    until(ruled, case, UASC)
    why = written(ruled, {"narrative": {"why": "her aunt works there"}})
    chosen = ("routing", "override", case, "kz-zhambyl-casework", "--data", why)
    refused = ruled(*chosen, "--by", "caseworker:cw-1@x", "--json")
    assert (3, "WrongRole") == (refused.code, refused.error["type"])
    unknown = ruled(*chosen[:3], "no-such-service", *chosen[4:], "--json")
    assert (2, "BadInput") == (unknown.code, unknown.error["type"])
    ruled.does(*chosen)
    found = until(ruled, case, {"kz-zhambyl-casework", "kz-almaty-guardianship", "duty desk"})
    assert found["kz-zhambyl-casework"]["by_hand"]
    assert ruled.does("routing", "explain", case)["by_hand"] is True


def test_as_soon_as_a_provider_is_there_the_duty_desk_is_relieved(ruled):
    """The red crescent acknowledges the guideline: its children are directed again."""
    case = begun(ruled)
    until(ruled, case, UASC)
    why = ruled.does("routing", "explain", case)["said"]
    (need,) = (one for one in why["needs"] if one["specialist"] == "tracing_agency")
    assert ["kz-national-tracing place guideline_not_acknowledged"] == need["candidates"]
    said = ("kz-red-crescent", "unaccompanied", 1)
    stranger = ("--by", "provider:p-1@another")
    assert 3 == ruled("provider", "acknowledge", *said, *stranger).code
    ruled.does("provider", "acknowledge", *said, "--by", "provider:p-1@kz-red-crescent")
    until(ruled, case, {"kz-national-uasc", "kz-almaty-guardianship", "kz-national-tracing"})
    ruled.does("provider", "capacity", "kz-national-tracing", "--places", 0)
    other = begun(ruled)
    until(ruled, other, UASC)
    ruled.does("provider", "capacity", "kz-national-tracing", "--places", 5)
    until(ruled, other, {"kz-national-uasc", "kz-almaty-guardianship", "kz-national-tracing"})
    listed = ruled.does("provider", "list")
    assert 5 == next(one["places"] for one in listed["capacities"])


def test_the_country_that_takes_over_directs_her_by_its_own_rules(ruled):
    case = begun(ruled)
    grant = ("--recipient", "KG", "--scopes", "preview,identity,location,protection")
    until_then = ("--expires", "+90d", "--given-by", "child", "--age-band", "from_12_to_14",
                  "--assent", "written")  # fmt: skip
    ruled.does("consent", "grant", case, *grant, "--purpose", "transfer", *until_then)
    ruled.does("case", "ready", case)
    proposed = ruled.does("transfer", "propose", case, *grant, "--due", "+9d", "--wait")
    ruled.hears(case, proposed["events"][-1]["event_id"])
    assert [] == ruled.does("routing", "list", case, country="KG")["routings"]
    for step in ("preview", "accept", "move"):
        ruled.does("transfer", step, case, "--wait", country="KG")
    end = time.monotonic() + PATIENCE
    while not (found := asked(ruled, case, country="KG")):
        assert time.monotonic() < end
        time.sleep(0.2)
    assert all(name.startswith("kg-") or name == "duty desk" for name in found)
    assert "kg-national-uasc" in found, "her concern came with her"
    history = ruled.does("case", "history", case, country="KZ")["events"]
    told = {one["event"] for one in history if one["origin"] == "KG"}
    assert "ResponsibilityMoved" in told
    assert not {name for name in told if "Rout" in name or "Direct" in name}


def test_rule_files_are_checked_compared_and_never_put_in_force_twice(ruled, tmp_path):
    good = tmp_path / "KZ.toml"
    good.write_text(ruled("rules", "example", "KZ").out)
    bad = tmp_path / "bad.toml"
    bad.write_text(good.read_text().replace('lead = "uasc_caseworker"', 'lead = "wizard"'))
    refused = ruled("rules", "check", bad, "--json")
    assert (2, "Misconfigured") == (refused.code, refused.error["type"])
    assert "bad.toml:" in refused.error["message"]
    assert "'wizard'" in refused.error["message"]
    assert 0 == ruled("rules", "check", good).code
    again = ruled("rules", "activate", good, "--json")
    assert (3, "rules_version") == (again.code, again.error["rule"])
    abroad = ruled("rules", "activate", good, "--json", country="KG")
    assert (2, "BadInput") == (abroad.code, abroad.error["type"])
    newer = tmp_path / "newer.toml"
    newer.write_text(good.read_text().replace("version = 1\ncountry", "version = 2\ncountry")
                     .replace('first_contact = "7d"', 'first_contact = "5d"'))  # fmt: skip
    assert "they say the same" in ruled("rules", "diff", good, good).out
    found = ruled.does("rules", "diff", good, newer)["differences"]
    assert {"version", "route documents.first_contact"} == {one["entry"] for one in found}
    ruled.does("rules", "activate", newer, "--from", "+30d")
    listed = [one for one in ruled.does("rules", "list")["rules"] if one["kind"] == "pack"]
    assert [(1, True), (2, False)] == [(one["number"], one["in_force"]) for one in listed]
    told = [one["type"] for one in ruled.does("governance", "list")["governance"]]
    assert 3 == told.count("RulesActivated")


def test_a_draft_is_asked_whose_way_plan_or_time_it_would_have_changed(ruled, tmp_path):
    case = begun(ruled)
    ruled.does("care", "assessment", case)
    end = time.monotonic() + PATIENCE
    while not ruled.does("plan", "list", case)["plans"]:
        assert time.monotonic() < end
        time.sleep(0.2)
    now = tmp_path / "now.toml"
    now.write_text(ruled("rules", "example", "KZ").out)
    same = ruled.does("rules", "replay", "--pack", now)
    assert [] == [one for one in same["differing"] if one["case_id"] == case]
    assert same["cases"] >= 1
    draft = tmp_path / "draft.toml"
    changed = now.read_text().replace("version = 1\ntitle", "version = 2\ntitle", 1)
    changed = changed.replace('first_contact = "24h"', 'first_contact = "12h"')
    changed = changed.replace('high = "48h"\nmedium = "7d"', 'high = "24h"\nmedium = "7d"', 1)
    draft.write_text(changed)
    found = ruled.does("rules", "replay", "--pack", draft)["differing"]
    mine = {(one["what"], one["of"]): one for one in found if one["case_id"] == case}
    lead = mine["route", "uasc_caseworker"]
    assert "duty desk" == lead["after"], "nobody has acknowledged the second version yet"
    assert ("plan", "appoint_guardian") in mine
    told = ruled("rules", "replay", "--pack", draft)
    assert "would have been answered otherwise" in told.out
    refused = ruled("rules", "replay", "--pack", draft, "--by", "border_officer:b-1@post", "--json")
    assert (3, "AccessRefused") == (refused.code, refused.error["type"])
    wrong = ruled("rules", "replay", "--pack", draft, "--json", country="KG")
    assert 2 == wrong.code
