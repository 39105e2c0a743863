"""Desks that are told, on this machine: a web server that fails as asked, and a mail server."""

from __future__ import annotations

import base64
import hmac
import json
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()


@dataclass
class WebDesk:
    """What a web server was sent, and how it answers: the first answers first, then 204."""

    answers: list[Any] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    tried: int = 0
    url: str = ""


def verified(headers: Any, body: bytes) -> dict[str, Any]:
    """Check a message as its receiver does, from the specification alone; return what it says."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.digest(KEY, signed, "sha256")).decode()
    assert wanted in headers["webhook-signature"].split(" ")
    said: dict[str, Any] = json.loads(body)
    assert said["data"]["notice_id"] == headers["webhook-id"]
    return said


class _Answering(BaseHTTPRequestHandler):
    """Answers each request as the desk was told to."""

    desk: WebDesk
    over: threading.Event

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.desk.paths.append(self.path)
        self.desk.tried += 1
        answer = self.desk.answers.pop(0) if self.desk.answers else 204
        if answer == "reset":
            self._break()
        elif answer == "silence":
            self.over.wait(30)
            self.close_connection = True
        else:
            self._say(answer)
        if answer == 204:
            self.desk.taken.append(verified(self.headers, body))

    def _break(self) -> None:
        # Sent at once, without an end: what the other side sees of a crash.
        at_once = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        self.connection.close()
        self.close_connection = True

    def _say(self, answer: int | str) -> None:
        if isinstance(answer, str):
            self.send_response(307)
            self.send_header("location", answer)
        else:
            self.send_response(answer)
        self.send_header("content-length", "0")
        self.end_headers()

    def finish(self) -> None:
        if not self.wfile.closed and self.connection.fileno() >= 0:
            super().finish()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def web_desk(*answers: Any, tls: ssl.SSLContext | None = None) -> Iterator[WebDesk]:
    """Serve a desk at 127.0.0.1.

    An answer is a status, `reset` (the connection breaks), `silence` (none comes), or a URL to
    which it redirects.
    """
    desk, over = WebDesk(list(answers)), threading.Event()
    handler = type("Handler", (_Answering,), {"desk": desk, "over": over})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    desk.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}/notices?desk=1"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield desk
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class MailDesk:
    """What a mail server was sent, and by whom; while `full` it takes nothing."""

    port: int = 0
    full: bool = False
    letters: list[EmailMessage] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, session: Any, envelope: Any
    ) -> str:
        if self.full:
            return "452 4.2.2 mailbox full"
        found = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(found, EmailMessage)
        self.letters.append(found)
        self.encrypted.append(session.ssl is not None)
        return "250 OK"


@contextmanager
def mail_desk(tls: ssl.SSLContext | None = None) -> Iterator[MailDesk]:
    """Serve mail at 127.0.0.1; with `tls` it can encrypt, and takes nothing in clear."""
    desk = MailDesk()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        desk.port = free.getsockname()[1]
    controller = Controller(
        desk,
        hostname="127.0.0.1",
        port=desk.port,
        tls_context=tls,
        require_starttls=tls is not None,
    )
    controller.start()
    try:
        yield desk
    finally:
        controller.stop()


def addresses(web: WebDesk | None = None, mail: MailDesk | None = None, ca: Any = None) -> str:
    """Return a file of addresses: desk `duty` by both, `ministry` by what there is."""
    lines = [] if ca is None else [f'ca = "{ca}"']
    if mail is not None:
        lines += ["[server]", 'host = "127.0.0.1"', f"port = {mail.port}"]
        lines += ['sender = "ledger@ministry.example"']
    for desk in ("duty", "ministry"):
        lines += ["[[desk]]", f'id = "{desk}"']
        if web is not None and (desk == "duty" or mail is None):
            lines += [f'webhook = "{web.url}"', f'secrets = ["{SECRET}"]']
        if mail is not None:
            lines += [f'mail = ["{desk}@desk.example"]']
    return "\n".join(lines) + "\n"
