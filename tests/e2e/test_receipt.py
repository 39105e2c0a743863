"""A child asks who has her data: the page is right at each step of a real journey."""

from __future__ import annotations

import json

import pytest

SCOPES = "preview,health"


DPO = ("--by", "data_protection_officer:dpo-1@ministry")


def printed(nodes, case, country="KZ", by=()):
    """What the page says, as codes."""
    asked = ("access", "receipt", case, "--language", "en", *by)
    return nodes.does(*asked, country=country)["receipt"]


def until(nodes, case, states, country="KZ"):
    """Wait until a country sees the releases of a case in these states."""
    for _ in range(300):
        found = nodes("access", "releases", case, "--json", country=country)
        if found.code == 0 and [one["state"] for one in found.json["releases"]] == states:
            return
    raise AssertionError(f"{country}: {states} never came: {found.out}{found.err}")


def heard(nodes, done, country):
    nodes.hears(done["case_id"], done["events"][-1]["event_id"], country)


@pytest.fixture(scope="module")
def case(nodes, tmp_path_factory):
    """A case of KZ whose health data KG was given, with the child's permission."""
    data = tmp_path_factory.mktemp("data") / "data.json"
    data.write_text(json.dumps({"preview": {"age": 16}, "health": {"needs": "insulin"}}))
    case = nodes.does("case", "open", "--data", data, "--wait")["case_id"]
    grant = ("--recipient", "KG", "--purpose", "service", "--scopes", SCOPES, "--expires", "+90d")
    child = ("--given-by", "child", "--age-band", "from_15_to_17")
    nodes.does("consent", "grant", case, *grant, *child)
    asked = ("--recipient", "KG", "--scopes", SCOPES, "--due", "+9d")
    heard(nodes, nodes.does("referral", "send", case, *asked, "--wait"), "KG")
    heard(nodes, nodes.does("referral", "receive", case, "--wait", country="KG"), "KZ")
    until(nodes, case, ["released"], "KG")
    heard(nodes, nodes.does("referral", "accept", case, country="KG"), "KZ")
    for country in ("KZ", "KG"):
        until(nodes, case, ["released", "released"], country)
    return case


def test_it_tells_what_was_given_and_with_whose_permission(nodes, case):
    told = printed(nodes, case)
    assert told["responsible"] == "KZ"
    assert [one["scopes"] for one in told["given"]] == [["preview"], ["health"]]
    for one in told["given"]:
        assert (one["recipient"], one["state"], one["handoff"]) == ("KG", "released", "referral")
        assert (one["permission"]["given_by"], one["permission"]["is_in_force"]) == ("child", True)
    assert [(one["country"], one["state"]) for one in told["holders"]] == [
        ("KZ", "holds"),
        ("KG", "holds"),
    ]
    assert told["unanswered"] == ["KG"]
    assert sorted(told["parties"]) == ["KG", "KZ"]


def test_the_other_country_tells_what_only_it_knows(nodes, case):
    """Who read there; not who gave permission elsewhere."""
    read = ("--scopes", "health", "--purpose", "service", "--by", "caseworker:cw-7@clinic-3")
    nodes.does("data", "read", case, *read, country="KG")
    told = printed(nodes, case, "KG")
    assert told["unanswered"] == ["KZ"]
    assert {one["permission"]["given_by"] for one in told["given"]} == {None}
    (shown,) = [one for one in told["shown"] if one["door"] == "read"]
    assert (shown["role"], shown["at"], shown["scopes"]) == ("works_with_you", None, ["health"])
    assert "clinic-3" not in json.dumps(told)
    (shown,) = [one for one in printed(nodes, case, "KG", DPO)["shown"] if one["door"] == "read"]
    assert (shown["role"], shown["organisation"]) == ("caseworker", "clinic-3")
    assert "clinic-3" not in json.dumps(printed(nodes, case, "KZ", DPO))


def test_a_page_is_an_access_that_the_next_page_tells(nodes, case):
    """And not itself, beside the line that says so."""
    by = ("--by", "data_protection_officer:dpo-2@office-9")
    page = nodes("access", "receipt", case, "--language", "kk", *by).out
    assert page.startswith("<!DOCTYPE html>")
    assert page.count("office-9") == 1
    shown = printed(nodes, case, by=DPO)["shown"]
    mine = [one for one in shown if one["organisation"] == "office-9"]
    assert [(one["door"], one["scopes"]) for one in mine] == [("receipt", ["health", "preview"])]


def test_it_is_written_for_its_owner_only(nodes, case, tmp_path):
    path = tmp_path / "page.html"
    done = nodes("access", "receipt", case, "--language", "ru", "--out", path)
    assert (done.code, done.out) == (0, "")
    assert case in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_who_may_not_know_is_refused_and_the_page_tells_only_what_is_safe(nodes, case):
    """A border officer is told of by his office; a person whom a block keeps out is nowhere."""
    asked = ("access", "receipt", case, "--language", "en", "--json", "--by")
    officer = nodes(*asked, "border_officer:b-1@border-7")
    assert (officer.code, officer.out, officer.error["rule"]) == (3, "", "role")
    before = printed(nodes, case)
    nodes.does("block", "place", case, "--persons", "father-1", "--wait")
    excluded = nodes(*asked, "caseworker:father-1@street-9")
    assert (excluded.code, excluded.out, excluded.error["rule"]) == (3, "", "role")
    guardian = nodes(*asked, "guardian:aunt-1@home")
    assert (guardian.code, guardian.out, guardian.error["rule"]) == (3, "", "role")

    told = printed(nodes, case)
    assert [one["role"] for one in told["refused"]] == ["at_the_border"]
    refused = printed(nodes, case, by=DPO)["refused"]
    assert [one["organisation"] for one in refused] == ["border-7"]
    del before["shown"], told["shown"]  # by each page one more
    assert before == told
    listed = nodes.does("access", "list", case)["accesses"]
    assert {"role", "excluded", "guardian"} == {
        one["rule"] for one in listed if one["kind"] == "denied"
    }


def test_what_nobody_can_be_told_leaves_no_page(nodes, case):
    unknown = "5e0f3c1a-0000-4000-8000-000000000000"
    for words, code, rule in (
        ((unknown, "--language", "en"), 3, "case_known"),
        ((case, "--language", "de"), 3, "language_known"),
        ((case, "--language", "en", "--out", "/dev/null/page"), 2, "out"),
    ):
        done = nodes("access", "receipt", *words, "--json")
        assert (done.code, done.error["rule"], done.out) == (code, rule, "")


def test_after_a_withdrawal_it_says_stopped_and_who_owes_an_answer(nodes, case):
    nodes.does("consent", "withdraw", case, "--given-by", "child", "--wait")
    until(nodes, case, ["stopped", "stopped"])
    told = printed(nodes, case)
    assert {one["state"] for one in told["given"]} == {"stopped"}
    assert {one["permission"]["is_in_force"] for one in told["given"]} == {False}
    assert ("KG", "stopped") in [(one["country"], one["state"]) for one in told["holders"]]
    page = nodes("access", "receipt", case, "--language", "en").out
    assert "Outstanding" in page
    assert "deleted" not in page


def test_a_case_without_a_border_has_a_page_too(nodes):
    case = nodes.opened()
    told = printed(nodes, case)
    assert (told["given"], told["unanswered"], told["parties"]) == ([], [], ["KZ"])
    assert [(one["country"], one["state"]) for one in told["holders"]] == [("KZ", "holds")]
