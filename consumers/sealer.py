"""The sealer: signs how far this country's logs have come, and never a second history of them.

It reads what stands committed on the topics, as this country's mirror has it, and signs it only if
the store holds the same events in the same order, and if what it has signed before is still there.
What it has signed stands in its own file. It decides nothing and can write no event.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from psycopg import Connection

from consumers import session
from consumers.alarms import known_from_zero
from consumers.note_mail import NoteTopic, NoteWriter
from consumers.sealed_log import Own, SealedLog
from consumers.translation import translated
from events.agreement import Agreement
from ledger.case.case import Topic
from ledger.log.heads import Heads
from ledger.log.mirrored import LogName
from ledger.log.signature import LogSigner

log = structlog.get_logger()

#: It looks so often; a worker says when there is news.
_LOOK_S = 0.5
CHANNEL = "ledger_read"


@dataclass(frozen=True, slots=True, kw_only=True)
class SealerSettings:
    """One sealer of one country."""

    agreement: Agreement
    country: str
    #: PostgreSQL of the country, as a member of `ledger_seal`.
    dsn: str = field(repr=False)
    #: Arguments of every Kafka client, for the shared topics and for the national ones.
    kafka: Mapping[str, Any] = field(repr=False)
    national_kafka: Mapping[str, Any] = field(repr=False)
    #: The file of what was signed.
    heads: Path
    #: The key of each log, by the log's name.
    signers: Mapping[str, LogSigner] = field(repr=False)


class Sealer:
    """One country's sealer."""

    def __init__(
        self, settings: SealerSettings, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._writer = NoteWriter()
        heads = Heads(settings.heads)
        self._logs = [
            SealedLog(own, heads=heads, writer=self._writer, clock=clock)
            for own in _own_logs(settings)
        ]
        known_from_zero(settings.country, [one.name for one in self._logs])

    def waiting(self) -> Mapping[str, str]:
        """Return what it still waits for; empty when it is ready."""
        return {one.name: why for one in self._logs if (why := one.waiting)}

    def run(self, stop: threading.Event) -> None:
        """Seal until told to stop. StartAgain if a server fails."""
        with translated(), session.connect(self._settings.dsn, idle_s=30, lock_s=30) as database:
            database.execute("SET synchronous_commit = on")
            database.execute(f"LISTEN {CHANNEL}")
            while not stop.is_set():
                self.look(database)
                for _ in database.notifies(timeout=_LOOK_S, stop_after=1):
                    pass
        self._writer.close()

    def look(self, database: Connection[Any]) -> None:
        """Go on with every log, once."""
        for one in self._logs:
            one.look(database)


def _own_logs(settings: SealerSettings) -> Sequence[Own]:
    agreement, country = settings.agreement, settings.country
    shared, national = agreement.shared_log(country), agreement.national_log(country)
    return [
        Own(
            country=country,
            log=LogName(shared, Topic.SHARED.value, country),
            signer=settings.signers[shared],
            topic=NoteTopic(agreement.checkpoints_topic, settings.kafka),
        ),
        Own(
            country=country,
            log=LogName(national, Topic.NATIONAL.value, country),
            signer=settings.signers[national],
            topic=NoteTopic(agreement.national_checkpoints_topic(country), settings.national_kafka),
        ),
    ]
