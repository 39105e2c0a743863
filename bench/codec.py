"""codec: an event to bytes and back, against bare fastavro with parsed schemas.

Ours takes and gives event objects, and while encoding it validates, reads back and compares.
fastavro takes and gives dicts, and checks next to nothing.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from itertools import islice
from typing import Any

from fastavro import parse_schema, schemaless_reader, schemaless_writer

from bench.harness import BASELINE, OURS, Contender, Effort, Figure, Watch, compare
from bench.histories import entries
from bench.servers import Servers
from events.codec import decode, encode
from events.registry import BY_NAME
from events.stamp import Event

_REPEATS = 5


def run(_servers: Servers, effort: Effort) -> Iterator[Figure]:
    """Measure both ways together; each alone stands beside it."""
    wanted = effort.events_or(4_000, quick=200)
    values = [entry.value for entry in islice(entries(), wanted)]
    events = [decode(value) for value in values]
    schemas = [_parsed(event) for event in events]
    dicts = [_plain(event) for event in events]
    bodies = [_write(schema, record) for schema, record in zip(schemas, dicts, strict=True)]

    def pair(ours: Callable[[], Any], baseline: Callable[[], Any]) -> dict[str, Contender]:
        return {OURS: _timed(ours, wanted), BASELINE: _timed(baseline, wanted)}

    def both(encoding: dict[str, Contender], decoding: dict[str, Contender]) -> Figure:
        parts = {
            name: compare(f"codec {name}", contenders, unit="events/s", effort=effort, goal="")
            for name, contenders in (("encode", encoding), ("decode", decoding))
        }
        whole = pair(
            lambda: [decode(encode(event)) for event in events],
            lambda: [
                _read(schema, _write(schema, record))
                for schema, record in zip(schemas, dicts, strict=True)
            ],
        )
        return compare(
            "codec",
            whole,
            unit="events/s",
            effort=effort,
            goal="reported",
            extra=lambda: {
                name: {"ours": part.ours, "baseline": part.baseline, "ratio": part.ratio}
                for name, part in parts.items()
            },
        )

    yield both(
        pair(
            lambda: [encode(event) for event in events],
            lambda: [_write(s, record) for s, record in zip(schemas, dicts, strict=True)],
        ),
        pair(
            lambda: [decode(value) for value in values],
            lambda: [_read(s, body) for s, body in zip(schemas, bodies, strict=True)],
        ),
    )


def _timed(work: Callable[[], Any], count: int) -> Contender:
    def once() -> float:
        watch = Watch()
        for _ in range(_REPEATS):
            work()
        return watch.rate(count * _REPEATS)

    return once


def _parsed(event: Event, parsed: dict[str, Any] = {}) -> Any:  # noqa: B006  # a cache
    name = type(event).__name__
    if name not in parsed:
        document = dict(BY_NAME[name, event.schema_version].document)
        parsed[name] = parse_schema(document, _write_hint=False)
    return parsed[name]


def _plain(value: Any) -> Any:
    """Return what fastavro takes for an event: dicts, lists, and its own logical types."""
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def _write(schema: Any, record: Any) -> bytes:
    sink = io.BytesIO()
    schemaless_writer(sink, schema, record)
    return sink.getvalue()


def _read(schema: Any, body: bytes) -> Any:
    return schemaless_reader(io.BytesIO(body), schema)
