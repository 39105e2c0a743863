"""`ledger up`: everything runs, is kept running, and is gone when it is told to stop."""

import json
import os
import signal
import time
import urllib.request

import pytest

from node.embedded.folder import started
from tests.e2e.conftest import PATIENCE, Up, environment, ledger


def until(holds, what):
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def running(nodes):
    return json.loads((nodes.home / "running.json").read_text())


def test_the_document_says_where_everything_is(nodes):
    document = nodes.up.document
    assert document["kafka"]["bootstrap"]
    assert document["postgresql"]["version"].startswith("18")
    assert set(document["countries"]) == {"KZ", "KG"}
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
    before = running(nodes)["countries"]["KZ"][program]["pid"]
    os.kill(before, signal.SIGKILL)
    case = nodes.does("case", "open")["case_id"]
    until(
        lambda: running(nodes)["countries"]["KZ"][program]["pid"] != before,
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


def test_up_survives_its_own_death_and_leaves_nothing_behind(tmp_path):
    """kill -9, then again on the same folder: the orphans are taken over, the data are there."""
    env = environment(LEDGER_DIR=str(tmp_path), LEDGER_COUNTRY="KZ")
    first = Up.start("--countries", "KZ,KG,UZ", env=env)
    assert set(first.document["countries"]) == {"KZ", "KG", "UZ"}
    assert first.document["kafka"]["version"] == "4.3.1"
    case = ledger("case", "open", "--json", "--wait", env=env).json["case_id"]
    os.kill(first.process.pid, signal.SIGKILL)
    first.stop()

    second = Up.start(env=env)  # the folder knows its countries
    try:
        assert set(second.document["countries"]) == {"KZ", "KG", "UZ"}
        assert ledger("case", "show", case, env=env).code == 0
        os.kill(second.document["postgresql"]["pid"], signal.SIGKILL)
        until(
            lambda: ledger("case", "open", "--wait", env=env).code == 0,
            "the server is not started again",
        )
    finally:
        assert second.stop() == 0
    alive = {pid for pid in first.pids | second.pids if started(pid) is not None}
    assert alive == set()
    assert not (tmp_path / "running.json").exists()
