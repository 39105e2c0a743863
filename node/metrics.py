"""How a running program is: /metrics for Prometheus, /health/* for whoever starts and stops it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from typing import Any

from prometheus_client import REGISTRY, CollectorRegistry, Info, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from events.errors import Misconfigured

#: What a program still waits for, in words; empty when it is ready.
Waiting = Callable[[], Mapping[str, str]]

_Answer = tuple[HTTPStatus, str, bytes]


#: Which release this is, and which schemas it can read.
BUILD = Info("ledger_build", "The release that runs, and the set of schemas it reads.")


#: The same, one by one; `fp` is what stands in the header of an event's bytes.
SCHEMA = Info("ledger_schema", "A schema that this release reads.", ["fp", "name", "version"])


def _tell_build(commit: str) -> None:
    from events.registry import SCHEMAS

    released = "".join(sorted(schema.sha256 for schema in SCHEMAS))
    schema_set = sha256(released.encode()).hexdigest()[:16]
    said = {"version": version("referral-ledger"), "commit": commit, "schema_set": schema_set}
    BUILD.info(said)
    for schema in SCHEMAS:
        SCHEMA.labels(schema.fingerprint.hex(), schema.name, str(schema.version)).info({})


def _json(status: HTTPStatus, body: Any) -> _Answer:
    return status, "application/json", json.dumps(body).encode() + b"\n"


class Health:
    """Answers the three questions."""

    def __init__(
        self, waiting: Waiting, registry: CollectorRegistry = REGISTRY, *, commit: str = "unknown"
    ) -> None:
        _tell_build(commit)
        self._waiting = waiting
        self._registry = registry

    def answer(self, path: str) -> _Answer:
        """Return status, content type and body for a path."""
        match path.partition("?")[0]:
            case "/metrics":
                return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self._registry)
            case "/health/live":
                return _json(HTTPStatus.OK, {"live": True})
            case "/health/ready":
                reasons = dict(self._waiting())
                status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
                return _json(status, {"ready": not reasons, "waiting_for": reasons})
            case _:
                return _json(
                    HTTPStatus.NOT_FOUND, {"paths": ["/metrics", "/health/live", "/health/ready"]}
                )


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], health: Health) -> None:
        super().__init__(address, _Handler)
        self.health = health

    def handle_error(self, _request: object, _address: object) -> None:
        """Say that an answer failed, without what the error says."""
        import structlog

        structlog.get_logger().exception("not_answered")


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """Answer."""
        status, content_type, body = self.server.health.answer(self.path)
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing: a scrape every few seconds is no event."""


@contextmanager
def served(health: Health, host: str, port: int) -> Iterator[int]:
    """Serve until the block ends; gives the port. Misconfigured if it is taken."""
    try:
        server = _Server((host, port), health)
    except OSError as error:
        raise Misconfigured(f"metrics address {host}:{port}: {error.strerror}") from None
    threading.Thread(target=server.serve_forever, name="serves metrics", daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
