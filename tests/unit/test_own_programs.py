"""A program of ours and its folder, while a supervisor starts it again and others look at it."""

import socket
import threading
from contextlib import closing

import pytest

from node.embedded.folder import ServerFolder
from node.program import PythonProgram


def test_its_process_id_is_told_at_any_moment(tmp_path):
    """While one program starts again, all of them are told: a gap would end the teller."""
    program = PythonProgram("KZ idler", tmp_path, "http.server", {}, ("0",))
    program.start()
    stop, found = threading.Event(), []

    def look() -> None:
        try:
            while not stop.is_set():
                assert program.pid > 0
        except AssertionError as error:
            found.append(error)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(5):
            program.stop()
            program.start()
    finally:
        stop.set()
        looking.join()
        program.stop()
    assert found == []


@pytest.fixture
def folder(tmp_path):
    folder = ServerFolder(tmp_path)
    folder.hold()
    yield folder
    folder.release()


def test_a_port_that_somebody_took_is_left_to_him_before_anybody_knows_it(folder):
    first = folder.port("postgresql")
    with closing(socket.create_server(("127.0.0.1", first))):
        assert folder.port("postgresql") != first


def test_a_settled_port_stays_although_it_is_taken(folder):
    """Programs know the server by it, and would look there in vain until somebody helps."""
    first = folder.port("postgresql")
    folder.settle_ports()
    with closing(socket.create_server(("127.0.0.1", first))):
        assert folder.port("postgresql") == first
