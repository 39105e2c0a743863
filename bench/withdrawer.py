"""Takes consents back at a steady pace in a process of its own: what `stop-40` measures.

`python -m bench.withdrawer DIR RATE` reads words `COUNTRY/CASE/CONSENT` from stdin, says "ready",
waits for one more line, and prints `CASE SECONDS` for each: the moment (CLOCK_MONOTONIC) at which
its withdrawal was due. The child takes it back, in the country that the word names.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID, uuid4

from bench.play import COUNTRIES, SUPERVISOR
from events.codes import ConsentGiver
from ledger.case.withdrawal import withdraw_consent
from ledger.service import Ledger, open_ledger
from node import place

_THREADS = 4


def main() -> None:
    """Take back every consent that was named."""
    directory, rate = sys.argv[1:]
    wanted = [word.split("/") for word in sys.stdin.readline().split()]
    with ExitStack() as stack:
        ledgers = {
            code: stack.enter_context(
                open_ledger(place.find(Path(directory), code).ledger_settings(connections=_THREADS))
            )
            for code in COUNTRIES
        }
        for country, case_id, _ in wanted:
            ledgers[country].case(UUID(case_id))
        print("ready", flush=True)
        sys.stdin.readline()
        _withdraw(ledgers, wanted, 1 / float(rate))


def _withdraw(ledgers: Mapping[str, Ledger], wanted: Sequence[Sequence[str]], pause: float) -> None:
    def withdraw(country: str, case_id: str, consent_id: str, due: float) -> str:
        door = ledgers[country].on(UUID(case_id), by=SUPERVISOR, key=str(uuid4()), retries=20)
        door.decide(withdraw_consent, consent_id=UUID(consent_id), given_by=ConsentGiver.CHILD)
        return f"{case_id} {due}"

    began = time.monotonic() + pause
    with ThreadPoolExecutor(_THREADS) as pool:
        told = []
        for number, (country, case_id, consent_id) in enumerate(wanted):
            due = began + number * pause
            time.sleep(max(0.0, due - time.monotonic()))
            told.append(pool.submit(withdraw, country, case_id, consent_id, due))
        for line in told:
            print(line.result())


if __name__ == "__main__":
    main()
