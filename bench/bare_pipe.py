"""The baseline of `visible-*`: one process produces, another consumes, nothing in between.

`python -m bench.bare_pipe BOOTSTRAP TOPIC RATE FILE` says "ready", waits for a line, and sends the
values of FILE at a steady pace; it prints `NUMBER SECONDS` for each, the moment (CLOCK_MONOTONIC)
at which it was due.
"""

from __future__ import annotations

import pickle
import sys
import time
from pathlib import Path

from kafka import KafkaProducer

from events.contract import CE_TYPE, LOG


def main() -> None:
    """Send the file."""
    bootstrap, topic, rate, file = sys.argv[1:]
    # Our own file, written a moment ago by our own benchmark.
    records: list[tuple[int, bytes, bytes]] = pickle.loads(Path(file).read_bytes())  # noqa: S301
    producer = KafkaProducer(
        bootstrap_servers=bootstrap, acks="all", linger_ms=0, metrics_enabled=False
    )
    producer.partitions_for(topic)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.monotonic() + 1 / float(rate)
    moments = [began + number / float(rate) for number in range(len(records))]
    headers = [(CE_TYPE, b"StatusChanged"), (LOG, bytes(72))]
    for (partition, key, value), due in zip(records, moments, strict=True):
        time.sleep(max(0.0, due - time.monotonic()))
        producer.send(topic, partition=partition, key=key, value=value, headers=headers)
    producer.flush()
    for number, due in enumerate(moments):
        print(number, due)
    producer.close()


if __name__ == "__main__":
    main()
