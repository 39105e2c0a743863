"""relay: from a full store to the topics, against a bare kafka-python transactional loop.

Ours is the real relay process: it reads the rows, hashes and signs each event, publishes in
transactions and moves its hint. The baseline publishes the same bytes to the same partitions,
read from memory and signed beforehand.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from eventsourcing.persistence import StoredEvent

from bench.append import stored_events
from bench.harness import BASELINE, OURS, Effort, Figure, compare
from bench.pair import Pair
from bench.play import COUNTRIES
from bench.progress import rate_until
from bench.projecting import counting
from bench.servers import Servers
from events.contract import CE_TYPE, LOG, NATIONAL_EVENT, log_header, log_name, partition_of
from events.stamp import leaf_hash
from ledger.case.case import Topic
from ledger.store import Store

_COUNTRY = COUNTRIES[0]
PUBLISHED = "SELECT coalesce(sum(rank), 0)::bigint FROM ledger.relay_hint"


def run(servers: Servers, effort: Effort) -> Iterator[Figure]:
    """Measure events per second."""
    rows = stored_events(effort.events_or(20_000, quick=300))
    contenders = {
        OURS: lambda: _relay(servers, rows),
        BASELINE: lambda: _bare(servers, rows),
    }
    yield compare("relay", contenders, unit="events/s", effort=effort, goal="ratio >= 0.6")


def _relay(servers: Servers, rows: Sequence[StoredEvent]) -> float:
    """Start the relay on an empty store, fill the store at once, and watch the hint."""
    pair = Pair(servers)
    with pair.database(_COUNTRY) as dsn, pair.running(_COUNTRY, "relay") as relay:
        pair.wait_until_ready(relay)
        with Store(dsn) as store, counting(dsn, PUBLISHED) as published:
            store.recorder.insert_events(rows)
            return rate_until(len(rows), published, began=time.perf_counter())


def _bare(servers: Servers, rows: Sequence[StoredEvent]) -> float:
    pair = Pair(servers)
    file = pair.home.path / "records"
    file.write_bytes(pickle.dumps(_records(pair, rows)))
    command = [sys.executable, "-m", "bench.bare_relay", pair.bootstrap, pair.prefix, str(file)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        process.stdin.write("go\n")
        process.stdin.flush()
        return len(rows) / float(process.stdout.readline())


def _records(pair: Pair, rows: Sequence[StoredEvent]) -> list[dict[str, Any]]:
    """Return the records that our relay would send, as arguments of the producer."""
    signer = pair.signers()[_COUNTRY]
    ranks: Counter[str] = Counter()
    records = []
    for row in rows:
        plane, _, kind = row.topic.partition("/")
        shared = plane == Topic.SHARED
        topic = pair.agreement.shared_topic if shared else pair.agreement.national_topic(_COUNTRY)
        rank, ranks[topic] = ranks[topic], ranks[topic] + 1
        signature = signer.sign(log_name(topic, _COUNTRY), rank, leaf_hash(row.state))
        case_id: Any = row.originator_id
        records.append(
            {
                "topic": topic,
                "partition": partition_of(case_id, pair.agreement.partitions),
                "key": case_id.bytes,
                "value": row.state,
                "headers": [
                    (CE_TYPE, (kind if shared else NATIONAL_EVENT).encode()),
                    (LOG, log_header(rank, signature)),
                ],
            }
        )
    return records
