"""`ledger simulate`: traffic of both countries on real servers, and whether everything still holds.

The soak plays 2,000 cases while programs are killed again and again.
"""

import json
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from node import place
from node.demo.ruled_plots import put_in_force
from node.reading import reader
from node.simulation.invariants import INVARIANTS
from tests.e2e.conftest import LEDGER, Done, Up, environment

#: Far longer than the traffic takes on a machine that is busy with something else.
PATIENCE = 600
SOAK_PATIENCE = 2700
#: Programs of which one is killed every few seconds, and how many seconds that are.
MORTAL = ("workers", "relay", "reactor", "keystore", "sealer")
PAUSE_S = (4.0, 10.0)
#: So many breaches are more than chance.
MANY = 10


@pytest.fixture(scope="module")
def simulated(ruled) -> Up:
    """Nodes that nobody looks at after this: simulated cases are not between those of others."""
    return ruled.up


def simulate(up: Up, *arguments: object, patience: int = PATIENCE) -> Done:
    """Run the verb on running nodes."""
    command = [LEDGER, "simulate", "--dir", up.document["dir"], "--json", *map(str, arguments)]
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, check=False, timeout=patience
    )
    return Done(done.returncode, done.stdout, done.stderr)


def require_ok(done: Done, cases: int) -> dict:
    """Everything holds, and every invariant was asked."""
    assert done.code == 0, done.err + done.out
    said = done.json
    assert said["ok"]
    assert said["cases"] == cases
    assert said["broken"] == []
    assert set(INVARIANTS) <= set(said["invariants"])
    assert set(said["invariants"].values()) == {0}
    assert said["views_agree"]
    assert said["rebuild_equal"]
    return said


@pytest.mark.soak
def test_what_is_simulated_is_decided_refused_and_agreed_on(simulated):
    """Cases of every kind, with mischief in them; and the lengths that the kinds promise."""
    done = simulate(simulated, "--cases", 30, "--seed", 4)
    said = require_ok(done, 30)
    assert said["seed"] == 4
    assert said["decided"]["open_case"] == 30
    assert {"send_referral", "grant_consent", "accept_routing", "record_views"} <= set(
        said["decided"]
    )
    assert "wrong_role" in said["refused"]
    assert said["mischief"]["forbidden"] > 20
    assert said["mischief"]["repeated"] > 5
    found = said["events_per_case"]
    assert found["monitored"] < found["domestic"] < found["crossing"]


@pytest.mark.soak
def test_the_same_seed_again_is_other_cases(simulated):
    """Keys and ids of one run mean nothing in another; a rate is kept."""
    again = require_ok(simulate(simulated, "--cases", 3, "--seed", 4, "--rate", 2), 3)
    assert again["decided"]["open_case"] == 3
    assert again["played_seconds"] >= 1


def test_what_is_broken_is_named_and_told_by_the_exit_code(simulated):
    """Somebody changes one line of one country: the views differ, and so would a rebuild."""
    with psycopg.connect(simulated.document["countries"]["KZ"]["postgresql"]) as connection:
        row = connection.execute("SELECT number FROM projections.current_generation").fetchone()
        assert row is not None
        trail = f"read_{row[0]}.audit_trail"
        changed = connection.execute(
            f"UPDATE {trail} SET effective = NOT effective WHERE (case_id, topic, place) ="
            f" (SELECT case_id, topic, place FROM {trail} WHERE topic = 'shared' LIMIT 1)"
        )
        assert changed.rowcount == 1
    done = simulate(simulated, "--cases", 1, "--seed", 1)
    assert done.code == 3
    assert done.json["decided"]["open_case"] == 1
    assert set(INVARIANTS) <= set(done.json["invariants"])
    assert (done.json["ok"], done.json["views_agree"]) == (False, False)
    assert not done.json["rebuild_equal"]


def test_without_running_nodes_nothing_is_simulated(tmp_path):
    done = simulate(Up(None, None, {"dir": str(tmp_path)}), "--cases", 1)
    assert done.code == 6
    assert "ledger up" in done.err


@contextmanager
def killing(home: Path, seed: int) -> Iterator[Counter[str]]:
    """Kill programs of both countries with SIGKILL, one every few seconds; counts them."""
    draw, stop, killed = random.Random(seed), threading.Event(), Counter()

    def kill() -> None:
        while not stop.wait(draw.uniform(*PAUSE_S)):
            countries = json.loads((home / "running.json").read_text())["countries"]
            programs = countries[draw.choice(sorted(countries))]
            name = draw.choice(MORTAL)
            found = draw.choice(programs[name]) if name == "workers" else programs[name]
            if found["pid"] is not None:
                with suppress(ProcessLookupError):
                    os.kill(found["pid"], signal.SIGKILL)
                    killed[name] += 1

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        stop.set()
        thread.join()


@pytest.mark.soak
@pytest.mark.timeout(SOAK_PATIENCE + 120)
@pytest.mark.parametrize("cases", [150, pytest.param(2000, marks=pytest.mark.long)])
def test_many_cases_while_programs_are_killed(tmp_path_factory, cases):
    """Nothing is lost and nothing contradicts itself, whoever dies in between."""
    home = tmp_path_factory.mktemp("soak")
    up = Up.start("--countries", "KZ,KG", "--dir", home, "--workers", 2, env=environment())
    try:
        for country in ("KZ", "KG"):
            put_in_force(place.find(home, country), hurried)
        with killing(home, 42) as killed:
            done = simulate(up, "--cases", cases, "--seed", 42, patience=SOAK_PATIENCE)
            said = require_ok(done, cases)
            wait_for_the_late(home)
        require_ok(simulate(up, "--cases", 3, "--seed", 43, patience=SOAK_PATIENCE), 3)
    finally:
        up.stop()
    assert killed
    assert said["void"]
    assert said["decided"]["move_responsibility"] > 0


def hurried(text: str) -> str:
    """Let a first contact and a follow-up be due within a minute, and one person be told then."""
    soon = 'within = { emergency = "1min", high = "1min", medium = "1min", low = "1min" }'
    for step in ("first_contact", "follow_up"):
        begin = f'step = "{step}"\n'
        head, found, rest = text.partition(begin)
        if found:
            _within, _escalate, rest = rest.split("\n", 2)
            told = 'escalate = [{ after = "1min", to = "supervisor" }]'
            text = f"{head}{found}{soon}\n{told}\n{rest}"
    return text


def wait_for_the_late(home: Path) -> None:
    """Wait until many have waited longer than a minute: quick traffic is over before that."""
    until = time.monotonic() + PATIENCE
    while (found := told(home)) <= MANY:
        assert time.monotonic() < until, f"only {found} breaches"
        time.sleep(1)


def told(home: Path) -> int:
    """Count the breaches that stand in the read models of both countries; no deadline has two."""
    found = []
    for country in ("KZ", "KG"):
        with reader(place.find(home, country)) as reading:
            found += reading.rows("audit_trail", "WHERE event_type = 'DeadlineBreached'")
    ids = [one["summary"]["deadline_id"] for one in found]
    assert len(ids) == len(set(ids))
    return len(ids)
