"""`ledger witness run`, and what the supervisor starts: cosigns what other countries signed."""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack
from typing import Any

from node.programs import Program, kafka_client
from node.programs import main as run_program
from node.settings import WitnessSettings


def main(**given: Any) -> int:
    """Run the witness of `given` settings, and of the environment for the rest."""
    return run_program("witness", lambda: prepare(WitnessSettings.read(**given)))


def prepare(settings: WitnessSettings) -> Program:
    """Wire the witness together."""
    import consumers.witness
    from consumers.third_party import ThirdParty
    from events.agreement import Agreement
    from ledger.log.signers import load_signers
    from node.witness_http import asked

    witness = consumers.witness.Witness(
        consumers.witness.WitnessSettings(
            agreement=Agreement.load(settings.agreement),
            country=settings.country,
            dsn=settings.pg.get_secret_value(),
            kafka=kafka_client(settings),
            national_kafka=kafka_client(settings, settings.national_kafka),
            heads=settings.heads,
            signers=load_signers(settings.note_key_files),
            third_parties=ThirdParty.listed(settings.third_parties),
        )
    )

    def run(stop: threading.Event) -> int:
        with ExitStack() as doors:
            if settings.witness_port is not None:
                where = (settings.witness_host, settings.witness_port)
                doors.enter_context(asked(witness.add_checkpoint, *where))
            witness.run(stop)
        return 0

    return Program(settings, witness.waiting, run)


if __name__ == "__main__":
    sys.exit(main())
