"""`ledger relay run`, and what the supervisor starts: puts a country's events on the topics."""

from __future__ import annotations

import sys
import threading
from typing import Any

from node.programs import Program
from node.programs import main as run_program
from node.settings import RelaySettings


def main(**given: Any) -> int:
    """Run the relay of `given` settings, and of the environment for the rest."""
    return run_program("relay", lambda: prepare(RelaySettings.read(**given)))


def prepare(settings: RelaySettings) -> Program:
    """Wire the relay together."""
    from events.agreement import Agreement
    from ledger import relay
    from ledger.relaying.health import RelayHealth

    health = RelayHealth()
    wanted = relay.RelaySettings(
        agreement=Agreement.load(settings.agreement),
        country=settings.country,
        dsn=settings.pg.get_secret_value(),
        kafka=settings.kafka,
        national_kafka=settings.national_kafka,
        client=settings.client,
        log_key=settings.log_key,
        other_log_key=settings.other_log_key,
    )

    def run(stop: threading.Event) -> int:
        return relay.run(wanted, stop, health=health)

    return Program(settings, health.waiting, run)


if __name__ == "__main__":
    sys.exit(main())
