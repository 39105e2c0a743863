"""Columns as PostgreSQL's binary arrays: how a set of rows travels in one statement.

psycopg adapts the items of a list one by one, which costs more than everything else that happens
to a row on its way out. The types of our columns are few and known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from struct import Struct
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg import pq
from psycopg.adapt import Dumper

_LENGTH = Struct("!i").pack
_NULL = _LENGTH(-1)
#: Dimensions, may hold NULL, type of the items, how many, index of the first.
_HEADER = Struct("!iiIii").pack
_INT4, _INT8 = Struct("!ii").pack, Struct("!iq").pack
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(2000, 1, 1).toordinal()
_MICROSECOND = timedelta(microseconds=1)


class Packed(NamedTuple):
    """A column, ready to be sent; the statement says its type by a cast."""

    data: bytes


class _PackedDumper(Dumper):
    format = pq.Format.BINARY
    oid = 0

    def dump(self, obj: Packed) -> bytes:
        return obj.data


psycopg.adapters.register_dumper(Packed, _PackedDumper)


def _bytes(value: bytes) -> bytes:
    return _LENGTH(len(value)) + value


def _text(value: str) -> bytes:
    return _bytes(value.encode())


def _uuid(value: UUID) -> bytes:
    return b"\0\0\0\x10" + value.bytes


def _bool(value: bool) -> bytes:
    return b"\0\0\0\1\1" if value else b"\0\0\0\1\0"


def _texts(value: Iterable[str]) -> bytes:
    """Return a list of texts as a literal: unnest() would flatten an array of arrays."""
    escaped = (item.replace("\\", "\\\\").replace('"', '\\"') for item in value)
    return _text("{" + ",".join(f'"{item}"' for item in escaped) + "}")


#: Type -> (type of the items on the wire, how one is written).
_ITEMS: Mapping[str, tuple[int, Callable[[Any], bytes]]] = {
    "bool": (16, _bool),
    "bytea": (17, _bytes),
    "int8": (20, lambda value: _INT8(8, value)),
    "int4": (23, lambda value: _INT4(4, value)),
    "text": (25, _text),
    "text[]": (25, _texts),
    "date": (1082, lambda value: _INT4(4, value.toordinal() - _EPOCH_DAY)),
    "timestamptz": (1184, lambda value: _INT8(8, (value - _EPOCH) // _MICROSECOND)),
    "uuid": (2950, _uuid),
    "jsonb": (3802, _bytes),  # its version first: projections.table.binary_json
}


def pack(kind: str, values: Iterable[Any]) -> Packed:
    """Return the values of a column of this type."""
    oid, write = _ITEMS[kind]
    items = [_NULL if value is None else write(value) for value in values]
    return Packed(_HEADER(1, 1, oid, len(items), 1) + b"".join(items))
