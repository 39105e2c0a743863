"""The keystore's socket as a caller finds it: kept, left, closed."""

import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from events.errors import ServiceUnavailable
from ledger.keys.client import KeystoreClient
from ledger.keys.server import KeystoreServer


@contextmanager
def door(path, replicas):
    """Serve a keystore with so many replicas at a path, and nobody else once this is over."""
    server = KeystoreServer(path, SimpleNamespace(replicas=replicas))
    stop = threading.Event()
    thread = threading.Thread(target=server.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "socket"


@pytest.fixture
def client(path):
    found = KeystoreClient(path)
    yield found
    found.close()


def test_a_connection_is_used_again(path, client):
    """Whoever decides asks some hundred times a second."""
    with door(path, replicas=2):
        assert [2, 2, 2] == [client.replicas() for _ in range(3)]
        assert 1 == client._idle.qsize()


def test_many_threads_ask_at_once(path, client):
    """Each of them gets its own answer."""
    answers = []
    with door(path, replicas=2):
        threads = [
            threading.Thread(target=lambda: answers.extend(client.replicas() for _ in range(20)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [2] * 80 == answers


def test_nobody_there_is_said_as_such(path, client):
    """And the next question finds whoever is there then."""
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        client.replicas()
    with door(path, replicas=2):
        assert 2 == client.replicas()


def test_who_asks_again_reaches_the_keystore_that_was_started_since(path, client):
    """A kept connection to a process that has gone is no reason to refuse a decision."""
    with door(path, replicas=2):
        assert 2 == client.replicas()
    # What a killed process leaves behind: its side of every connection is closed.
    connection = client._idle_one()
    connection._socket.shutdown(2)
    client._idle.put(connection)
    with door(path, replicas=1):
        assert 1 == client.replicas()
