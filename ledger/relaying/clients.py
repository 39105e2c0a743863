"""Settings of the relay's Kafka clients, each for a reason that was met with kafka-python 3.0.12.

Pinned, because a default that changes with an upgrade would change what is promised.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

#: Seconds after which the broker aborts a transaction that nobody ends.
TRANSACTION_S = 10
#: A batch of records stays well below the topic's max.message.bytes: one that does not is fatal.
BATCH_BYTES = 98_304
#: Bytes of one transaction; the client itself bounds nothing.
TRANSACTION_BYTES = 8 * 1024 * 1024

PRODUCER: Mapping[str, Any] = MappingProxyType(
    {
        "acks": "all",
        "enable_idempotence": True,
        "retries": float("inf"),
        # Delivery ends before the transaction does, and the watchdog after both: the process is
        # gone before the coordinator fences it by itself.
        "transaction_timeout_ms": TRANSACTION_S * 1000,
        "delivery_timeout_ms": 9_000,
        "request_timeout_ms": 5_000,
        "max_block_ms": 5_000,  # a missing topic would block a minute
        "batch_size": BATCH_BYTES,
        "linger_ms": 5,
        "max_request_size": 1_048_576,
        "compression_type": None,  # the broker compresses: topic setting
        # After a commit the coordinator answers "concurrent transactions" for a moment, and the
        # client sleeps so long.
        "retry_backoff_ms": 10,
        "reconnect_backoff_ms": 50,
        "reconnect_backoff_max_ms": 1_000,
        "allow_auto_create_topics": False,
        # No serializer: one that fails leaves the client in an endless loop.
        "key_serializer": None,
        "value_serializer": None,
        "bootstrap_timeout_ms": 10_000,
    }
)

CONSUMER: Mapping[str, Any] = MappingProxyType(
    {
        "isolation_level": "read_committed",
        "auto_offset_reset": "none",  # an offset that is not there is an error, never a jump
        "enable_auto_commit": False,
        "allow_auto_create_topics": False,
        "max_poll_records": 1_000,
        "fetch_max_wait_ms": 100,
        "request_timeout_ms": 10_000,
        "reconnect_backoff_max_ms": 1_000,
        "bootstrap_timeout_ms": 10_000,
        "key_deserializer": None,
        "value_deserializer": None,
    }
)
