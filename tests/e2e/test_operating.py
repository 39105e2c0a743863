"""What operations do: look, rebuild, verify, and read what the doctor says."""

import json
import urllib.request

import pytest

from tests.e2e.conftest import ledger

#: Read models in which the register has lines: a rebuild adds to them itself.
_OF_THE_REGISTER = {"audit_trail", "case_state"}


def registered(nodes, kind: str, country: str = "KG", **said) -> list[dict]:
    """Wait until the register says this; return the line before it, and its own."""
    for _ in range(200):
        lines = nodes.does("governance", "list", country=country)["governance"]
        for at, line in enumerate(lines):
            if line["type"] == kind and said.items() <= line["said"].items():
                return lines[max(at - 1, 0) : at + 1]
    raise AssertionError(f"the register never said {kind}: {lines}")


def test_read_models_are_built_anew_while_they_are_used(nodes):
    """The same state hash, in a new generation, and the workers come along."""
    nodes.opened()
    before = nodes.does("projections", "status", country="KG")
    done = nodes.does("projections", "rebuild", "--drop-old", country="KG")
    assert done["equal"]
    assert done["dropped"] == [before["generation"]]
    after = nodes.does("projections", "status", country="KG")
    assert after["generation"] == before["generation"] + 1
    said = [
        {name: one for name, one in status["read_models"].items() if name not in _OF_THE_REGISTER}
        for status in (before, after)
    ]
    assert said[0] == said[1]
    case = nodes.referred()  # the worker of the new generation goes on
    assert nodes.does("case", "show", case, country="KG")["responsible"] == "KZ"


def test_the_register_says_who_built_read_models_anew_and_what_they_said(nodes):
    """Recorded before: the state at these offsets is what `projections status` shows there."""
    nodes.opened()
    done = nodes.does("projections", "rebuild", country="KG")
    begun, finished = registered(nodes, "RebuildFinished", generation=done["number"])
    said = finished["said"]
    assert begun["said"]["rebuild_id"] == said["rebuild_id"]
    assert (said["before"], said["folded"], said["equal"]) == (done["before"], done["events"], True)
    assert (begun["actor"], begun["topic"]) == ("cli-system", "national")
    receipt = nodes.does("projections", "receipt", country="KG")  # the rebuild has left one, too
    assert receipt["generation"] == done["number"]
    assert receipt["receipt_id"] != done["receipt_id"]
    assert nodes.does("audit", "check", country="KG")["found"] == {}


def test_two_nodes_that_run_are_compared_while_they_read_and_differ_in_nothing(nodes):
    """One of them is always a little behind: that is no alarm, in whichever the auditor sits."""
    for _ in range(3):
        nodes.referred()
        for country, other in (("KG", "KZ"), ("KZ", "KG")):
            said = nodes.does("audit", "compare", "--with", nodes.home / other, country=country)
            assert said["beyond"] == said["notes"] == said["states"] == []
            assert said["equal"]
    said = nodes.does("audit", "check", country="KZ")
    assert (said["found"], said["remarks"]) == ({}, [])


def test_the_mirror_is_a_true_copy_of_the_topic(nodes):
    nodes.referred()
    done = nodes.does("mirror", "verify", country="KG")
    assert done["equal"]
    assert sum(one["records"] for one in done["partitions"]) > 0


def test_nothing_waits_and_the_doctor_says_so(nodes):
    assert nodes.does("quarantine", "list") == {"parked": [], "held": [], "strays": []}
    assert nodes.does("quarantine", "retry") == {"retried": 0, "stopped_again": 0}
    done = nodes.does("doctor")
    assert done["ok"], done["checks"]
    names = {check["name"] for check in done["checks"]}
    assert {"schemas", "log key", "postgresql", "migrations", "kafka", "relay", "worker"} <= names


def test_the_doctor_says_how_to_repair(nodes):
    key = nodes.home / "KG" / "log.key"
    key.chmod(0o444)
    try:
        done = nodes("doctor", country="KG")
    finally:
        key.chmod(0o400)
    assert done.code == 1
    assert f"chmod 400 {key}" in done.out


@pytest.mark.parametrize("program", ["relay", "worker"])
def test_programs_say_how_they_are(nodes, program):
    """Metrics for Prometheus, health for whoever starts and stops them; nothing about a case."""
    case = nodes.opened()
    address = nodes.up.document["countries"]["KZ"][program]["metrics"]
    with urllib.request.urlopen(address, timeout=30) as answer:
        metrics = answer.read().decode()
    assert f"ledger_{'relay' if program == 'relay' else 'projection'}_" in metrics
    assert "NationalEvent" in metrics
    if program == "worker":
        assert 'ledger_children_asked_success{country="KZ"} 1.0' in metrics
        assert 'ledger_log_stable_offset{country="KZ"' in metrics
    assert "CaseOpened" not in [
        line.split('event_type="')[1].split('"')[0]
        for line in metrics.splitlines()
        if 'event_type="' in line and "national" in line
    ]
    assert case not in metrics
    for question in ("live", "ready"):
        where = address.replace("/metrics", f"/health/{question}")
        with urllib.request.urlopen(where, timeout=30) as answer:
            assert json.load(answer)[question]


def test_logs_are_json_without_payloads(nodes):
    nodes.opened()
    for country in ("KZ", "KG"):
        for program in ("relay", "worker-1"):
            lines = (nodes.home / country / program / "program.log").read_text().splitlines()
            found = [json.loads(line) for line in lines]
            assert found[0]["program"] == program.partition("-")[0]
            assert all("event" in line for line in found)


def test_the_folder_holds_secrets_for_nobody_else(nodes):
    for country in ("KZ", "KG"):
        folder = nodes.home / country
        assert (folder / "log.key").stat().st_mode & 0o777 == 0o400
        assert {file.stat().st_mode & 0o777 for file in folder.glob("*.dsn")} == {0o600}


def test_a_program_of_one_role_cannot_do_what_another_does(nodes):
    """What the command line uses to decide cannot change or delete what was decided."""
    import psycopg

    dsn = (nodes.home / "KZ" / "append.dsn").read_text()
    with psycopg.connect(dsn, autocommit=True) as database:
        for forbidden in (
            "UPDATE ledger.ledger_events SET topic = ''",
            "DELETE FROM mirror.record",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                database.execute(forbidden)
    other = dsn.replace("dbname=e2e_kz", "dbname=e2e_kg")
    assert other != dsn
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(other)


def test_every_noun_and_verb_explains_itself():
    """In process: the words are the same, and there are many."""
    from node.cli.app import NOUNS, command

    for noun in NOUNS:
        found = command().get_command(None, noun)
        for verb in [found, *getattr(found, "commands", {}).values()]:
            assert verb.help, (noun, verb.name)
    said = ledger("--help")
    assert said.code == 0
    assert all(noun in said.out for noun in NOUNS)
