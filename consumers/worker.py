"""A worker: carries a country's topics into its mirror and its read models, until told to stop.

Crash-only. Any error of Kafka or PostgreSQL ends it; it is started again, asks PostgreSQL how far
it had come, and goes on from there. A batch's effects and its position are one transaction, so a
crash repeats work and never an effect.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from consumers.batch import Hook
from consumers.settings import WorkerSettings
from consumers.stream import Stream
from consumers.translation import translated


def run(settings: WorkerSettings, stop: threading.Event) -> None:
    """Read until `stop` is set. StartAgain, Misconfigured or RecordRejected say why not longer."""
    Worker(settings).run(stop)


class Worker:
    """One worker; it reads every cluster on which its topics stand."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._streams = [Stream(settings, *cluster) for cluster in settings.clusters]

    def waiting(self) -> Mapping[str, str]:
        """Return what it still waits for, in words; empty when it is ready."""
        return {name: why for stream in self._streams for name, why in stream.waiting().items()}

    def run(self, stop: threading.Event, *, at: Hook = lambda _step: None) -> None:
        """Read until `stop` is set; if one cluster cannot be read on, leave the other too."""
        failures: list[BaseException] = []

        def keep(stream: Stream) -> None:
            try:
                with translated():
                    stream.run(stop, at=at)
            except BaseException as error:  # noqa: BLE001 - raised below, where it is waited for
                failures.append(error)
                stop.set()

        threads = [threading.Thread(target=keep, args=(one,)) for one in self._streams[1:]]
        for thread in threads:
            thread.start()
        keep(self._streams[0])
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
