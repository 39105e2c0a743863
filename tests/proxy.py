"""A SOCKS5 proxy between a Kafka client and its broker that can stall, cut and delay."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from select import select

#: What a client asks for, by the keys of Kafka's protocol.
PRODUCE, ADD_PARTITIONS_TO_TXN, END_TXN = 0, 24, 26


@dataclass
class Line:
    """One connection of a client through the proxy to the broker."""

    client: socket.socket
    broker: socket.socket
    #: Told what is about to pass to the broker.
    passes: Callable[[list[int]], None]
    #: Set while bytes pass: to the broker, and back.
    up: threading.Event = field(default_factory=threading.Event)
    down: threading.Event = field(default_factory=threading.Event)
    #: What the client has asked for, in order, held back or not.
    asked: list[int] = field(default_factory=list)
    #: Bytes that the broker has said.
    answered: int = 0
    _rest: bytes = b""

    def __post_init__(self) -> None:
        """Let everything pass."""
        self.up.set()
        self.down.set()

    def carry_up(self) -> None:
        """Carry what the client says to the broker, for as long as it says something."""
        while found := self.client.recv(65_536):
            asked = self._note(found)
            while not self.up.is_set():  # what comes meanwhile is held back, and known
                if select([self.client], [], [], 0.01)[0]:
                    more = self.client.recv(65_536)
                    if not more:
                        self.up.wait()
                    asked += self._note(more)
                    found += more
            self.passes(asked)
            self.broker.sendall(found)

    def carry_down(self) -> None:
        """Carry what the broker says to the client."""
        while found := self.broker.recv(65_536):
            self.answered += len(found)
            self.down.wait()
            self.client.sendall(found)

    def _note(self, said: bytes) -> list[int]:
        self._rest += said
        known = len(self.asked)
        while len(self._rest) >= 6:
            size, key = struct.unpack(">ih", self._rest[:6])
            if len(self._rest) < 4 + size:
                break
            self.asked.append(key)
            self._rest = self._rest[4 + size :]
        return self.asked[known:]


class Proxy:
    """Listens on a free port of 127.0.0.1 until the process ends."""

    def __init__(self) -> None:
        """Begin to listen."""
        self._server = socket.create_server(("127.0.0.1", 0))
        self._lines: list[Line] = []
        #: When this has passed to the broker, nothing passes after it until it is released.
        self.last: int | None = None
        self.url = f"socks5://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Cut everything and listen no longer."""
        self._server.close()
        self.cut()

    @property
    def lines(self) -> list[Line]:
        """The present connections."""
        return list(self._lines)

    def stall(self) -> list[Line]:
        """Hold back what the present connections say, both ways; return them."""
        for line in self._lines:
            line.up.clear()
            line.down.clear()
        return list(self._lines)

    def release(self, lines: list[Line]) -> None:
        """Let held bytes go on, however late."""
        for line in lines:
            line.up.set()
            line.down.set()

    def cut(self) -> None:
        """Close every connection on both sides."""
        for line in self._lines:
            for end in (line.client, line.broker):
                _shut(end)
            self.release([line])
        self._lines.clear()

    def hang_up(self) -> list[Line]:
        """Cut the clients off, while what they had said last is still on its way to the broker."""
        lines = self.stall()
        for line in lines:
            _shut(line.client)
        self._lines.clear()
        return lines

    def _passes(self, asked: list[int]) -> None:
        if self.last in asked:
            self.last = None
            for line in self._lines:
                line.up.clear()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            broker = _connect(client)
        except OSError:
            client.close()
            return
        line = Line(client, broker, self._passes)
        self._lines.append(line)
        up = (line.carry_up, line.up, client)
        threading.Thread(target=_until_it_ends, args=up, daemon=True).start()
        _until_it_ends(line.carry_down, line.down, broker)


def _connect(client: socket.socket) -> socket.socket:
    """Do what RFC 1928 asks for, as far as a Kafka client needs it."""
    _, methods = _read(client, 2)
    _read(client, methods)
    client.sendall(b"\5\0")
    _, _, _, kind = _read(client, 4)
    host = _read(client, 4) if kind == 1 else _read(client, _read(client, 1)[0])
    (port,) = struct.unpack(">H", _read(client, 2))
    name = socket.inet_ntoa(host) if kind == 1 else host.decode()
    broker = socket.create_connection((name, port))
    client.sendall(b"\5\0\0\1" + bytes(6))
    return broker


def _read(end: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        more = end.recv(count - len(found))
        if not more:
            raise ConnectionError
        found += more
    return found


def _until_it_ends(carry: Callable[[], None], gate: threading.Event, end: socket.socket) -> None:
    with suppress(OSError):
        carry()
    gate.wait()
    end.close()


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
