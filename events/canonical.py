"""Single values in their one canonical form: what the generated readers are made of.

Each takes the bytes `b` of a record and an index `i`, and returns the value and the next index; a
ValueError, IndexError or OverflowError says that there is no such value in canonical form.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from uuid import UUID, SafeUUID

from events.errors import NotEncodable, RecordRejected

#: The day number of 1970-01-01, from which Avro counts days.
EPOCH_DAY = date(1970, 1, 1).toordinal()

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LOWER_HEX = b"0123456789abcdef"
_new: Callable[[type[UUID]], UUID] = object.__new__
_set_int = vars(UUID)["int"].__set__
_set_is_safe = vars(UUID)["is_safe"].__set__


def varint(b: bytes, i: int, bits: int = 64) -> tuple[int, int]:
    """Return the zig-zag value of a varint in its shortest form, at most `bits` wide."""
    value = shift = 0
    byte = 128
    while byte > 127 and shift < 70:
        byte = b[i]
        value |= (byte & 127) << shift
        shift += 7
        i += 1
    if byte > 127 or (byte == 0 and shift > 7) or value >> bits:
        raise ValueError("not the shortest form of a number in range")
    return value, i


def moment(b: bytes, i: int) -> tuple[datetime, int]:
    """Return a moment in UTC. From 1978 to 3111 it takes eight bytes, read at once."""
    eight = b[i : i + 8]
    # A short moment may be the last thing of a record.
    c, d, e, f, g, h, k, last = eight if len(eight) == 8 else bytes(8)
    if c & d & e & f & g & h & k > 127 and 0 < last < 128:
        low = c & 127 | (d & 127) << 7 | (e & 127) << 14 | (f & 127) << 21
        value = low | (g & 127) << 28 | (h & 127) << 35 | (k & 127) << 42 | last << 49
        i += 8
    else:
        value, i = varint(b, i)
    return _EPOCH + timedelta(0, 0, (value >> 1) ^ -(value & 1)), i


def micros(moment: datetime) -> int:
    """Return microseconds since 1970 UTC; a moment without a zone is refused."""
    if moment.tzinfo is None:
        raise NotEncodable("a moment without a time zone cannot be recorded")
    return (moment - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=16_384)  # ids of a case recur in its events, and most of a reader's time is ids
def uuid(text: bytes) -> UUID:
    """Return the UUID of 36 canonical bytes; UUID(...) takes three times as long and any case.

    Canonical: what is no lower-case digit is a hyphen, and every fifth byte from 8 to 23 is one.
    A text cut off by the end of the record passes here and is found by `end`.
    """
    if text.translate(None, _LOWER_HEX) != b"----" or text[8:24:5] != b"----":
        raise ValueError("not a canonical UUID")
    made = _new(UUID)
    _set_int(made, int(text.replace(b"-", b""), 16))
    _set_is_safe(made, SafeUUID.unknown)
    return made


def end(b: bytes, i: int) -> None:
    """Say what is wrong with a record that did not end where its bytes end."""
    if i < len(b):
        raise RecordRejected("bytes left over after the record", rule="trailing_bytes")
    raise ValueError("the record is cut off")
