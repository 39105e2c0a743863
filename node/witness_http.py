"""`POST /add-checkpoint` over HTTP: a port of its own, for logs that ask for a cosignature.

It speaks plain HTTP, to a proxy that has the certificate. Whoever is outside may send anything, and
slowly: bodies are bounded, each request has some seconds in all, and so many are open at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import structlog

from events.errors import Misconfigured
from ledger.log.add_checkpoint import LARGEST_REQUEST, PATH, Answer

#: Requests that are open at a time; more are closed unheard.
_MOST: Final = 16
#: So long a request may take to arrive.
_PATIENCE_S: Final = 10.0
#: So long an answer may take beyond that.
_ANSWER_S: Final = 30.0
_CHUNK: Final = 65_536
_TEXT: Final = "text/plain; charset=utf-8"


@contextmanager
def asked(answer: Callable[[bytes], Answer], host: str, port: int) -> Iterator[int]:
    """Serve until the block ends; gives the port. Misconfigured if it is taken."""
    try:
        server = _Server((host, port), answer)
    except OSError as error:
        raise Misconfigured(f"witness address {host}:{port}: {error.strerror}") from None
    threading.Thread(target=server.serve_forever, name="serves a witness", daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], answer: Callable[[bytes], Answer]) -> None:
        super().__init__(address, _Handler)
        self.answer = answer
        self._slots = threading.BoundedSemaphore(_MOST)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take it up, or close it if too many are open."""
        if self._slots.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer it; what has not arrived by then never does."""
        late = threading.Timer(_PATIENCE_S + _ANSWER_S, self.shutdown_request, (request,))
        late.daemon = True
        late.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            late.cancel()
            self._slots.release()

    def handle_error(self, _request: object, _address: object) -> None:
        """Say that an answer failed, without what the error says."""
        structlog.get_logger().exception("not_answered")


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _PATIENCE_S

    def do_POST(self) -> None:
        """Answer a log; every connection carries one request."""
        if self.path != PATH:
            self._say(Answer(404, _TEXT, b"there is add-checkpoint alone\n"))
            return
        length = self.headers.get("Content-Length", "")
        if self.headers.get("Transfer-Encoding") or not (length.isascii() and length.isdigit()):
            self._say(Answer(411, _TEXT, b"how long is it?\n"))
        elif len(length) > 9 or int(length) > LARGEST_REQUEST:
            self._say(Answer(413, _TEXT, b"it is too long\n"))
        elif (body := self._read(int(length))) is not None:
            self._say(self.server.answer(body))

    def _read(self, length: int) -> bytes | None:
        """Return the body; None if it does not come, or too slowly."""
        until, body = time.monotonic() + _PATIENCE_S, b""
        while len(body) < length:
            left = until - time.monotonic()
            if left <= 0:
                return None
            self.connection.settimeout(left)
            try:
                some = self.rfile.read1(min(_CHUNK, length - len(body)))
            except OSError:
                return None
            if not some:
                return None
            body += some
        return body

    def _say(self, answer: Answer) -> None:
        self.close_connection = True
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if answer.status == 503:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing: what was cosigned stands in the database."""
