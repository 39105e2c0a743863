"""`ledger sealer run`, and what the supervisor starts: signs how far its country's logs are."""

from __future__ import annotations

import sys
import threading
from typing import Any

from node.programs import Program, kafka_client
from node.programs import main as run_program
from node.settings import SealerSettings


def main(**given: Any) -> int:
    """Run the sealer of `given` settings, and of the environment for the rest."""
    return run_program("sealer", lambda: prepare(SealerSettings.read(**given)))


def prepare(settings: SealerSettings) -> Program:
    """Wire the sealer together."""
    import consumers.sealer
    from events.agreement import Agreement
    from ledger.log.signers import load_signers

    sealer = consumers.sealer.Sealer(
        consumers.sealer.SealerSettings(
            agreement=Agreement.load(settings.agreement),
            country=settings.country,
            dsn=settings.pg.get_secret_value(),
            kafka=kafka_client(settings),
            national_kafka=kafka_client(settings, settings.national_kafka),
            heads=settings.heads,
            signers=load_signers(settings.note_key_files),
        )
    )

    def run(stop: threading.Event) -> int:
        sealer.run(stop)
        return 0

    return Program(settings, sealer.waiting, run)


if __name__ == "__main__":
    sys.exit(main())
