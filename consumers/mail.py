"""Kafka clients of what is no event: capsules of keys, and signed notes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

#: So long a record may take to be on its topic.
ACKNOWLEDGED_S: Final = 10.0
PRODUCER: Final[Mapping[str, Any]] = {
    "acks": "all",
    "enable_idempotence": True,
    "retries": float("inf"),
    "delivery_timeout_ms": 9_000,
    "request_timeout_ms": 5_000,
    "max_block_ms": 5_000,
    "bootstrap_timeout_ms": 5_000,
    "linger_ms": 0,
    "compression_type": None,  # the broker compresses: topic setting
    "reconnect_backoff_max_ms": 1_000,
    "allow_auto_create_topics": False,
}
CONSUMER: Final[Mapping[str, Any]] = {"metrics_enabled": False, "bootstrap_timeout_ms": 10_000}
