"""The frame of a long-running program: settings, logs, health, signals, exit code."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from events.errors import LedgerError, ServiceUnavailable, StartAgain
from node import logs
from node.metrics import Health, Waiting, served
from node.ownership import require_sole_owner
from node.settings import ProgramSettings, ServedSettings
from node.supervisor import NEEDS_A_PERSON, TEMPORARY


class Program(NamedTuple):
    """A program that is ready to run."""

    settings: ServedSettings
    #: What it waits for before it is ready.
    waiting: Waiting
    #: Runs until told to stop; returns 0, or the code to end the process with at once.
    run: Callable[[threading.Event], int]


def main(name: str, prepare: Callable[[], Program]) -> int:
    """Run a program until SIGTERM or Ctrl-C; return its exit code.

    Temporary failures end with 75, so that the supervisor starts the program again at once;
    what a person has to repair ends with 78.
    """
    import structlog

    logs.configure(program=name)
    log = structlog.get_logger()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        require_sole_owner()
        program = prepare()
        settings = program.settings
        structlog.contextvars.bind_contextvars(country=settings.country)
        health = Health(program.waiting, commit=settings.commit)
        with served(health, settings.metrics_host, settings.metrics_port) as port:
            log.info("started", metrics_port=port)
            code = program.run(stop)
            if code:
                os._exit(code)  # crash-only: nothing that is open may be closed
    except LedgerError as error:
        said = {"error": type(error).__name__, "rule": error.rule, "message": str(error)}
        log.error("ended", **said)  # noqa: TRY400 - the message says it all
        return exit_code(error)
    except Exception:
        # What it says may quote a row: its class and where it came from have to do.
        log.exception("ended")
        return TEMPORARY
    log.info("stopped")
    return 0


def exit_code(error: LedgerError) -> int:
    """Return how a program ends after an error: whether another start may help."""
    return TEMPORARY if isinstance(error, ServiceUnavailable | StartAgain) else NEEDS_A_PERSON


def kafka_client(settings: ProgramSettings, bootstrap: str | None = None) -> Mapping[str, Any]:
    """Return every argument of a Kafka client."""
    return {"bootstrap_servers": bootstrap or settings.kafka, **settings.client}
