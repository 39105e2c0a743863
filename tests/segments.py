"""Kafka's own files, opened and rewritten as whoever runs the broker can: batches of format 2.

Every checksum is made right again, so that neither broker nor client has anything to object to.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kafka.record.util import calc_crc32c

_OUTER = struct.Struct(">qiibI")  # base offset, length, leader epoch, magic, checksum
_INNER = struct.Struct(">hiqqqhii")  # attributes, last delta, times, producer, sequence, count
_GZIP, _CONTROL = 0x01, 0x20


@dataclass(frozen=True)
class Raw:
    """A record of a batch; deltas count from the batch's first offset and time."""

    offset_delta: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[bytes, bytes | None]]
    time_delta: int = 0
    attributes: int = 0


@dataclass(frozen=True)
class Batch:
    """A batch: where it begins, what stands in front of its records, and those."""

    base: int
    epoch: int
    #: Attributes, last offset delta, first and last time, producer's id, epoch and sequence.
    inner: tuple[int, int, int, int, int, int, int]
    records: tuple[Raw, ...]

    @property
    def is_control(self) -> bool:
        """Whether it is the end of a transaction and no data."""
        return bool(self.inner[0] & _CONTROL)

    @property
    def end(self) -> int:
        """The offset after it."""
        return self.base + self.inner[1] + 1

    def at(self, base: int) -> Batch:
        """Return it at other offsets; they stand outside of the checksum."""
        return replace(self, base=base)

    def having(self, records: Iterable[Raw]) -> Batch:
        """Return it with other records at the same offsets."""
        return replace(self, records=tuple(records))


def read(folder: Path) -> list[Batch]:
    """Return all batches of a partition that has one segment."""
    (file,) = folder.glob("*.log")
    data, at, found = file.read_bytes(), 0, []
    while at + _OUTER.size < len(data):
        base, length, epoch, magic, _ = _OUTER.unpack_from(data, at)
        if length == 0:  # preallocated
            break
        assert magic == 2
        *inner, count = _INNER.unpack_from(data, at + _OUTER.size)
        body = data[at + _OUTER.size + _INNER.size : at + 12 + length]
        if inner[0] & 7 == _GZIP:
            body = gzip.decompress(body)
        found.append(Batch(base, epoch, tuple(inner), _records(body, count)))
        at += 12 + length
    return found


def write(folder: Path, batches: Iterable[Batch]) -> None:
    """Write batches back, and let the broker believe that it had crashed: it makes indexes anew."""
    (file,) = folder.glob("*.log")
    file.write_bytes(b"".join(map(_bytes, batches)))
    for kind in ("index", "timeindex", "txnindex", "snapshot"):
        for stale in folder.glob(f"*.{kind}"):
            stale.unlink()


def forget_clean_stop(data: Path) -> None:
    """Let the broker look through all its files when it starts."""
    for name in (".kafka_cleanshutdown", "recovery-point-offset-checkpoint"):
        (data / name).unlink(missing_ok=True)


def _bytes(batch: Batch) -> bytes:
    body = b"".join(map(_record, batch.records))
    if batch.inner[0] & 7 == _GZIP:
        body = gzip.compress(body)
    covered = _INNER.pack(*batch.inner, len(batch.records)) + body
    length = _OUTER.size - 12 + len(covered)
    return _OUTER.pack(batch.base, length, batch.epoch, 2, calc_crc32c(covered)) + covered


def _records(body: bytes, count: int) -> tuple[Raw, ...]:
    reader = _Reader(body)
    found = []
    for _ in range(count):
        reader.number()  # length
        attributes = reader.take(1)[0]
        time_delta, offset_delta = reader.number(), reader.number()
        key, value = reader.sized(), reader.sized()
        headers = [(reader.sized() or b"", reader.sized()) for _ in range(reader.number())]
        found.append(Raw(offset_delta, key, value, headers, time_delta, attributes))
    return tuple(found)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, size: int) -> bytes:
        self._at += size
        return self._data[self._at - size : self._at]

    def number(self) -> int:
        shift = found = 0
        while True:
            byte = self.take(1)[0]
            found |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return (found >> 1) ^ -(found & 1)

    def sized(self) -> bytes | None:
        size = self.number()
        return None if size < 0 else self.take(size)


def _record(raw: Raw) -> bytes:
    parts = [bytes([raw.attributes]), _number(raw.time_delta), _number(raw.offset_delta)]
    parts += [_sized(raw.key), _sized(raw.value), _number(len(raw.headers))]
    for name, value in raw.headers:
        parts += [_sized(name), _sized(value)]
    body = b"".join(parts)
    return _number(len(body)) + body


def _sized(data: bytes | None) -> bytes:
    return _number(-1) if data is None else _number(len(data)) + data


def _number(number: int) -> bytes:
    number = (number << 1) ^ (number >> 63)
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)
