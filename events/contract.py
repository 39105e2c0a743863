"""The topic contract: names, partitions, headers, and what a log signature covers.

Frozen: clients of other languages depend on every line. docs/wire-format.md is its prose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from events.stamp import Event

#: Header that names the event type: a hint for gateways. It is not signed and decides nothing.
CE_TYPE: Final = "ce_type"
#: Header with 8 bytes log index (big endian) and the 64 bytes of the origin's Ed25519 signature.
LOG: Final = "log"
LOG_HEADER_BYTES: Final = 72
#: A batch whose records take more than this, unpacked, is noise as a whole (wire format, rule 9).
MAX_BATCH_BYTES: Final = 1_048_576
#: `ce_type` of every national event: on that topic the real type is nobody's business (design §7).
NATIONAL_EVENT: Final = "NationalEvent"

_SIGNED: Final = b"referral/event/v1\0"
_REGISTER: Final = b"referral/register/v1\0"
#: UUID version of a register: RFC 9562 leaves the other bits to whoever makes it.
REGISTER_VERSION: Final = 8

#: Settings of every event topic: a permanent ledger, never compacted (reference/kafka.md §4.4).
TOPIC_SETTINGS: Mapping[str, str] = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "compression.type": "gzip",
    "max.message.bytes": "131072",
    "message.timestamp.type": "CreateTime",
    # A writer whose clock is five minutes ahead is refused: its records would look unread for ever.
    "message.timestamp.after.max.ms": "300000",
    "unclean.leader.election.enable": "false",
}
#: Partitions of a topic of signed notes: they have one order.
NOTE_PARTITIONS: Final = 1

#: Settings of the topic of key capsules: the last one of each grant, none after its tombstone.
GRANT_SETTINGS: Mapping[str, str] = {
    "cleanup.policy": "compact",
    # An erased capsule goes within half a day of the next record of its partition, not some day.
    "min.cleanable.dirty.ratio": "0.01",
    "max.compaction.lag.ms": "21600000",
    "segment.ms": "3600000",
    "delete.retention.ms": "60000",
    "compression.type": "gzip",
    "max.message.bytes": "131072",
    "message.timestamp.type": "CreateTime",
    "message.timestamp.after.max.ms": "300000",
    "unclean.leader.election.enable": "false",
}
#: Key of a record without a value that says nothing. Kafka compacts only what lies before a
#: partition's newest segment, and begins a new one when something is written: this is something.
GRANT_SWEEP: Final = bytes(16)
#: How many replicas have a record before it is acknowledged.
IN_SYNC: Final = "min.insync.replicas"


def in_sync_replicas(replicas: int) -> int:
    """Return the least `IN_SYNC` of a topic with so many replicas.

    One broker may be lost, and one may be away, without losing an acknowledged event or standing
    still: that takes three. Fewer are for development and tests.
    """
    return 2 if replicas >= 3 else 1


def partition_of(case_id: UUID, partitions: int) -> int:
    """Return the partition of a case: int(SHA-256(case_id's 16 bytes)[:8]) mod N.

    Always passed explicitly, because the default partitioners of Kafka clients disagree.
    """
    return int.from_bytes(sha256(case_id.bytes).digest()[:8], "big") % partitions


def register_id(prefix: str) -> UUID:
    """Return what stands for a case in events about the ledger itself: the agreement's register.

    SHA-256("referral/register/v1" NUL prefix), its first 16 bytes made a UUID of version 8. Cases
    are of version 4, so no case can be one, and everybody sees which is which.
    """
    raw = bytearray(sha256(_REGISTER + prefix.encode()).digest()[:16])
    raw[6] = REGISTER_VERSION << 4 | raw[6] & 15
    raw[8] = 0b10 << 6 | raw[8] & 63
    return UUID(bytes=bytes(raw))


def is_register(case_id: UUID) -> bool:
    """Say whether an id stands for a register and no case."""
    return case_id.version == REGISTER_VERSION


def shared_topic(prefix: str) -> str:
    """Return the name of the topic that all countries of an agreement write."""
    return f"{prefix}.ledger"


def national_topic(prefix: str, country: str) -> str:
    """Return the name of the topic that only one country writes and reads."""
    return f"{prefix}.national.{country}"


def grants_topic(prefix: str) -> str:
    """Return the name of the topic of key capsules, keyed by the 16 bytes of the grant's id."""
    return f"{prefix}.grants"


def checkpoints_topic(prefix: str) -> str:
    """Return the name of the topic of signed notes about the shared logs, keyed by log."""
    return f"{prefix}.checkpoints"


def national_checkpoints_topic(prefix: str, country: str) -> str:
    """Return the name of the topic of signed notes about one country's national log."""
    return f"{prefix}.national.{country}.checkpoints"


def event_key_name(country: str) -> str:
    """Return the name of the key under which a country signs its events, on either topic."""
    return f"{country}-log"


def witness_name(prefix: str, country: str) -> str:
    """Return the name under which a country cosigns checkpoints of the others' shared logs."""
    return f"{prefix}.witness/{country}"


def domestic_witness_name(prefix: str, country: str) -> str:
    """Return the name under which somebody in a country (an ombudsman) cosigns its national log."""
    return f"{prefix}.national.{country}.witness"


def order_name(prefix: str, country: str) -> str:
    """Return the name under which a country signs in which order it heard the shared topic."""
    return f"{prefix}.order/{country}"


def log_name(topic: str, origin: str) -> str:
    """Return the name of an origin's log of one topic; it stands in signatures and checkpoints."""
    return f"{topic}/{origin}"


def log_message(name: str, index: int, leaf: bytes) -> bytes:
    """Return the bytes that an origin signs for one event of its log."""
    return _SIGNED + name.encode() + index.to_bytes(8, "big") + leaf


def ce_type(event: Event, *, shared: bool) -> str:
    """Return the value of the `ce_type` header of an event on a shared or national topic."""
    return type(event).__name__ if shared else NATIONAL_EVENT


def log_header(index: int, signature: bytes) -> bytes:
    """Return the value of the `log` header."""
    return index.to_bytes(8, "big") + signature


def only_header(headers: Sequence[tuple[str, bytes | None]], name: str) -> bytes:
    """Return the one header of this name; empty if there is none, or more than one to choose."""
    found = [value for key, value in headers if key == name]
    return found[0] or b"" if len(found) == 1 else b""


def split_log_header(value: bytes) -> tuple[int, bytes]:
    """Return (log index, signature) of a `log` header of the right length."""
    return int.from_bytes(value[:8], "big"), value[8:]


def cloud_event(event: Event, *, topic: str) -> Mapping[str, str]:
    """Return the CloudEvents 1.0 attributes of an event, for gateways that want them.

    They never stand on the ledger topic itself: headers cost every reader CPU.
    """
    moment: datetime = event.recorded_at
    return {
        "specversion": "1.0",
        "id": str(event.event_id),
        "source": f"/{log_name(topic, event.origin)}",
        "type": f"referral.events.{type(event).__name__}",
        "subject": str(event.case_id),
        "time": moment.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/avro",
    }
