"""What one record of a topic proves to be, looking at nothing but the record and the pinned keys.

The cheap questions come first; the signature, which costs most, is asked elsewhere (checking.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple, Protocol
from uuid import UUID

from events.agreement import Agreement
from events.codec import MAX_EVENT_BYTES, Stamp, decode, read_stamp
from events.contract import (
    CE_TYPE,
    LOG,
    LOG_HEADER_BYTES,
    log_name,
    only_header,
    partition_of,
    split_log_header,
)
from events.errors import RecordRejected
from events.stamp import Event, leaf_hash
from ledger.case.case import Topic
from ledger.log.signature import LogVerifier

_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_MAX_VERSION = 2**31 - 1
_MAX_INDEX = 2**63 - 1
_LONGEST_NAME = 64


class Reason(StrEnum):
    """Why a record is stray: a closed list, because it is a metric's label."""

    SIZE = "size"
    STAMP = "stamp"
    VERSION = "version"
    TIME = "time"
    KEY = "key"
    PARTITION = "partition"
    ORIGIN = "origin"
    LOG_HEADER = "log_header"
    SIGNATURE = "signature"
    SAME_VERSION = "same_version"
    SAME_EVENT_ID = "same_event_id"
    SAME_BYTES = "same_bytes"


class Outcome(StrEnum):
    """What a stray record is."""

    NOISE = "noise"
    EQUIVOCATION = "equivocation"
    REPEAT = "repeat"


class Arrived(Protocol):
    """A record as a Kafka client gives it."""

    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One partition of a topic, and whose word counts there."""

    topic: Topic
    partition: int
    partitions: int
    #: Pinned keys of each origin that may write here, with the name of its log.
    logs: Mapping[str, tuple[str, tuple[LogVerifier, ...]]]

    @classmethod
    def of(cls, agreement: Agreement, topic: Topic, partition: int, *, country: str) -> Ground:
        """Return the ground of a partition as this country reads it."""
        shared = topic is Topic.SHARED
        name = agreement.shared_topic if shared else agreement.national_topic(country)
        origins = agreement.countries.values() if shared else (agreement.countries[country],)
        logs = {
            origin.code: (
                log_name(name, origin.code),
                tuple(LogVerifier.parse(key) for key in origin.log_keys),
            )
            for origin in origins
        }
        return cls(topic=topic, partition=partition, partitions=agreement.partitions, logs=logs)


class Claim(NamedTuple):
    """A record that says it is an event of a case."""

    offset: int
    origin: str
    version: int
    event_id: UUID
    seen: bytes
    leaf: bytes
    case_id: UUID
    log_index: int
    signature: bytes
    ce_type: str
    value: bytes
    recorded_at: datetime
    #: The whole event, if it can be read here. Nothing in admission depends on it.
    event: Event | None


class Stray(NamedTuple):
    """A record without effect, and why."""

    outcome: Outcome
    reason: Reason
    offset: int
    leaf: bytes | None = None
    origin: str | None = None


def examine(record: Arrived, ground: Ground) -> Claim | Stray:
    """Return what a record claims, or why it is noise. Its signature is not checked yet."""
    value, headers = record.value, record.headers
    if value is None or len(value) > MAX_EVENT_BYTES:
        return _noise(record, Reason.SIZE)
    stamp, event = _read(value)
    if stamp is None:
        return _noise(record, Reason.STAMP)
    if not 1 <= stamp.version <= _MAX_VERSION:
        return _noise(record, Reason.VERSION)
    if not (_EARLIEST <= stamp.occurred_at < _LATEST and _EARLIEST <= stamp.recorded_at < _LATEST):
        return _noise(record, Reason.TIME)
    if record.key != stamp.case_id.bytes:
        return _noise(record, Reason.KEY)
    if partition_of(stamp.case_id, ground.partitions) != ground.partition:
        return _noise(record, Reason.PARTITION)
    if stamp.origin not in ground.logs:
        return _noise(record, Reason.ORIGIN)
    log = only_header(headers, LOG)
    if len(log) != LOG_HEADER_BYTES:
        return _noise(record, Reason.LOG_HEADER)
    index, signature = split_log_header(log)
    if index > _MAX_INDEX:
        return _noise(record, Reason.LOG_HEADER)
    return Claim(
        record.offset,
        stamp.origin,
        stamp.version,
        stamp.event_id,
        stamp.seen,
        leaf_hash(value),
        stamp.case_id,
        index,
        signature,
        _name(only_header(headers, CE_TYPE)),
        value,
        stamp.recorded_at,
        event,
    )


def _read(value: bytes) -> tuple[Stamp | Event | None, Event | None]:
    """Return the stamp and the event, as far as the bytes can be read here.

    An event begins with its stamp, so the stamp is the same whether or not the rest is readable.
    """
    try:
        event = decode(value)
    except RecordRejected:
        pass
    else:
        return event, event
    try:
        return read_stamp(value), None
    except RecordRejected:
        return None, None


def _noise(record: Arrived, reason: Reason) -> Stray:
    return Stray(Outcome.NOISE, reason, record.offset)


def _name(header: bytes) -> str:
    """Return the type that a record names, or nothing if that is no name."""
    name = header[:_LONGEST_NAME].decode("ascii", "replace")
    return name if name.isidentifier() and len(header) <= _LONGEST_NAME else ""
