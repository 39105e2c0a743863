"""Fetching records that anybody may have written: nothing on a topic stops those who read it.

A batch that its producer has compressed reaches every reader as it is: the broker bounds no more
than its compressed size, and lets pass what kafka-python 3.0.12 cannot read. A reader that fell
over one record would fall over it again at each start, in all countries at once. So a batch whose
checksum holds is always read past: what cannot be read in it is handed out as a record without a
value, which is noise. A batch whose checksum does not hold was damaged, and is for a person.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, Final

import kafka
from kafka import KafkaConsumer
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError, UnsupportedCodecError
from kafka.record.default_records import DefaultRecord, DefaultRecordBatch
from kafka.record.util import decode_varint

from events.codec import MAX_EVENT_BYTES
from events.contract import CE_TYPE, LOG, MAX_BATCH_BYTES
from events.errors import Misconfigured, RecordRejected

#: What is overridden here belongs to the client's insides, and was read in this version only.
_READ_IN: Final = "3.0.12"
#: Of a value that is too long so much is kept that it stays too long.
_PREFIX: Final = MAX_EVENT_BYTES + 1
#: A key or header that is longer than this is none of ours, however it goes on.
_SHORT: Final = 128
_ASCII: Final = bytes(byte if byte < 128 else ord("?") for byte in range(256))
_GZIP: Final = 31


class SafeConsumer(KafkaConsumer):  # type: ignore[misc]  # the library is untyped
    """A consumer that reads past whatever was written to a topic.

    Its `poll` raises RecordRejected for a batch that was damaged on the way or in the broker.
    Misconfigured if this is not the client that it was made for.
    """

    def __init__(self, **settings: Any) -> None:
        if kafka.__version__ != _READ_IN:
            raise Misconfigured(
                f"kafka-python is {kafka.__version__}; its reading was checked in {_READ_IN}"
            )
        super().__init__(**settings)
        self._fetcher.PartitionRecords = Fetched


class Fetched(Fetcher.PartitionRecords):  # type: ignore[misc]
    """What one fetch brought of a partition."""

    def _unpack_records(self, part: Any, records: Any, *deserializers: Any) -> Iterator[Any]:
        try:
            yield from super()._unpack_records(part, _Batches(records), *deserializers)
        except (CorruptRecordError, UnsupportedCodecError) as error:
            raise RecordRejected(
                f"{part.topic} partition {part.partition} cannot be read at offset"
                f" {self.next_fetch_offset}: {type(error).__name__}",
                rule="record_batch",
            ) from error


class _Batches:
    """The batches of a fetch, each as one that can be read past."""

    def __init__(self, records: Any) -> None:
        self._records = records

    def next_batch(self) -> _Batch | None:
        batch = self._records.next_batch()
        return None if batch is None else _Batch(batch._buffer)  # noqa: SLF001 - see _READ_IN


class _Batch(DefaultRecordBatch):  # type: ignore[misc]
    """A batch that gives all of its records, or one without a value in place of them all."""

    _buffer: bytearray
    _pos: int
    _decompressed: bool

    def __iter__(self) -> Iterator[Any]:
        try:
            self._maybe_uncompress()
            records = list(iter(self.__next__, None))
        except (CorruptRecordError, ValueError, zlib.error):
            records = []
        offsets = range(self.base_offset, self.next_offset)
        whole = len(records) == len(offsets) > 0 and all(
            record.offset == offset for record, offset in zip(records, offsets, strict=True)
        )
        return iter(records if whole else [self._record(self.last_offset, self.max_timestamp)])

    def _maybe_uncompress(self) -> None:
        """Unpack within bounds: ValueError, zlib.error; UnsupportedCodecError if it is not gzip.

        The topic's setting lets nothing else through, and what is read must not depend on which
        codecs happen to be installed.
        """
        if self._decompressed or self.compression_type == self.CODEC_NONE:
            return
        if self.compression_type != self.CODEC_GZIP:
            raise UnsupportedCodecError(self.compression_type)
        unpacking = zlib.decompressobj(_GZIP)
        found = unpacking.decompress(memoryview(self._buffer)[self._pos :], MAX_BATCH_BYTES + 1)
        if len(found) > MAX_BATCH_BYTES or not unpacking.eof or unpacking.unused_data:
            raise ValueError("too much, too little, or something else behind it")
        self._buffer, self._pos, self._decompressed = bytearray(found), 0, True

    def _read_msg(self) -> Any:
        try:
            record = super()._read_msg()
        except UnicodeDecodeError:
            self._respell()
            record = super()._read_msg()
        if record.size_in_bytes > MAX_EVENT_BYTES or len(record.headers) > 2:
            return self._lightened(record)
        return record

    def _respell(self) -> None:
        """Put a question mark for every byte outside ASCII in the header names that come next."""
        buffer, at = self._buffer, self._pos
        for _ in range(4):  # length, attributes, timestamp, offset
            _, at = decode_varint(buffer, at)
        for _ in range(2):  # key, value
            at = _end_of(*decode_varint(buffer, at))
        count, at = decode_varint(buffer, at)
        for _ in range(count):
            length, at = decode_varint(buffer, at)
            end = _end_of(length, at)
            buffer[at:end] = buffer[at:end].translate(_ASCII)
            at = _end_of(*decode_varint(buffer, end))

    def _lightened(self, record: Any) -> Any:
        """Keep what a reader looks at: a poll holds a thousand records in memory."""
        headers = [
            (name, value and value[:_SHORT])
            for wanted in (CE_TYPE, LOG)
            for name, value in [one for one in record.headers if one[0] == wanted][:2]
        ]
        key, value = record.key, record.value
        return self._record(
            record.offset,
            record.timestamp,
            key and key[:_SHORT],
            value and value[:_PREFIX],
            headers,
        )

    def _record(
        self,
        offset: int,
        timestamp: int,
        key: bytes | None = None,
        value: bytes | None = None,
        headers: list[tuple[str, bytes | None]] | None = None,
    ) -> Any:
        return DefaultRecord(0, offset, timestamp, self.timestamp_type, key, value, headers or [])


def _end_of(length: int, start: int) -> int:
    """Return where a part of a record ends; one that is absent has the length -1."""
    return start + max(length, 0)
