"""What people of two countries do at the command line, and what they are told."""

import json
import os
import signal
from contextlib import contextmanager

import pytest

from tests.e2e.conftest import environment, ledger


@contextmanager
def deaf(nodes, country):
    """Let a country hear nothing of the topic for a while."""
    pid = nodes.up.document["countries"][country]["worker"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_handover_from_beginning_to_end(nodes):
    """Each verb waits where it matters, and both countries say the same in the end."""
    case = nodes.opened()
    grant = ("--recipient", "KG", "--purpose", "transfer", "--scopes", "identity,health")
    granted = nodes.does("consent", "grant", case, *grant, "--expires", "+90d")
    nodes.does("case", "ready", case)
    proposal = ("--recipient", "KG", "--scopes", "identity", "--due", "+9d")
    proposed = nodes.does("transfer", "propose", case, *proposal, "--wait")
    assert [event["type"] for event in proposed["events"]] == [
        "CaseShared",
        "CaseOpened",
        "ConsentGranted",
        "TransferProposed",
    ]
    assert proposed["chosen"] == {"basis_id": granted["consent_id"]}
    nodes.hears(case, proposed["events"][-1]["event_id"])

    accepted = nodes.does("transfer", "accept", case, proposed["handoff_id"], country="KG")
    assert accepted["state"] == "effective"
    moved = nodes.does("transfer", "move", case, country="KG")
    nodes.does("transfer", "complete", case, "--wait", country="KG")
    nodes.hears(case, moved["events"][-1]["event_id"], country="KZ")

    for country in ("KZ", "KG"):
        file = nodes.does("case", "show", case, country=country)
        assert file["responsible"] == "KG"
        shared = [one for one in file["responsibility"] if one["topic"] == "shared"]
        assert [one["country"] for one in shared] == ["KZ", "KG"]


def test_an_answer_in_ignorance_of_a_withdrawal_is_void_and_says_so(nodes):
    """Exit code 7, and a task for whoever decided."""
    case = nodes.referred()
    received = nodes.does("referral", "receive", case, "--wait", country="KG")
    nodes.hears(case, received["events"][0]["event_id"], country="KZ")
    with deaf(nodes, "KG"):
        nodes.does("consent", "withdraw", case, "--wait")
        answer = ("referral", "accept", case, "--key", f"answer-{case}")
        pending = nodes.does(*answer, "--no-wait", country="KG")
    assert pending["state"] == "pending"

    asked_again = nodes(*answer, "--json", country="KG")
    assert asked_again.code == 7
    assert asked_again.json["replayed"]
    assert asked_again.json["state"] == "void"
    assert asked_again.error == {
        "type": "FoundVoid",
        "rule": "no_basis",
        "message": f"case {case}: ReferralAccepted is void: no_basis",
    }
    (task,) = nodes.does("case", "show", case, country="KG")["tasks"]
    assert task["event_type"] == "ReferralAccepted"
    open_tasks = nodes.does("task", "list", "--kind", task["kind"], country="KG")["tasks"]
    assert [one["subject"] for one in open_tasks if one["case_id"] == case] == [task["subject"]]
    told = nodes("case", "history", case, country="KG").out
    assert "ReferralAccepted" in told
    assert "void" in told


def test_a_repeated_key_gives_the_same_answer_and_another_request_is_refused(nodes):
    first = nodes.does("case", "open", "--key", "intake-7")
    again = nodes.does("case", "open", "--key", "intake-7")
    assert again["replayed"]
    assert first["case_id"] == again["case_id"]
    other = nodes("care", "views", first["case_id"], "--key", "intake-7", "--json")
    assert (other.code, other.error["type"]) == (3, "KeyReused")


def test_who_was_overtaken_reads_the_case_again(nodes):
    case = nodes.opened()
    number = nodes.does("case", "show", case)["number"]
    nodes.does("care", "views", case)
    late = nodes("care", "concern", case, "--if-number", number, "--json")
    assert (late.code, late.error["type"]) == (4, "Overtaken")


def test_closing_needs_two_people(nodes):
    case = nodes.opened()
    early = nodes("case", "close", case, "--json")
    assert (early.code, early.error["rule"]) == (3, "four_eyes")
    nodes.does(
        "case", "request-closure", case, "--reason", "case_opened_in_error", "--informed",
        "--by", "supervisor:s1@office",
    )  # fmt: skip
    same = nodes("case", "close", case, "--by", "supervisor:s1@office", "--json")
    assert (same.code, same.error["type"]) == (3, "ProtectiveRefusal")
    closed = nodes.does("case", "close", case, "--by", "supervisor:s2@office", "--wait")
    assert closed["state"] == "effective"


@pytest.mark.parametrize(
    ("command", "code", "kind", "rule"),
    [
        (("case", "open", "--opened", "yesterday"), 2, "BadInput", "input"),
        (("case", "opne"), 2, "BadInput", "usage"),
        (("case", "show", "not-an-id"), 2, "BadInput", "input"),
        (("case", "open", "--by", "Aigerim"), 2, "BadInput", "input"),
        (("case", "open", "--by", "queen:q1@palace"), 3, "CodeUnknown", "role_known"),
        (("case", "open", "--country", "TJ"), 3, "CodeUnknown", "country_known"),
        (("case", "show", "{unknown}"), 3, "CaseUnknown", "case_known"),
        (("care", "views", "{unknown}"), 3, "CaseUnknown", "case_known"),
        (("referral", "accept", "{case}"), 3, "NotAllowedNow", "nothing_to_choose"),
        (
            (
                "referral",
                "send",
                "{case}",
                "--recipient",
                "KG",
                "--scopes",
                "health",
                "--due",
                "+1d",
            ),
            3,
            "BasisMissing",
            "basis_in_force",
        ),
        (
            ("consent", "refuse", "{case}", "--recipient", "KG", "--scopes", "diary"),
            3,
            "CodeUnknown",
            "datascope_known",
        ),
        (
            ("consent", "refuse", "{case}", "--recipient", "XX", "--scopes", "health"),
            3,
            "CodeUnknown",
            "country_known",
        ),
        (("events", "decode", "c301" + 8 * "00"), 5, "UnknownSchema", "schema_released"),
        (("events", "decode", "Aigerim"), 2, "BadInput", "input"),
    ],
)
def test_a_refusal_has_its_code_and_its_rule(nodes, case, command, code, kind, rule):
    unknown = "5e0f3c1a-0000-4000-8000-000000000000"
    words = [word.format(case=case, unknown=unknown) for word in command]
    done = nodes(*words, "--json")
    assert (done.code, done.error["type"], done.error["rule"]) == (code, kind, rule)
    assert done.out == ""


@pytest.fixture(scope="module")
def case(nodes):
    return nodes.opened()


def test_a_refusal_is_one_line_for_a_person(nodes, case):
    done = nodes("referral", "accept", case)
    assert done.code == 3
    assert done.err == f"ledger: case {case} has no open referral [nothing_to_choose]\n"


def test_without_nodes_the_answer_says_how_to_start_them(tmp_path):
    done = ledger("case", "list", "--dir", tmp_path, "--country", "KZ")
    assert done.code == 6
    assert f"ledger up --dir {tmp_path}" in done.err


def test_a_setting_that_nothing_reads_is_refused(nodes):
    done = ledger("case", "list", env=environment(LEDGER_DIR=str(nodes.home), LEDGER_CUONTRY="KZ"))
    assert done.code == 2
    assert "did you mean LEDGER_COUNTRY" in done.err


def test_a_case_is_shown_as_it_was(nodes):
    """As of a place, and as far as another country had certainly seen it."""
    case = nodes.referred()
    received = nodes.does("referral", "receive", case, "--wait", country="KG")
    nodes.hears(case, received["events"][0]["event_id"], country="KZ")
    trail = nodes.does("case", "history", case)["events"]
    sent, got = (
        next(one for one in trail if one["event"] == name)
        for name in ("ReferralSent", "ReferralReceived")
    )
    then = nodes.does("case", "show", case, "--as-of", sent["position"])
    assert [one["state"] for one in then["handoffs"]] == ["sent"]
    now = nodes.does("case", "show", case, "--as-of", got["position"])
    assert [one["state"] for one in now["handoffs"]] == ["received"]
    seen = nodes.does("case", "show", case, "--as-of", "seen:KG")
    assert seen["as_of"]["lower_bound"]
    assert [one["state"] for one in seen["handoffs"]] == ["sent"]
    when = nodes.does("case", "show", case, "--as-of", f"seen:{got['event_id']}")
    assert seen["as_of"]["until"] == when["as_of"]["until"]
    at = nodes.does("case", "history", case, "--as-of", sent["recorded_at"])
    assert "ReferralSent" not in [one["event"] for one in at["events"]]
    rows = nodes.does("projections", "show", "referrals", case, "--as-of", sent["position"])
    assert [one["state"] for one in rows["rows"]] == ["sent"]
    every = nodes.does("projections", "show", "referrals", "--as-of", got["position"])
    assert every["as_of"]["until"] == [got["position"]]
    assert "received" in [one["state"] for one in every["rows"]]
    then = nodes.does("access", "list", case, "--as-of", sent["position"])
    assert then["as_of"]["until"] == [sent["position"]]
    refused = nodes("case", "show", case, "--as-of", "2999-01-01T00:00:00Z")
    assert (refused.code, "[instant_past]" in refused.err) == (2, True)


def test_lists_show_what_waits_for_an_answer(nodes):
    case = nodes.referred()
    assert nodes("case", "show", case, country="UZ").code == 0  # a party to the topic hears of it
    for country in ("KZ", "KG"):
        rows = nodes.does("referral", "list", "--open", country=country)["referrals"]
        assert case in [row["case_id"] for row in rows]
    assert nodes.does("transfer", "list", country="KG")["transfers"] is not None


def test_cases_are_listed_page_by_page(nodes):
    for _ in range(2):
        nodes.opened()
    first = nodes.does("case", "list", "--limit", "1")
    second = nodes.does("case", "list", "--limit", "1", "--after", first["next_after"])
    assert first["cases"][0]["case_id"] < second["cases"][0]["case_id"]
    assert all(
        row["responsible"] == "KZ"
        for row in nodes.does("case", "list", "--responsible", "KZ")["cases"]
    )


def test_an_event_can_be_read_from_its_bytes(nodes, case):
    import psycopg

    with psycopg.connect(nodes.up.document["countries"]["KZ"]["postgresql"]) as database:
        (value,) = database.execute(
            "SELECT state FROM ledger.ledger_events WHERE originator_id = %s LIMIT 1", (case,)
        ).fetchone()
    said = ledger("events", "decode", bytes(value).hex(), "--json").json
    assert said["type"] == "NationalEvent"
    assert said["event"]["actor"]["id"] == ""
    key = ("--national-key", f"{nodes.home}/KZ/national.key")
    said = ledger("events", "decode", bytes(value).hex(), *key, "--json").json
    assert said["type"] == "CaseOpened"
    assert said["event"]["case_id"] == case
    listed = json.loads(ledger("events", "list", "--json").out)
    assert {"CaseOpened", "TransferAccepted"} <= {one["name"] for one in listed}
