"""Readers and writers for one schema each, written by a program: plain Python, compiled once.

fastavro reads any schema and returns plain values, from which an event still has to be made. A
function that knows its schema makes the event in one pass and half the time, and can be strict: it
reads the canonical form only (docs/wire-format.md, rule 5), so that one event is one byte string.
The source comes from released schemas, never from the wire; `reader_source` shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import date
from textwrap import indent
from typing import Any

from events import codes, stamp
from events.canonical import EPOCH_DAY, end, micros, moment, uuid, varint
from events.errors import Misconfigured

#: Bytes of a single-object header: C3 01 and the fingerprint.
HEADER_BYTES = 10

#: What a generated reader raises when the bytes are none of its schema's.
UNREADABLE = (IndexError, KeyError, OverflowError, ValueError)


def _unfrozen(frozen: type[Any]) -> type[Any]:
    """Return a class with the same layout whose instances may be filled in and then renamed.

    A frozen dataclass sets every field by a call, a plain one by a store. CPython lets an
    instance change to a class of equal layout, and checks that it is equal.
    """
    plain = {name: getattr(object, name) for name in ("__init__", "__setattr__")}
    return type(frozen.__name__, frozen.__bases__, {"__slots__": frozen.__slots__, **plain})


_NUMBER = """\
n = b[i]
i += 1
if n > 127:
    n, i = varint(b, i - 1, {bits})
"""
_LENGTH = (
    _NUMBER.format(bits=64)
    + """\
if n & 1:
    raise ValueError
j = i + (n >> 1)
"""
)
_UUID = """\
if b[i] != 72:
    raise ValueError
{v} = uuid(b[i + 1:i + 37])
i += 37
"""
_UNION = """\
n = b[i]
i += 1
if n == 0:
    {v} = None
elif n == 2:
{inner}\
else:
    raise ValueError
"""
# An item takes at least one byte, so a count beyond the end is refused before the loop.
_ARRAY = (
    _LENGTH
    + """\
if j > len(b):
    raise ValueError
{v} = ()
if n:
    {items} = []
    for _ in range(n >> 1):
{inner}\
        {items}.append({item})
    if b[i]:
        raise ValueError
    i += 1
    {v} = tuple({items})
"""
)
_RECORD = """\
{new} = unfrozen_{name}()
{inner}\
{new}.__class__ = {name}
{v} = {new}
"""
#: How a value of one Avro type is read from b[i:] into {v}.
_READ: Mapping[str, str] = {
    "boolean": "{v} = (False, True)[b[i]]\ni += 1\n",
    "int": _NUMBER.format(bits=32) + "{v} = (n >> 1) ^ -(n & 1)\n",
    "long": _NUMBER.format(bits=64) + "{v} = (n >> 1) ^ -(n & 1)\n",
    "date": _NUMBER.format(bits=32) + "{v} = day(((n >> 1) ^ -(n & 1)) + EPOCH_DAY)\n",
    "timestamp-micros": "{v}, i = moment(b, i)\n",
    "string": _LENGTH + "{v} = str(b[i:j], 'utf-8')\ni = j\n",
    "bytes": _LENGTH + "{v} = b[i:j]\ni = j\n",
    "uuid": _UUID,
    "fixed": "{v} = b[i:i + {size}]\ni += {size}\n",
    "enum": _NUMBER.format(bits=32) + "{v} = {symbols}[n]\n",
    "union": _UNION,
    "array": _ARRAY,
    "record": _RECORD,
}


class _Names(dict[str, Any]):
    """What generated source may refer to; grows with the types of the schema."""

    def __init__(self) -> None:
        day = {"day": date.fromordinal, "EPOCH_DAY": EPOCH_DAY, "micros": micros}
        super().__init__(uuid=uuid, varint=varint, moment=moment, end=end, **day)

    def symbols(self, kind: Mapping[str, Any]) -> str:
        """Name the members of an enum by their zig-zag index: a negative one finds nothing."""
        name = f"symbols_{kind['name']}"
        listed = getattr(codes, kind["name"])
        self[name] = {2 * at: listed(symbol) for at, symbol in enumerate(kind["symbols"])}
        return name

    def record(self, made: type[Any]) -> str:
        """Name a class and its twin that can be filled in."""
        self[made.__name__] = made
        self[f"unfrozen_{made.__name__}"] = _unfrozen(made)
        return made.__name__


def shape(kind: Any, named: dict[str, Any]) -> tuple[str, Any]:
    """Return what an Avro type is to us, with its definition; `named` collects named types."""
    if isinstance(kind, str):
        return shape(named[kind], named) if kind in named else (kind, kind)
    if isinstance(kind, list):
        if len(kind) != 2 or kind[0] != "null":
            raise Misconfigured("a union is null and one other type", rule="union")
        return "union", kind[1]
    if "name" in kind:
        named[kind["name"]] = kind
    return kind.get("logicalType", kind["type"]), kind


def _read(kind: Any, v: str, names: _Names, named: dict[str, Any], depth: int = 0) -> str:
    """Return the source that reads one value from b[i:] and assigns it to `v`."""
    what, found = shape(kind, named)
    template = _READ[what]
    match what:
        case "union":
            inner = _read(found, v, names, named, depth)
            return template.format(v=v, inner=indent(inner, "    "))
        case "array":
            item, items = f"item{depth}", f"items{depth}"
            inner = _read(found["items"], item, names, named, depth + 1)
            return template.format(v=v, item=item, items=items, inner=indent(inner, " " * 8))
        case "record":
            name = names.record(getattr(stamp, found["name"]))
            new = f"new{depth}"
            inner = "".join(
                _read(field["type"], f"{new}.{field['name']}", names, named, depth + 1)
                for field in found["fields"]
            )
            return template.format(v=v, new=new, name=name, inner=inner)
        case "enum":
            return template.format(v=v, symbols=names.symbols(found))
        case "fixed":
            return template.format(v=v, size=found["size"])
        case _:
            return template.format(v=v)


def reader_source(
    made: type[Any], wire_fields: Sequence[Mapping[str, Any]], *, version: int | None
) -> tuple[str, dict[str, Any]]:
    """Return the source of `read(b)`, which makes an instance of a class, and its names.

    `version` None reads a prefix: what follows it is left alone.
    """
    names = _Names()
    named: dict[str, Any] = {}
    name = names.record(made)
    lines = [f"i = {HEADER_BYTES}\ne = unfrozen_{name}()\n"]
    lines += [_read(field["type"], f"e.{field['name']}", names, named) for field in wire_fields]
    lines += [] if version is None else _unwritten(made, wire_fields, names, version)
    lines.append(f"if i {'>' if version is None else '!='} len(b):\n    end(b, i)\n")
    lines.append(f"e.__class__ = {name}\nreturn e\n")
    return "def read(b):\n" + indent("".join(lines), "    "), dict(names)


def _unwritten(
    made: type[Any], wire_fields: Sequence[Mapping[str, Any]], names: _Names, version: int
) -> list[str]:
    """Return lines that set what this schema version did not know yet."""
    written = {field["name"] for field in wire_fields}
    lines = [f"e.schema_version = {version}\n"]
    for field in fields(made):
        if field.name not in written and field.name != "schema_version":
            if field.default is MISSING:
                raise Misconfigured(
                    f"{made.__name__}.{field.name} needs a default, because version {version} of"
                    " its schema has no such field",
                    rule="class",
                )
            names[f"default_{field.name}"] = field.default
            lines.append(f"e.{field.name} = default_{field.name}\n")
    return lines


_WRITE: Mapping[str, str] = {
    "uuid": "str({v})",
    "timestamp-micros": "micros({v})",
    "date": "{v}.toordinal() - EPOCH_DAY",
    "union": "None if {v} is None else {inner}",
    "array": "[{inner} for {item} in {v}]",
}


def _write(kind: Any, v: str, named: dict[str, Any], depth: int = 0) -> str:
    """Return an expression that makes what fastavro writes out of one value."""
    what, found = shape(kind, named)
    template = _WRITE.get(what, "{v}")
    match what:
        case "union":
            return template.format(v=v, inner=_write(found, v, named, depth))
        case "array":
            item = f"item{depth}"
            inner = _write(found["items"], item, named, depth + 1)
            return template.format(v=v, item=item, inner=inner)
        case "record":
            return _write_fields(found["fields"], v, named, depth)
        case _:
            return template.format(v=v)


def _write_fields(
    wire_fields: Sequence[Mapping[str, Any]], v: str, named: dict[str, Any], depth: int
) -> str:
    pairs = (
        f"{field['name']!r}: {_write(field['type'], v + '.' + field['name'], named, depth)}"
        for field in wire_fields
    )
    return "{" + ", ".join(pairs) + "}"


def reader(
    made: type[Any], wire_fields: Sequence[Mapping[str, Any]], *, version: int | None
) -> Callable[[bytes], Any]:
    """Return the function that reads one schema's bytes; it raises UNREADABLE or RecordRejected."""
    source, names = reader_source(made, wire_fields, version=version)
    exec(compile(source, f"<{made.__name__} v{version}>", "exec"), names)  # noqa: S102  # ours
    found: Callable[[bytes], Any] = names["read"]
    return found


def writer(wire_fields: Sequence[Mapping[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    """Return the function that makes the dict which fastavro validates and writes."""
    source = f"lambda e: {_write_fields(wire_fields, 'e', {}, 0)}"
    made: Callable[[Any], dict[str, Any]] = eval(source, _Names())  # noqa: S307  # ours
    return made
