"""codec: an event to bytes and back, against bare fastavro with parsed schemas.

Ours takes and gives event objects, and while encoding it validates, reads back and compares.
fastavro takes and gives dicts with the same values (UUIDs, moments), and checks next to nothing.
`plain` is fastavro without logical types: it takes and gives strings and numbers.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from fastavro import parse_schema, schemaless_reader, schemaless_writer

from bench.harness import BASELINE, OURS, Contender, Effort, Figure, Watch, compare
from bench.histories import entries
from bench.servers import Servers
from events.codec import decode, encode
from events.registry import BY_NAME

_REPEATS = 5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def run(_servers: Servers, effort: Effort) -> Iterator[Figure]:
    """Measure both ways together; each alone stands beside it."""
    load = _Load(effort.events_or(4_000, quick=200))

    def measure(name: str, contenders: dict[str, Contender], **more: Any) -> Figure:
        return compare(
            name, contenders, unit="events/s", effort=effort, goal="reported", extra=lambda: more
        )

    encoding = measure("codec encode", load.encode())
    decoding = measure("codec decode", load.decode())
    yield measure("codec", load.both(), encode=_part(encoding), decode=_part(decoding))


def _part(figure: Figure) -> dict[str, float]:
    return {"ours": figure.ours, "baseline": figure.baseline, "ratio": figure.ratio}


class _Load:
    """The same events as objects, as dicts and as bytes."""

    def __init__(self, count: int) -> None:
        self._values = [entry.value for entry in islice(entries(), count)]
        self._events = [decode(value) for value in self._values]
        schemas = [BY_NAME[type(e).__name__, e.schema_version] for e in self._events]
        parsed = {s.name: parse_schema(dict(s.document)) for s in schemas}
        dicts = [_fields(event) for event in self._events]
        self._rich = [(parsed[s.name], row) for s, row in zip(schemas, dicts, strict=True)]
        self._plain = [(s.plain, _plain(row)) for s, row in zip(schemas, dicts, strict=True)]
        self._bodies = [(schema, _write(schema, row)) for schema, row in self._rich]

    def encode(self) -> dict[str, Contender]:
        """Return who writes."""
        return {
            OURS: self._timed(lambda: [encode(event) for event in self._events]),
            BASELINE: self._timed(lambda: [_write(*pair) for pair in self._rich]),
        }

    def decode(self) -> dict[str, Contender]:
        """Return who reads."""
        return {
            OURS: self._timed(lambda: [decode(value) for value in self._values]),
            BASELINE: self._timed(lambda: [_read(*pair) for pair in self._bodies]),
        }

    def both(self) -> dict[str, Contender]:
        """Return who writes and reads what was written."""
        return {
            OURS: self._timed(lambda: [decode(encode(event)) for event in self._events]),
            BASELINE: self._timed(lambda: _there_and_back(self._rich)),
            "plain": self._timed(lambda: _there_and_back(self._plain)),
        }

    def _timed(self, work: Callable[[], Any]) -> Contender:
        def once() -> float:
            watch = Watch()
            for _ in range(_REPEATS):
                work()
            return watch.rate(len(self._events) * _REPEATS)

        return once


def _there_and_back(pairs: Sequence[tuple[Any, Any]]) -> list[Any]:
    return [_read(schema, _write(schema, row)) for schema, row in pairs]


def _fields(value: Any) -> Any:
    """Return what fastavro takes for an event: dicts, lists, UUIDs, moments."""
    if is_dataclass(value):
        return {f.name: _fields(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple):
        return [_fields(item) for item in value]
    return str(value) if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    """Return the same in the types that stand on the wire."""
    match value:
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case UUID():
            return str(value)
        case datetime():
            return (value - _EPOCH) // timedelta(microseconds=1)
        case date():
            return (value - _EPOCH.date()).days
        case _:
            return value


def _write(schema: Any, record: Any) -> bytes:
    sink = io.BytesIO()
    schemaless_writer(sink, schema, record)
    return sink.getvalue()


def _read(schema: Any, body: bytes) -> Any:
    return schemaless_reader(io.BytesIO(body), schema)
