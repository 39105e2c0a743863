"""Logs of the long-running programs: one JSON object per line on stderr, never a payload.

A line is an event name and facts: ids, countries, topics, offsets, counts. Anything else is
dropped before it is written, so a field added in haste cannot carry a child's data.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from datetime import date, datetime
from types import TracebackType
from typing import Any
from uuid import UUID

#: Longer text is no id and no code.
_LONGEST = 200
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


def facts_only(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Keep what is a fact: a number, an id, a moment, a short text, or a map or list of them."""
    return {name: value for name, value in line.items() if _is_fact(value)}


def _is_fact(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST
    if isinstance(value, Mapping):
        return all(_is_fact(key) and _is_fact(inner) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return all(_is_fact(inner) for inner in value)
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
