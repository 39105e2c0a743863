"""Logs of the long-running programs: one JSON object per line on stderr, never a payload.

A line is an event name and facts, and which facts there are is a closed list: a field added in
haste, or somebody's name in a field of the list, is dropped before it is written. A case is named
by a reference that leads nobody to it who does not know the case already.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Mapping, MutableMapping
from datetime import date, datetime
from hashlib import sha256
from types import TracebackType
from typing import Any
from uuid import UUID

_WORD = re.compile(r"[a-z][a-z0-9_+]{0,60}")
_COUNTRY = re.compile("[A-Z]{2}")
_LOG = re.compile(r"[\w.-]{1,90}/[A-Z]{2}", re.ASCII)
_NAME = re.compile(r"[\w.:/<>+-]{1,100}", re.ASCII)
#: What a line may tell, and how it is written if it is no number, id or moment.
FACTS: Mapping[str, re.Pattern[str]] = {
    "event": _WORD,
    "level": _WORD,
    "timestamp": _NAME,
    "program": _WORD,
    "country": _COUNTRY,
    "metrics_port": _WORD,
    "relay": _WORD,
    "log": _LOG,
    "topic": _WORD,
    "partitions": _WORD,
    "origin": _COUNTRY,
    "reason": _WORD,
    "rule": _WORD,
    "parked_why": _NAME,
    "error": _NAME,
    "exception": _NAME,
    "where": _NAME,
    "code": _WORD,
    "count": _WORD,
    "events": _WORD,
    "partition": _WORD,
    "size": _WORD,
    "log_index": _WORD,
    "channel": _WORD,
}
#: What it may tell in words: those of our own errors and steps.
TEXTS = frozenset({"message", "error", "doing"})
_LONGEST = 500
_Raised = tuple[type[BaseException], BaseException, TracebackType | None]
_PLAIN = (bool, int, float, UUID, date, datetime, type(None))


def configure(**bound: str) -> None:
    """Write structlog's and logging's lines as JSON, each with the bound facts."""
    import structlog

    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_frames_only),
        facts_only,
        structlog.processors.JSONRenderer(default=str),
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    structlog.contextvars.bind_contextvars(**bound)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=processors[:-2], processors=[facts_only, processors[-1]]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    threading.excepthook = _thread_ended


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    """Say of a thread's exception what we say of any."""
    import structlog

    raised = (ended.exc_type, ended.exc_value, ended.exc_traceback)
    structlog.get_logger().error("thread_ended", exc_info=raised)


def facts_only(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Keep what is on the list, and a reference instead of a case's id."""
    # What a library logs is a sentence of its own, and has no name.
    texts = TEXTS | {"event"} if "_record" in line else TEXTS
    found = {
        name: value
        for name, value in line.items()
        if (name in FACTS and _is_fact(value, FACTS[name])) or (name in texts and _is_short(value))
    }
    case_id = line.get("case_id")
    return {**found, "case_ref": case_ref(case_id)} if isinstance(case_id, UUID) else found


def case_ref(case_id: UUID) -> str:
    """Return how logs name a case."""
    return sha256(case_id.bytes).hexdigest()[:12]


def _is_short(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST


def _is_fact(value: object, form: re.Pattern[str]) -> bool:
    if isinstance(value, str):
        return form.fullmatch(value) is not None
    if isinstance(value, list | tuple):
        return all(_is_fact(inner, form) for inner in value)
    return isinstance(value, _PLAIN)


def _frames_only(exc_info: _Raised) -> list[str]:
    """Say where an exception came from and what it is, not what it says: that may quote data."""
    kind, _, trace = exc_info
    places = []
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_qualname}:{trace.tb_lineno}")
        trace = trace.tb_next
    return [*places[-8:], kind.__name__]
