"""A SOCKS5 proxy between a Kafka client and its broker that can stall, cut and delay."""

from __future__ import annotations

import socket
import struct
import threading
from dataclasses import dataclass, field


@dataclass
class Line:
    """One connection of a client through the proxy to the broker."""

    client: socket.socket
    broker: socket.socket
    #: Set while bytes pass: to the broker, and back.
    up: threading.Event = field(default_factory=threading.Event)
    down: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        """Let everything pass."""
        self.up.set()
        self.down.set()


class Proxy:
    """Listens on a free port of 127.0.0.1 until the process ends."""

    def __init__(self) -> None:
        """Begin to listen."""
        self._server = socket.create_server(("127.0.0.1", 0))
        self._lines: list[Line] = []
        self.url = f"socks5://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Cut everything and listen no longer."""
        self._server.close()
        self.cut()

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
        line = Line(client, broker)
        self._lines.append(line)
        threading.Thread(target=_pump, args=(client, broker, line.up), daemon=True).start()
        _pump(broker, client, line.down)


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


def _pump(source: socket.socket, target: socket.socket, gate: threading.Event) -> None:
    while True:
        try:
            found = source.recv(65_536)
            gate.wait()
            if not found:
                break
            target.sendall(found)
        except OSError:
            break
    gate.wait()
    source.close()


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
