"""The baseline's relay: kafka-python alone, in transactions of 500, each future checked.

`python -m bench.bare_relay BOOTSTRAP TRANSACTIONAL_ID FILE` reads ready records from FILE, says
"ready", waits for a line on stdin, publishes all, and prints the seconds that it took.
"""

from __future__ import annotations

import pickle
import sys
import time
from pathlib import Path
from typing import Any

from kafka import KafkaProducer

_TRANSACTION = 500
#: The fastest settings that were measured (kafka-python 3.0.12): a batch per partition and
#: transaction, no wait of 100 ms after a commit.
_SETTINGS: dict[str, Any] = {
    "acks": "all",
    "transaction_timeout_ms": 10_000,
    "batch_size": 131_072,
    "linger_ms": 20,
    "retry_backoff_ms": 10,
    "metrics_enabled": False,
}


def main() -> None:
    """Publish the file."""
    bootstrap, transactional_id, file = sys.argv[1:]
    # Our own file, written a moment ago by our own benchmark.
    records: list[dict[str, Any]] = pickle.loads(Path(file).read_bytes())  # noqa: S301
    producer = KafkaProducer(
        bootstrap_servers=bootstrap, transactional_id=transactional_id, **_SETTINGS
    )
    producer.init_transactions()
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    for begin in range(0, len(records), _TRANSACTION):
        producer.begin_transaction()
        sent = [producer.send(**one) for one in records[begin : begin + _TRANSACTION]]
        producer.flush()
        for future in sent:
            future.get(timeout=1)
        producer.commit_transaction()
    print(time.perf_counter() - began, flush=True)
    producer.close()


if __name__ == "__main__":
    main()
