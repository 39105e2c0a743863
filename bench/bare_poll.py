"""The baseline of `rebuild`: kafka-python reads a topic and does nothing with it.

`python -m bench.bare_poll BOOTSTRAP TOPIC COUNT` prints the seconds from the first record to the
last.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from kafka import KafkaConsumer, TopicPartition


def main() -> None:
    """Read so many records."""
    bootstrap, topic, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    consumer: Any = KafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=2_000,
        metrics_enabled=False,
    )
    consumer.assign([TopicPartition(topic, one) for one in consumer.partitions_for_topic(topic)])
    read, first, began = 0, 0, time.perf_counter()
    while read < count:
        read += sum(map(len, consumer.poll(timeout_ms=200).values()))
        if not first and read < count:
            first, began = read, time.perf_counter()
    print((time.perf_counter() - began) * count / (count - first))
    consumer.close()


if __name__ == "__main__":
    main()
