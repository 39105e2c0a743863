"""Decides at a steady pace in a process of its own: the load of `visible-*` and `stop-40`.

`python -m bench.decider DIR COUNTRY RATE SECONDS` reads ids of shared cases from stdin, says
"ready", waits for one more line, and prints `EVENT_ID SECONDS` for each decision: the moment
(CLOCK_MONOTONIC) at which it was due. A decision that has to wait for a free thread is late, and
that counts.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from uuid import UUID, uuid4

from bench.play import SUPERVISOR
from events.codes import NeutralStatus
from ledger.case.identity import change_status
from ledger.service import Ledger, open_ledger
from node import place

_THREADS = 8
_STATUSES = (NeutralStatus.READY, NeutralStatus.NOT_READY)


def main() -> None:
    """Decide until the time is over."""
    directory, country, rate, seconds = sys.argv[1:]
    where = place.find(Path(directory), country)
    cases = [UUID(word) for word in sys.stdin.readline().split()]
    with open_ledger(where.ledger_settings(connections=_THREADS)) as ledger:
        for case_id in cases:
            ledger.case(case_id)
        print("ready", flush=True)
        sys.stdin.readline()
        _decide(ledger, cases, int(float(rate) * float(seconds)), 1 / float(rate))


def _decide(ledger: Ledger, cases: Sequence[UUID], count: int, pause: float) -> None:
    """Take so many decisions, one each `pause` seconds, on one case after the other."""

    def decide(number: int, case_id: UUID, due: float) -> str:
        status = _STATUSES[number // len(cases) % 2]
        door = ledger.on(case_id, by=SUPERVISOR, key=str(uuid4()), retries=20)
        receipt = door.decide(change_status, status=status)
        return f"{receipt.events[-1].event_id} {due}"

    began = time.monotonic() + pause
    with ThreadPoolExecutor(_THREADS) as pool:
        told = []
        for number, case_id in zip(range(count), cycle(cases), strict=False):
            due = began + number * pause
            time.sleep(max(0.0, due - time.monotonic()))
            told.append(pool.submit(decide, number, case_id, due))
        for line in told:
            print(line.result())


if __name__ == "__main__":
    main()
