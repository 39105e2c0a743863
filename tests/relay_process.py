"""A relay as its supervisor starts it: a process that may be killed, stopped and left behind.

Run as a program it takes one JSON argument, the fields of `Orders`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from events.agreement import Agreement
from ledger import relay
from ledger.relaying import source


@dataclass
class Orders:
    """What a relay is told, and when it is to be hurt."""

    agreement: str
    country: str
    dsn: str
    kafka: str
    log_key: str
    batch: int = 500
    client: dict[str, Any] = field(default_factory=dict)
    #: Step after which a signal is sent to the process itself, and how often the step goes well.
    step: str = ""
    spared: int = 0
    signal: int = int(signal.SIGKILL)
    lock_s: float = 10
    silent_s: float = 30


def start(node: Any, **orders: Any) -> subprocess.Popen[bytes]:
    """Start a node's relay."""
    agreement = Path(node.key).with_suffix(".toml")
    agreement.write_text(node.agreement.render())
    told = Orders(
        **{
            "agreement": str(agreement),
            "country": node.code,
            "dsn": node.database.as_role("relay"),
            "kafka": node.kafka,
            "log_key": str(node.key),
            **orders,
        }
    )
    command = [sys.executable, "-m", "tests.relay_process", json.dumps(asdict(told))]
    return subprocess.Popen(command, cwd=Path(__file__).parents[1], start_new_session=True)


@contextmanager
def running(node: Any, **orders: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a node's relay for as long as the block lasts; at its end it is killed if it is left."""
    with start(node, **orders) as process:
        try:
            yield process
        finally:
            process.kill()


def end_of(node: Any, *, within_s: float = 60, **orders: Any) -> int:
    """Run a node's relay until it ends by itself; return its exit code, negative for a signal."""
    with running(node, **orders) as process:
        return process.wait(within_s)


def run(orders: Orders) -> int:
    """Be the relay."""
    relay._LOCK_S = orders.lock_s
    source.SILENT_S = orders.silent_s
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    seen = 0

    def at(step: str) -> None:
        nonlocal seen
        if step == orders.step:
            seen += 1
            if seen == orders.spared + 1:
                os.kill(os.getpid(), orders.signal)

    settings = relay.RelaySettings(
        agreement=Agreement.load(Path(orders.agreement)),
        country=orders.country,
        dsn=orders.dsn,
        kafka=orders.kafka,
        client=orders.client,
        log_key=Path(orders.log_key),
        batch=orders.batch,
    )
    return relay.run(settings, stop, at=at)


if __name__ == "__main__":
    os._exit(run(Orders(**json.loads(sys.argv[1]))))
