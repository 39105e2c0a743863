"""PostgreSQL killed under load: what was answered is there, and nothing is there twice."""

import os
import signal
import threading
import time
from contextlib import suppress

import pytest

from events.errors import LedgerError, ServiceUnavailable
from ledger import database as databases
from node.embedded.postgres import EmbeddedPostgres
from tests.conftest import PACKAGES, Database
from tests.country import opened


@pytest.fixture
def server(tmp_path):
    """A PostgreSQL of our own, to be killed; the system keeps what it had been handed."""
    started = EmbeddedPostgres(tmp_path / "postgres", settings={"fsync": "off"})
    started.start()
    yield started
    started.stop()


def kill_and_start(server) -> None:
    os.kill(server.pid, signal.SIGKILL)
    while server.poll() is None:
        time.sleep(0.01)
    server.stop()  # lets go of its folder
    server.start()


def test_a_killed_database_under_load_loses_no_answer_and_doubles_none(server, new_node):
    """Callers repeat under their keys until they are answered; whoever was, was recorded once."""
    node = new_node()
    node.database = Database("crash", databases.prepare(server.dsn(), "crash", packages=PACKAGES))
    node.mirrored()
    answered: dict[str, object] = {}
    stop = threading.Event()

    def decide(place: int, ledger) -> None:
        count = 0
        while not stop.is_set():
            key = f"{place}-{count}"
            with suppress(LedgerError):
                answered[key] = opened(ledger, key=key).case_id
                count += 1

    with node.ledger(connections=8) as ledger:
        threads = [threading.Thread(target=decide, args=(place, ledger)) for place in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            before = len(answered)
            kill_and_start(server)
            # The database lives again, so the relay has to look at the topics first.
            with node.ledger() as fresh, pytest.raises(ServiceUnavailable, match="since the data"):
                opened(fresh)
            node.database.run("UPDATE ledger.start_mark SET incarnation = ledger.incarnation()")
            while len(answered) < before + 20:
                time.sleep(0.01)
        stop.set()
        for thread in threads:
            thread.join()
    commands = dict(node.database.run("SELECT key, case_id FROM ledger.command"))
    assert answered.items() <= commands.items()
    assert len(commands) - len(answered) <= len(threads)  # recorded, and stopped before the answer
    assert len(commands) == len(node.stored())
    assert len(commands) == len({case_id for case_id, *_ in node.stored()})
