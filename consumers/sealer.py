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
from typing import Any, LiteralString

import structlog
from psycopg import Connection

from consumers import session
from consumers.alarms import known_from_zero
from consumers.note_mail import NoteTopic, NoteWriter
from consumers.sealed_log import Own, SealedLog
from consumers.sealer_pens import SealerPens
from consumers.translation import translated
from events.agreement import Agreement
from events.errors import Misconfigured
from ledger.case.case import Topic
from ledger.log.heads import Heads
from ledger.log.mirrored import LogName
from ledger.log.signature import LogSigner, LogVerifier
from ledger.log.signers import Signer

log = structlog.get_logger()

#: It looks so often; a worker says when there is news.
_LOOK_S = 0.5
CHANNEL = "ledger_read"
_ALONE: LiteralString = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"


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
    #: The keys of each log, by the log's name: one, or two while the next one takes over.
    signers: Mapping[str, Sequence[Signer]] = field(repr=False)


class Sealer:
    """One country's sealer. A second one waits until the first has gone."""

    def __init__(
        self,
        settings: SealerSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._clock, self._now = clock, now
        self._writer = NoteWriter()
        self._logs: Sequence[SealedLog] = ()
        self._own = _own_logs(settings)
        known_from_zero(settings.country, [own.log.name for own in self._own])

    def waiting(self) -> Mapping[str, str]:
        """Return what it still waits for; empty when it is ready."""
        if not self._logs:
            return {"sealer": "another sealer of this country runs"}
        return {one.name: why for one in self._logs if (why := one.waiting)}

    def run(self, stop: threading.Event) -> None:
        """Seal until told to stop. StartAgain if a server fails."""
        with translated(), session.connect(self._settings.dsn, idle_s=30, lock_s=30) as database:
            database.execute("SET synchronous_commit = on")
            database.execute(f"LISTEN {CHANNEL}")
            while not stop.is_set():
                if self._logs or self.is_alone(database):
                    self.look(database)
                for _ in database.notifies(timeout=_LOOK_S, stop_after=1):
                    pass
        self._writer.close()

    def look(self, database: Connection[Any]) -> None:
        """Go on with every log, once."""
        for one in self._logs:
            one.look(database)

    def begin(self) -> None:
        """Read what was signed before; nobody else may sign from here on."""
        heads = Heads(self._settings.heads)
        self._logs = [
            SealedLog(own, heads=heads, writer=self._writer, clock=self._clock, now=self._now)
            for own in self._own
        ]

    def is_alone(self, database: Connection[Any]) -> bool:
        """Begin unless another sealer runs: its file of what was signed would not be ours."""
        name = f"sealer/{self._settings.country}"
        row = database.execute(_ALONE, (name,)).fetchone()
        if row is None or not row[0]:
            return False
        self.begin()
        return True


def _own_logs(settings: SealerSettings) -> Sequence[Own]:
    agreement, country = settings.agreement, settings.country
    national = NoteTopic(agreement.national_checkpoints_topic(country), settings.national_kafka)
    shared = NoteTopic(agreement.checkpoints_topic, settings.kafka)
    topics = {Topic.SHARED: shared, Topic.NATIONAL: national}
    keys = [LogVerifier.parse(key) for key in agreement.countries[country].log_keys]
    return [
        Own(
            country=country,
            log=LogName(agreement.log(topic, country), topic.value, country),
            pens=_pens(settings, agreement.log(topic, country), topic),
            event_keys=keys,
            topic=notes,
            abroad=shared if topic is Topic.NATIONAL else None,
        )
        for topic, notes in topics.items()
    ]


def _pens(settings: SealerSettings, name: str, topic: Topic) -> SealerPens:
    """Return the keys of a log. Misconfigured if one is none, or nobody else would know it."""
    found = settings.signers.get(name, ())
    party = settings.agreement.countries[settings.country]
    signers = [one for one in found if isinstance(one, LogSigner)]
    if not signers or len(signers) < len(found):
        raise Misconfigured(f"there is no key file for the log {name}: ledger prepare note-keys")
    if any(one.verifier.render() not in party.keys_named(name) for one in signers):
        raise Misconfigured(f"the agreement does not pin the key of the log {name}: add it")
    return SealerPens(
        signers,
        pinned=party.keys_named(name),
        prefix=settings.agreement.prefix,
        origin=settings.country,
        is_shared=topic is Topic.SHARED,
    )
