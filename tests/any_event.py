"""Any event of any released schema, for hypothesis: drawn from the schema file itself."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from events import codes, stamp
from events.compiled import shape
from events.registry import SCHEMAS, Schema
from events.stamp import Event

MICRO = timedelta(microseconds=1)
#: Moments before 1978 and after 3111 take other lengths on the wire than today's.
MOMENTS = st.one_of(
    st.integers(0, 2**51).map(lambda micros: datetime(2020, 1, 1, tzinfo=UTC) + micros * MICRO),
    st.datetimes(timezones=st.just(UTC)),
)
_PLAIN = {
    "boolean": st.booleans(),
    "int": st.one_of(st.integers(-3, 70), st.integers(-(2**31), 2**31 - 1)),
    "long": st.integers(-(2**63), 2**63 - 1),
    "date": st.dates(date.min, date.max),
    "timestamp-micros": MOMENTS,
    "string": st.text(max_size=80),
    "bytes": st.binary(max_size=100),
    "uuid": st.uuids(),
}


def _values(kind: Any, named: dict[str, Any]) -> st.SearchStrategy[Any]:
    what, found = shape(kind, named)
    match what:
        case "union":
            return st.none() | _values(found, named)
        case "array":
            return st.lists(_values(found["items"], named), max_size=3).map(tuple)
        case "record":
            made = getattr(stamp, found["name"])
            inner = {f["name"]: _values(f["type"], named) for f in found["fields"]}
            return st.builds(made, **inner)
        case "enum":
            return st.sampled_from(list(map(getattr(codes, found["name"]), found["symbols"])))
        case "fixed":
            return st.binary(min_size=found["size"], max_size=found["size"])
        case _:
            return _PLAIN[what]


def events_of(schema: Schema) -> st.SearchStrategy[Event]:
    """Any event of one released schema."""
    named: dict[str, Any] = {}
    fields = {f["name"]: _values(f["type"], named) for f in schema.document["fields"]}
    return st.builds(schema.event_class, schema_version=st.just(schema.version), **fields)


any_event: st.SearchStrategy[Event] = st.sampled_from(SCHEMAS).flatmap(events_of)
