"""audit-kills: 1,000,000 honest events, taken in while programs are killed and the broker restarts.

Every event stands on the shared topic with a checkpoint for each 256 of a log, signed by the log's
own country, as a node finds them that was off for long. Its worker and its witness take them in;
one of them is killed every few seconds (SIGKILL) and started again, and the broker is restarted
once. Then the node is audited. What it has alarmed about, or the audit finds, is a false alarm.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import LiteralString

import psycopg
from kafka import KafkaProducer

from bench.auditing import CHECKPOINT_EVERY, Outcome, audited
from bench.harness import Effort, Watch, say
from bench.kills import start_again
from bench.pair import Pair
from bench.play import COUNTRIES
from bench.projecting import READ, counting
from bench.servers import Servers
from ledger.log.checkpoint import Checkpoint
from ledger.log.merkle import CompactRange
from ledger.log.signature import LogSigner
from node.program import PythonProgram

_COUNTRY = "KG"
#: Seconds between two kills.
_BETWEEN_S = (3.0, 8.0)
_STUCK_S = 120.0
#: Logs that are cosigned to their end; nobody cosigns the country's own.
_COSIGNED: LiteralString = """
SELECT count(*) FROM witness.cosignature
JOIN (SELECT log, max(size) AS size FROM witness.checkpoint GROUP BY log) AS newest
    USING (log, size)
"""


def run(servers: Servers, effort: Effort) -> Iterator[Outcome]:
    """Fill the topics, take in under fire, audit."""
    count = effort.events_or(1_000_000, quick=3_000)
    pair = Pair(servers)
    say(f"audit-kills: {count:,} events on the topic")
    _fill(pair, count)
    watch = Watch()
    with ExitStack() as stack:
        dsn = stack.enter_context(pair.database(_COUNTRY))
        programs = [
            stack.enter_context(pair.running(_COUNTRY, noun)) for noun in ("worker", "witness")
        ]
        with counting(dsn, READ) as reached, counting(dsn, _COSIGNED) as cosigned:
            killed = _under_fire(servers, programs, reached, count, kills=effort.kills)
            _wait_until_cosigned(programs, cosigned)
        say(f"audit-kills: taken in within {watch.seconds:,.0f} s; check")
        with psycopg.connect(dsn) as connection:
            keys = pair.keys(_COUNTRY)
            yield audited("audit-kills", connection, _COUNTRY, pair.agreement, keys, killed=killed)


def _fill(pair: Pair, count: int) -> None:
    """Put events on the shared topic, and on the topic of notes what their countries sign."""
    files = {code: pair.home.country(code).notes / "seal-shared-key" for code in COUNTRIES}
    signers = {code: LogSigner.load(file) for code, file in files.items()}
    notes: list[tuple[str, bytes]] = []

    def signed(origin: str, tree: CompactRange) -> None:
        log = pair.agreement.shared_log(origin)
        said = Checkpoint(log, tree.size, tree.root).signed_by(signers[origin])
        notes.append((log, said.render()))

    def tell(origin: str, tree: CompactRange) -> None:
        if tree.size % CHECKPOINT_EVERY == 0:
            signed(origin, tree)

    for origin, tree in pair.fill(count, tell).items():
        signed(origin, tree)
    producer = KafkaProducer(bootstrap_servers=pair.bootstrap, acks="all", linger_ms=20)
    for log, value in notes:
        producer.send(pair.agreement.checkpoints_topic, key=log.encode(), value=value)
    producer.close()


def _under_fire(
    servers: Servers,
    programs: Sequence[PythonProgram],
    taken_in: Callable[[], int],
    count: int,
    *,
    kills: int,
) -> Counter[str]:
    """Kill until everything is taken in, and so often at least; restart the broker half way."""
    drawn, killed = random.Random(count), Counter[str]()
    changed, last = time.monotonic(), -1
    while (reached := taken_in()) < count or killed.total() < kills:
        if reached > last:
            changed, last = time.monotonic(), reached
        if time.monotonic() - changed > _STUCK_S and reached < count:
            raise RuntimeError(f"stuck at {reached} of {count}")
        if killed["broker"] == 0 and reached >= count / 2:
            servers.kafka.stop()
            servers.kafka.start()
            killed["broker"] += 1
        time.sleep(drawn.uniform(*_BETWEEN_S) if count > reached else 1.0)
        start_again(programs)
        program = drawn.choice(programs)
        os.kill(program.pid, signal.SIGKILL)
        killed[program.what] += 1
        say(f"audit-kills: {reached:,} events, {killed.total()} kills")
    return killed


def _wait_until_cosigned(programs: Sequence[PythonProgram], cosigned: Callable[[], int]) -> None:
    """Wait for the witness: by then it has compared every checkpoint of the other country's log."""
    end = time.monotonic() + _STUCK_S
    while cosigned() == 0:
        start_again(programs)
        assert time.monotonic() < end, "the end of the other country's log is not cosigned"
        time.sleep(0.5)
