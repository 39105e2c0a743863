"""Data about a child, at the command line of two countries: shared, read, stopped, erased."""

import json
import os
import signal
import time
from contextlib import contextmanager

import pytest

from node.home import Home
from tests.e2e.conftest import PATIENCE

SAID = {"identity": {"name": "Aizada"}, "health": {"asthma": True}}
BRIEF = {"preview": {"service": "shelter"}}
READ = ("--purpose", "service")


@pytest.fixture
def typed(tmp_path):
    """Write data into a file, as a person does: never on the command line."""

    def write(said):
        path = tmp_path / "data.json"
        path.write_text(json.dumps(said))
        return ("--data", path)

    return write


def until(holds, what):
    end = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < end, f"{what} never came true"
        time.sleep(0.1)
    return found


def referred(nodes, typed):
    """A case with data, and a referral with what KG sees first, that KG has received."""
    case = nodes.does("case", "open", "--wait", *typed(SAID))["case_id"]
    given = ("--given-by", "child", "--age-band", "from_15_to_17", "--expires", "+90d")
    scopes = ("--recipient", "KG", "--scopes", "preview,identity,health")
    nodes.does("consent", "grant", case, *scopes, "--purpose", "service", *given)
    sent = nodes.does("referral", "send", case, *scopes, "--due", "+9d", "--wait", *typed(BRIEF))
    nodes.hears(case, sent["events"][-1]["event_id"])
    nodes.does("referral", "receive", case, "--wait", country="KG")
    return case


def read(nodes, case, scopes, country="KG", origin="KZ"):
    """Return the states and values of some scopes as one country shows them."""
    document = nodes.does("data", "read", case, "--scopes", scopes, *READ, country=country)
    return document["data"].get(origin, {})


def states(nodes, case, scopes, **where):
    return {one["state"] for one in read(nodes, case, scopes, **where).values()}


def trail(nodes, case, country="KZ"):
    return [one["event"] for one in nodes.does("case", "history", case, country=country)["events"]]


@contextmanager
def without_keystore(nodes, country):
    """Nobody finds the door of a country's keystore for a while."""
    door = Home(nodes.home).country(country).keystore
    away = door.with_name("away")
    door.rename(away)
    try:
        yield
    finally:
        away.rename(door)


def test_data_is_shared_in_two_steps_stopped_and_erased(nodes, typed):
    """What follows by itself follows; whoever reads is told what is true."""
    case = referred(nodes, typed)
    shown = until(lambda: read(nodes, case, "preview"), "the preview in KG")
    until(lambda: states(nodes, case, "preview") == {"open"}, "the preview in KG")
    assert {"preview"} == set(shown)
    nodes.does("referral", "accept", case, "--wait", country="KG")
    until(lambda: states(nodes, case, "identity,health") == {"open"}, "the rest in KG")
    found = read(nodes, case, "identity,health")
    assert {scope: one["values"] for scope, one in found.items()} == SAID

    reactor = running(nodes, "KZ", "reactor")
    os.kill(reactor, signal.SIGKILL)  # whoever comes after it does what is due
    nodes.does("consent", "withdraw", case, "--given-by", "child", "--wait")
    until(lambda: states(nodes, case, "identity,health") == {"stopped"}, "the stop in KG")
    until(lambda: trail(nodes, case).count("ReleaseStopped"), "the stop on the topic")
    assert states(nodes, case, "identity,health", country="KZ") == {"open"}

    nodes.does("referral", "revoke", case, "--wait")
    nodes.does("case", "request-closure", case, "--reason", "case_opened_in_error", "--informed")
    nodes.does("case", "close", case, "--wait")
    nodes.does("erasure", "request", case, "--by", "supervisor:sup-1@cps")
    nodes.does("erasure", "approve", case, "--by", "data_protection_officer:dpo-1@cps")
    until(lambda: "ErasureAttested" in trail(nodes, case), "the attestation")
    assert states(nodes, case, "identity,health", country="KZ") == {"erased"}
    counted = [trail(nodes, case).count(name) for name in ("KeysReleased", "ReleaseStopped",
               "KeysErased", "ErasureAttested")]  # fmt: skip
    assert counted == [2, 1, 1, 1]


def running(nodes, country, program):
    document = json.loads((nodes.home / "running.json").read_text())
    return document["countries"][country][program]["pid"]


def test_who_may_not_see_it_is_refused_and_the_refusal_stands_in_the_trail(nodes, typed):
    case = nodes.does("case", "open", "--wait", *typed(SAID))["case_id"]
    nodes.does("block", "place", case, "--persons", "uncle-1", "--by", "supervisor:sup-1@cps")
    for who in ("auditor:a-1@state", "border_officer:b-1@border", "caseworker:uncle-1@cps"):
        done = nodes("data", "read", case, "--scopes", "health", *READ, "--by", who, "--json")
        assert (done.code, done.error["type"]) == (3, "AccessRefused")
        assert "asthma" not in done.err + done.out
    until(lambda: trail(nodes, case).count("AccessDenied") == 3, "three refusals in the trail")
    assert "PersonalDataAccessed" not in trail(nodes, case)


def test_an_emergency_opens_it_once_and_another_person_looks_again(nodes, typed):
    case = nodes.does("case", "open", "--wait", *typed(SAID))["case_id"]
    why, doctor = (
        typed({"narrative": {"why": "surgery"}}),
        ("--by", "protection_officer:doctor-1@clinic"),
    )
    nodes.does("access", "break-glass", case, "--scopes", "health", *why, *doctor)
    shown = nodes.does("data", "read", case, "--scopes", "health", *READ, *doctor)
    assert shown["data"]["KZ"]["health"]["values"] == {"asthma": True}
    done = nodes("data", "read", case, "--scopes", "identity", *READ, *doctor, "--json")
    assert done.code == 3
    nodes.does("access", "review", case, "--not-upheld", "--by", "supervisor:sup-1@cps")
    done = nodes("data", "read", case, "--scopes", "health", *READ, *doctor, "--json")
    assert done.code == 3


def test_an_export_holds_everything_that_may_be_shown_and_is_an_access(nodes, typed):
    case = nodes.does("case", "open", "--wait", *typed(SAID))["case_id"]
    done = nodes("data", "export", case, "--purpose", "case_management")
    assert done.code == 0, done.err
    shown = {scope: one["values"] for scope, one in done.json["data"]["KZ"].items()}
    assert shown == SAID
    until(lambda: "PersonalDataAccessed" in trail(nodes, case), "the export in the trail")


def test_without_its_keystore_a_country_goes_on_caring_and_touches_no_data(nodes, typed):
    case = nodes.does("case", "open", "--wait", *typed(SAID))["case_id"]
    before = nodes.does("case", "show", case)["number"]
    with without_keystore(nodes, "KZ"):
        for words in (
            ("data", "read", case, "--scopes", "health", *READ),
            ("data", "record", case, *typed(SAID)),
            ("data", "export", case, "--purpose", "service"),
        ):
            done = nodes(*words, *(() if "export" in words else ("--json",)))
            assert done.code == 6, done.err
        assert nodes.does("case", "show", case)["number"] == before
        nodes.does("case", "ready", case)
    assert states(nodes, case, "health", country="KZ") == {"open"}


def test_a_history_shows_national_events_by_name_to_its_own_country_only(nodes, typed):
    case = referred(nodes, typed)
    until(lambda: "CaseShared" in trail(nodes, case), "national events in KZ")
    assert "CaseShared" not in trail(nodes, case, country="KG")
    assert "NationalEvent" not in trail(nodes, case) + trail(nodes, case, country="KG")
