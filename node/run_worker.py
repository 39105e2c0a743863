"""`ledger worker run`, and what the supervisor starts: mirrors the topics and projects them."""

from __future__ import annotations

import sys
import threading
from typing import Any

from node.programs import Program, kafka_client
from node.programs import main as run_program
from node.settings import WorkerSettings


def main(**given: Any) -> int:
    """Run the worker of `given` settings, and of the environment for the rest."""
    return run_program("worker", lambda: prepare(WorkerSettings.read(**given)))


def prepare(settings: WorkerSettings) -> Program:
    """Wire the worker together."""
    from prometheus_client import REGISTRY

    import consumers.settings
    from consumers.worker import Worker
    from events.agreement import Agreement
    from ledger.keys.national import NationalKeys
    from node.children import ChildrenWaiting

    dsn, national = settings.pg.get_secret_value(), settings.national_kafka
    key = settings.national_key
    REGISTRY.register(ChildrenWaiting(dsn, settings.country))
    worker = Worker(
        consumers.settings.WorkerSettings(
            agreement=Agreement.load(settings.agreement),
            country=settings.country,
            dsn=dsn,
            kafka=kafka_client(settings),
            national_kafka=kafka_client(settings, national) if national else None,
            national_keys=NationalKeys.load(key) if key else None,
        )
    )

    def run(stop: threading.Event) -> int:
        worker.run(stop)
        return 0

    return Program(settings, worker.waiting, run)


if __name__ == "__main__":
    sys.exit(main())
