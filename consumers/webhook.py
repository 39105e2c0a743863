"""A webhook as the Standard Webhooks specification says: signed, timed, and the same id again.

Whoever receives it computes the signature from the three headers and the body, and drops an id
that it has had: after a crash the same notice may come once more.
"""

from __future__ import annotations

import base64
import hmac
import http.client
import json
import ssl
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from consumers.notice_addresses import Addressed
from consumers.notice_texts import Message

#: So long an answer may take, at each step of it.
PATIENCE_S: Final = 10.0
#: The kind of every message: what waits is not said.
TYPE: Final = "task.waits"


class Refused(Exception):
    """Whoever answered did not take it."""


def sign(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Return a signature of a message: version 1, HMAC-SHA256 over id, time and body."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def headers(
    keys: Iterable[bytes], message_id: str, timestamp: int, body: bytes
) -> Mapping[str, str]:
    """Return the headers of a message; each key signs, as long as a key is being replaced."""
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(key, message_id, timestamp, body) for key in keys),
    }


def body_of(message: Message, at: datetime) -> bytes:
    """Return what is sent: the same words whatever waits, however it is about."""
    said = {
        "type": TYPE,
        "timestamp": at.astimezone(UTC).isoformat(timespec="seconds"),
        "data": {
            "notice_id": str(message.notice_id),
            "task_id": str(message.task_id),
            "country": message.country,
            "reference": message.reference,
        },
    }
    return json.dumps(said, separators=(",", ":")).encode()


def post(to: Addressed, message: Message, at: datetime, *, ca: Path | None = None) -> None:
    """Send a message; Refused unless the answer is 2xx, OSError or HTTPException without one.

    A redirect is an answer like another: what is signed for one host goes to no other.
    """
    body = body_of(message, at)
    said = headers(to.keys, str(message.notice_id), int(at.timestamp()), body)
    parts = urlsplit(to.webhook or "")
    host, port = str(parts.hostname), parts.port
    connection = (
        http.client.HTTPSConnection(
            host, port, timeout=PATIENCE_S, context=ssl.create_default_context(cafile=ca)
        )
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
    )
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, dict(said))
        status = connection.getresponse().status
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise Refused(str(status))
