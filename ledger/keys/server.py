"""The keystore's door: a socket of this machine that only this account can use."""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingUnixStreamServer
from typing import Any
from uuid import UUID

import structlog

from events.errors import LedgerError, Misconfigured, RecordRejected
from ledger.keys import wire
from ledger.keys.keystore import Keystore
from ledger.keys.measures import REFUSALS

log = structlog.get_logger()

#: Of a Unix socket, on Linux; elsewhere a little less.
_LONGEST_PATH = 107

Answer = Callable[[Keystore, Mapping[str, Any]], Any]


def _case(said: Mapping[str, Any]) -> UUID:
    return UUID(said["case_id"])


def _age(keystore: Keystore, said: Mapping[str, Any]) -> Any:
    found = keystore.age(_case(said))
    return {"ended": [str(basis_id) for basis_id in found.ended], "seek": found.seek}


def _evidence(found: Any) -> dict[str, Any]:
    names = [wire.text_of(name) for name in found.key_ids]
    return {
        "slots": found.slots,
        "replicas": found.replicas,
        "method": found.method,
        "keys": names,
    }


def _prepare(keystore: Keystore, said: Mapping[str, Any]) -> Any:
    handoff_id, preview = UUID(said["handoff_id"]), bool(said["preview"])
    return wire.prepared_out(keystore.prepare(_case(said), handoff_id, preview=preview))


def _one_time(keystore: Keystore, said: Mapping[str, Any]) -> Any:
    handoff_id, preview = UUID(said["handoff_id"]), bool(said["preview"])
    return wire.text_of(keystore.one_time(_case(said), handoff_id, preview=preview))


#: Everything that can be asked.
ANSWERS: Mapping[str, Answer] = {
    "seal": lambda keystore, said: [
        wire.text_of(box) for box in keystore.seal([wire.field_in(one) for one in said["fields"]])
    ],
    "one_time": _one_time,
    "prepare": _prepare,
    "carry": lambda keystore, said: wire.text_of(
        keystore.carry(_case(said), UUID(said["grant_id"]), again=bool(said["again"]))
    ),
    "receive": lambda keystore, said: keystore.receive(
        _case(said), UUID(said["grant_id"]), wire.bytes_of(said["value"])
    ),
    "age": _age,
    "show": lambda keystore, said: wire.shown_out(
        keystore.show(_case(said), UUID(said["access_id"]))
    ),
    "event_keys": lambda keystore, said: wire.item_keys_out(
        keystore.event_keys(_case(said), UUID(said["access_id"]))
    ),
    "destroy": lambda keystore, said: _evidence(
        keystore.destroy(_case(said), UUID(said["grant_id"]))
    ),
    "erase": lambda keystore, said: _evidence(
        keystore.erase(_case(said), UUID(said["erasure_id"]))
    ),
    "ping": lambda keystore, _said: keystore.replicas,
}


def answer(keystore: Keystore, text: bytes) -> bytes:
    """Return the answer to one line; what goes wrong is an answer, too."""
    try:
        said = wire.message(text)
        asked = ANSWERS.get(str(said.get("ask")))
        if asked is None:
            raise RecordRejected("this keystore knows no such question", rule="keystore")
        return wire.line({"answer": asked(keystore, said)})
    except LedgerError as error:
        REFUSALS.labels(keystore.country, error.rule).inc()
        log.warning("refused", rule=error.rule, error=type(error).__name__)
        return wire.line(wire.error_out(error))
    except (AttributeError, KeyError, TypeError, ValueError):
        # What was asked may hold a text in clear, so nothing is quoted.
        REFUSALS.labels(keystore.country, "keystore").inc()
        return wire.line(
            wire.error_out(RecordRejected("a keystore cannot read this question", rule="keystore"))
        )


class _Handler(StreamRequestHandler):
    server: KeystoreServer

    def handle(self) -> None:
        """Answer line after line until the other side has enough."""
        if not _is_ours(self.connection):
            return
        with self.server.connected(self.connection):
            while text := self.rfile.readline(wire.LONGEST_LINE):
                self.wfile.write(answer(self.server.keystore, text))
                self.wfile.flush()


class KeystoreServer(ThreadingUnixStreamServer):
    """Serves one keystore at a path, mode 0600."""

    daemon_threads = True
    allow_reuse_address = True
    #: More than ask at one moment: whoever finds the queue full is turned away at once.
    request_queue_size = 128

    def __init__(self, path: Path, keystore: Keystore) -> None:
        self.keystore = keystore
        self._path = path
        self._open: set[socket.socket] = set()
        if (length := len(os.fsencode(path))) > _LONGEST_PATH:
            raise Misconfigured(
                f"the keystore's socket has a path of {length} bytes, and {_LONGEST_PATH} is the"
                " most: choose a shorter folder",
                rule="keystore",
            )
        with suppress(FileNotFoundError):
            path.unlink()
        before = os.umask(0o177)  # the socket is never open to others, not for a moment
        try:
            super().__init__(str(path), _Handler)
        except OSError as error:
            raise Misconfigured(
                f"the keystore cannot listen at {path.name}: {error}", rule="keystore"
            ) from None
        finally:
            os.umask(before)
        self._socket = path.stat().st_ino

    def server_close(self) -> None:
        """Close, with every connection, and take the socket away unless it is a successor's."""
        super().server_close()
        for connection in tuple(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        with suppress(FileNotFoundError):
            if self._path.stat().st_ino == self._socket:
                self._path.unlink()

    @contextmanager
    def connected(self, connection: socket.socket) -> Iterator[None]:
        """Know of a connection as long as the block runs."""
        self._open.add(connection)
        try:
            yield
        finally:
            self._open.discard(connection)

    def handle_error(self, _request: Any, _client_address: Any) -> None:
        """Say that a connection broke, and on what; never what was on it."""
        kind = sys.exc_info()[0]
        log.warning("connection_broken", error=None if kind is None else kind.__name__)

    def run(self, stop: threading.Event) -> None:
        """Serve until told to stop."""
        thread = threading.Thread(target=self.serve_forever, args=(0.1,), name="keystore")
        thread.start()
        stop.wait()
        self.shutdown()
        thread.join()
        self.server_close()


def _is_ours(connection: socket.socket) -> bool:
    """Say whether the other side runs under this account, or is root; where the system tells."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:  # elsewhere the mode of the socket has to do
        return True
    said = connection.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", said)
    return uid in {os.getuid(), 0}
