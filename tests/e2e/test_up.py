"""`ledger up`: everything runs, is kept running, and is gone when it is told to stop."""

import json
import os
import signal
import subprocess
import time
import urllib.request

import psycopg
import pytest

from node.embedded.folder import started
from tests.e2e.conftest import LEDGER, PATIENCE, Up, environment, ledger


def until(holds, what):
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def running(home):
    return json.loads((home / "running.json").read_text())


def test_the_document_says_where_everything_is(nodes):
    document = nodes.up.document
    assert document["kafka"]["bootstrap"]
    assert document["postgresql"]["version"].startswith("18")
    assert set(document["countries"]) == {"KZ", "KG", "UZ"}  # any number of countries
    for programs in document["countries"].values():
        assert programs["postgresql"].startswith("postgresql://")
        for name in ("relay", "worker"):
            with urllib.request.urlopen(programs[name]["metrics"], timeout=30) as answer:
                assert answer.status == 200


def test_a_second_up_on_the_same_folder_is_refused(nodes):
    done = ledger("up", "--dir", nodes.home, "--json")
    assert done.code == 6
    assert done.error["type"] == "FolderInUse"
    assert str(nodes.up.process.pid) in done.error["message"]


@pytest.mark.parametrize("program", ["relay", "worker"])
def test_a_killed_program_is_started_again(nodes, program):
    """And a decision that was taken meanwhile takes effect."""
    before = running(nodes.home)["countries"]["KZ"][program]["pid"]
    os.kill(before, signal.SIGKILL)
    case = nodes.does("case", "open")["case_id"]
    until(
        lambda: running(nodes.home)["countries"]["KZ"][program]["pid"] != before,
        "it is not started again",
    )
    until(
        lambda: nodes("case", "show", case, "--json").json.get("pending") == [],
        "the decision never took effect",
    )


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--countries", "KZ"), "an agreement needs two countries"),
        (("--countries", "KZ,XX"), "'XX' is no ISO 3166-1 country code"),
    ],
)
def test_countries_that_cannot_be_are_refused(tmp_path, arguments, why):
    done = ledger("up", "--dir", tmp_path, *arguments, "--json")
    assert done.code in {2, 3}
    assert why in done.error["message"]


def test_a_node_without_a_folder_is_prepared_and_run_by_settings_alone(tmp_path, kafka, postgres):
    """What a container does: a key, tables and topics, a decision, all from LEDGER_*."""
    keys = [
        ledger("prepare", "key", tmp_path / code, "--country", code, "--json").json["log_key"]
        for code in ("KZ", "KG")
    ]
    again = ledger("prepare", "key", tmp_path / "KZ", "--country", "KZ")
    assert (again.code, (tmp_path / "KZ").stat().st_mode & 0o777) == (2, 0o400)
    agreement = tmp_path / "agreement.toml"
    agreement.write_text(
        'name = "a"\nprefix = "alone"\npartitions = 2\n'
        f'[countries.KZ]\nzone = "Asia/Almaty"\nlog_keys = ["{keys[0]}"]\n'
        f'[countries.KG]\nzone = "Asia/Bishkek"\nlog_keys = ["{keys[1]}"]\n'
    )
    dsn = postgres.rpartition("/")[0] + "/alone_kz"
    with psycopg.connect(postgres, autocommit=True) as server:
        server.execute("CREATE DATABASE alone_kz")
    env = environment(
        LEDGER_AGREEMENT=str(agreement), LEDGER_COUNTRY="KZ", LEDGER_KAFKA=kafka, LEDGER_PG=dsn
    )
    for _ in range(2):  # safe to repeat
        done = ledger("prepare", "node", "--replication", "1", env=env)
        assert done.code == 0, done.err
    programs = [
        subprocess.Popen([LEDGER, *words], env={**env, **more}, stderr=subprocess.DEVNULL)
        for words, more in (
            (("relay", "run"), {"LEDGER_LOG_KEY_FILE": str(tmp_path / "KZ")}),
            (("worker", "run"), {}),
        )
    ]
    try:
        assert ledger("case", "open", env=env).code == 2  # who decides?
        who = ("--by", "caseworker:cw-1@cps-almaty")
        until(lambda: ledger("case", "open", "--wait", *who, env=env).code == 0, "nobody relays")
    finally:
        for program in programs:
            program.terminate()
    assert [program.wait(PATIENCE) for program in programs] == [0, 0]


@pytest.mark.soak
def test_up_survives_its_own_death_and_leaves_nothing_behind(tmp_path):
    """kill -9, then again on the same folder: the orphans are taken over, the data are there."""
    env = environment(LEDGER_DIR=str(tmp_path), LEDGER_COUNTRY="KZ")
    first = Up.start("--countries", "KZ,KG", env=env)
    assert first.document["kafka"]["version"] == "4.3.1"
    case = ledger("case", "open", "--json", "--wait", env=env).json["case_id"]
    os.kill(first.process.pid, signal.SIGKILL)
    first.stop()

    second = Up.start(env=env)  # the folder knows its countries
    try:
        assert set(second.document["countries"]) == {"KZ", "KG"}
        assert ledger("case", "show", case, env=env).code == 0
        for _ in range(3):  # everything ends and starts again at once
            os.kill(running(tmp_path)["postgresql"]["pid"], signal.SIGKILL)
            until(
                lambda: ledger("case", "open", "--wait", env=env).code == 0,
                "the server is not started again",
            )
    finally:
        assert second.stop() == 0
    alive = {pid for pid in first.pids | second.pids if started(pid) is not None}
    assert alive == set()
    assert not (tmp_path / "running.json").exists()
