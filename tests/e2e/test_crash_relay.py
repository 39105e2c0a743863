"""Relays that are killed, stopped and left behind: each event still stands once, in order."""

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from events.errors import LedgerError
from ledger import topics
from ledger.case import identity
from ledger.relaying.exits import ExitCode
from ledger.request import Request, decision
from node.embedded.kafka import EmbeddedKafka
from tests.country import CASEWORKER
from tests.integration.test_relay import hand_over, open_cases, require_published
from tests.relay_process import end_of, running, start

#: Once at a start.
FIRST = ["locked", "fenced", "ends_read", "scanned", "copied_back", "marked"]
#: Again and again.
ROUND = ["read", "begun", "sent", "flushed", "acknowledged", "committed", "hint_moved"]


@pytest.fixture
def kz(kafka, new_node):
    """Kazakhstan with its topics; its mirror is as far as it has to be."""
    node = new_node("KZ", kafka=kafka)
    topics.ensure_topics(kafka, node.agreement, countries=["KZ"])
    node.mirrored()
    return node


def is_stopped(process: subprocess.Popen) -> bool:
    state = Path(f"/proc/{process.pid}/stat").read_text()
    return state.rpartition(")")[2].split()[0] == "T"


def wait_until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@contextmanager
def supervised(node, choose=dict) -> Iterator[list[int]]:
    """Keep a relay running, started again whenever it ends; gives its exit codes so far."""
    codes: list[int] = []
    running: list[subprocess.Popen] = []
    stop = threading.Event()

    def keep() -> None:
        while not stop.is_set():
            with start(node, **choose()) as process:
                running[:] = [process]
                codes.append(process.wait())

    thread = threading.Thread(target=keep)
    thread.start()
    try:
        yield codes
    finally:
        stop.set()
        wait_until(lambda: running)
        running[0].terminate()
        thread.join()


@pytest.mark.soak
def test_a_kill_between_any_two_steps_repeats_and_loses_nothing(kz):
    """Crash-only is a promise about every place where a process can end."""
    for step in FIRST + ROUND:
        hand_over(kz)
        assert end_of(kz, step=step, batch=3) == -signal.SIGKILL, step
    kz.relay_until(len(kz.stored()))
    require_published(kz)


@pytest.mark.soak
def test_a_kill_within_a_later_transaction_repeats_and_loses_nothing(kz):
    """With records of earlier transactions on the topic, and a hint that is behind them."""
    for step in ("sent", "acknowledged", "committed"):
        open_cases(kz, 10)
        assert end_of(kz, step=step, spared=2, batch=2) == -signal.SIGKILL
    kz.relay_until(30)
    require_published(kz)


@pytest.mark.parametrize("step", ["sent", "acknowledged", "committed"])
def test_a_relay_that_wakes_up_after_its_successor_writes_nothing(kz, step):
    """Stopped, not dead: it still believes that its transaction is open."""
    open_cases(kz, 6)
    with running(kz, step=step, signal=int(signal.SIGSTOP), batch=4) as zombie:
        try:
            wait_until(lambda: is_stopped(zombie))
            with running(kz, silent_s=0.5) as successor:
                wait_until(lambda: kz.published() == 6)
                open_cases(kz, 3)
                wait_until(lambda: kz.published() == 9)
                zombie.send_signal(signal.SIGCONT)
                assert zombie.wait(60) in {ExitCode.DONE, ExitCode.AGAIN}
                open_cases(kz, 3)
                wait_until(lambda: kz.published() == 12)
                successor.terminate()
                assert successor.wait(60) == ExitCode.DONE
        finally:
            zombie.kill()
    require_published(kz)


def test_a_signing_process_that_dies_ends_the_relay(kz):
    """And the next start has a new one."""
    with running(kz) as relay:
        open_cases(kz, 2)
        wait_until(lambda: kz.published() == 2)
        (child,) = children(relay.pid)
        os.kill(child, signal.SIGKILL)
        open_cases(kz, 2)
        assert relay.wait(60) == ExitCode.AGAIN
    kz.relay_until(4)
    require_published(kz)


def test_no_signing_process_outlives_its_relay(kz):
    """It holds the log key."""
    with running(kz) as relay:
        wait_until(lambda: children(relay.pid))
        (child,) = children(relay.pid)
        relay.kill()
        relay.wait()
    wait_until(lambda: not Path(f"/proc/{child}").exists())


def children(pid: int) -> list[int]:
    """Return the processes that a process has started, from any of its threads."""
    found = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for threads in found for child in threads]


@contextmanager
def deciding(node, *, pause_s: float) -> Iterator[list[str]]:
    """Open case after case, each under a key and again until it is answered; gives the keys."""
    done: list[str] = []
    stop = threading.Event()

    def decide() -> None:
        with node.ledger() as ledger:
            while not stop.is_set():
                key = f"case-{len(done)}"
                request = Request(by=CASEWORKER, key=key, decisions=(decision(identity.open_case),))
                with suppress(LedgerError):
                    ledger.record(request)
                    done.append(key)
                stop.wait(pause_s)

    thread = threading.Thread(target=decide)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()


@pytest.mark.soak
def test_a_broker_that_goes_away_under_load_costs_time_and_nothing_else(new_node, tmp_path):
    """Stopped, and killed: acknowledged is acknowledged, and what was in doubt is looked up."""
    broker = EmbeddedKafka(tmp_path / "broker")
    broker.start()
    try:
        node = new_node("KZ", kafka=broker.bootstrap)
        topics.ensure_topics(broker.bootstrap, node.agreement, countries=["KZ"])
        node.mirrored()
        with supervised(node), deciding(node, pause_s=0.01) as done:
            wait_until(lambda: node.published() > 20)
            broker.stop()
            broker.start()
            before = node.published()
            wait_until(lambda: node.published() > before + 20)
            os.kill(broker.pid, signal.SIGKILL)
            wait_until(lambda: broker.poll() is not None)
            broker.stop()  # lets go of its folder
            broker.start()
            before = node.published()
            wait_until(lambda: node.published() > before + 20)
        node.relay_until(len(done))
        require_published(node)
        assert len(done) == len(node.stored())
    finally:
        broker.stop()


@pytest.mark.soak
@pytest.mark.timeout(1_500)
def test_a_hundred_random_kills_under_load(kz):
    """Every place, every batch size, kills and zombies mixed, while somebody decides."""
    choice = random.Random(7)
    zombies: list[subprocess.Popen] = []

    def hurt() -> dict:
        step = choice.choice(FIRST + ROUND * 3)
        spared = 0 if step in FIRST else choice.choice([0, 1, 3, 9])
        return {"step": step, "spared": spared, "batch": choice.choice([1, 7, 500]), "silent_s": 1}

    with deciding(kz, pause_s=0.002) as done, supervised(kz, hurt) as codes:
        for _ in range(20):
            goal = len(codes) + 5
            with running(kz, step="sent", signal=int(signal.SIGSTOP), silent_s=0) as zombie:
                zombies.append(zombie)
                wait_until(lambda goal=goal: len(codes) >= goal, 600)
                zombie.send_signal(signal.SIGCONT)
                zombie.kill() if choice.random() < 0.5 else zombie.wait(60)
    kz.relay_until(len(done))
    require_published(kz)
    assert len(done) == len(kz.stored())
    assert len(codes) >= 100
