"""The witness: cosigns the logs of others as far as this country has itself received them.

It reads signed notes from their topics and believes what is signed by a pinned key, recomputes each
log from this country's mirror, and signs in which order the shared topic was heard here. It waits
at a hole, refuses a fork, a rewriting and a rollback, and holds nothing back from anybody.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, LiteralString

import structlog
from psycopg import Connection

from consumers import kept_notes, session
from consumers.alarms import known_from_zero, raise_alarm
from consumers.cosign_lag import CosignLag
from consumers.note_mail import NotePost, NoteReader, NoteTopic, NoteWriter, Read
from consumers.order_watch import Heard, OrderWatch
from consumers.third_party import Offering, ThirdParty
from consumers.translation import translated
from consumers.trust import Committed, Ordered, Signed, Trust
from consumers.witness_door import NOT_NOW, Offered
from consumers.witness_measures import NOISE
from consumers.witnessed_log import Desk, Watched, WitnessedLog
from events.agreement import Agreement
from events.contract import domestic_witness_name, order_name, witness_name
from events.errors import Misconfigured, RecordRejected
from ledger.case.case import Topic
from ledger.log.add_checkpoint import Answer
from ledger.log.cosignature import Cosigner, Ed25519Cosigner
from ledger.log.heads import Heads
from ledger.log.signature import LogSigner
from ledger.log.signers import Signer

log = structlog.get_logger()

#: So long it waits for notes before it looks at its mirror again.
_POLL_MS: Final = 250
#: Where so many notes come at once there are more.
_MANY: Final = 100
_ANOTHER_S: Final = 1.0
_MINE: LiteralString = "SELECT pg_try_advisory_lock(hashtextextended('ledger.witness', 0))"


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessSettings:
    """The witness of one country."""

    agreement: Agreement
    country: str
    #: PostgreSQL of the country, as a member of `ledger_witness`.
    dsn: str = field(repr=False)
    #: Arguments of every Kafka client, for the shared topics and for the national ones.
    kafka: Mapping[str, Any] = field(repr=False)
    national_kafka: Mapping[str, Any] = field(repr=False)
    #: The file of what was signed.
    heads: Path
    #: By key name: the country's witness key, its key of order notes, and where somebody in the
    #: country cosigns the national log, that key.
    signers: Mapping[str, Sequence[Signer]] = field(repr=False)
    #: Witnesses beyond the agreement that are asked to cosign the country's shared log.
    third_parties: Sequence[ThirdParty] = ()


class Witness:
    """One country's witness."""

    def __init__(
        self,
        settings: WitnessSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        post: NotePost | None = None,
    ) -> None:
        """`clock` counts seconds, `now` are Unix seconds; `post` takes notes instead of Kafka.

        Misconfigured if a key is missing or is of another kind than its name says.
        """
        self._settings = settings
        self._clock = clock
        self._now = now
        agreement, country = settings.agreement, settings.country
        strangers = [one.verifier for one in settings.third_parties]
        self._trust = Trust(agreement, country, strangers)
        self._lag = CosignLag(country, self._trust, clock)
        self._writer = NoteWriter()
        self._post = post or self._writer
        self._shared = NoteTopic(agreement.checkpoints_topic, settings.kafka)
        national = agreement.national_checkpoints_topic(country)
        self._national = NoteTopic(national, settings.national_kafka)
        self._readers: list[NoteReader] = []
        self._session: Connection[Any] | None = None
        #: Whether the notes were read to their end.
        self._is_level = True
        #: Held by whoever moves what was cosigned: the loop, or somebody who asks for it.
        self._moving = threading.RLock()
        self._begin()
        known_from_zero(country, [*self._trust.logs, *self._trust.orders])
        NOISE.labels(country)

    def _begin(self) -> None:
        """Read the file of heads, and begin with every log: another process may have gone on."""
        settings, agreement = self._settings, self._settings.agreement
        heads = Heads(settings.heads)
        desk = Desk(heads=heads, post=self._post, clock=self._clock, now=self._now)
        watched = [self._watched(name) for name in self._trust.logs]
        self._logs = {one.known.log.name: WitnessedLog(one, desk) for one in watched}
        signer = self._signer(order_name(agreement.prefix, settings.country))
        if not isinstance(signer, LogSigner):
            raise Misconfigured(f"the key {signer.name} is not one that signs notes")
        self._order = OrderWatch(
            Heard(
                country=settings.country,
                prefix=agreement.prefix,
                partitions=agreement.partitions,
                signer=signer,
                topic=self._shared,
                others=tuple(one for one in agreement.countries if one != settings.country),
            ),
            desk,
        )

    def _watched(self, name: str) -> Watched:
        settings, known = self._settings, self._trust.logs[name]
        prefix, country = settings.agreement.prefix, settings.country
        is_shared = known.log.topic == Topic.SHARED
        cosigner: Cosigner | None = None
        if not is_shared:
            name = domestic_witness_name(prefix, country)
            cosigner = self._cosigner(name) if name in settings.signers else None
        elif known.log.origin != country:  # nobody is the witness of oneself
            cosigner = self._cosigner(witness_name(prefix, country))
        topic = self._shared if is_shared else self._national
        return Watched(country=country, known=known, cosigner=cosigner, topic=topic)

    def _cosigner(self, name: str) -> Cosigner:
        found = self._signer(name)
        if not isinstance(found, Ed25519Cosigner):
            raise Misconfigured(f"the key {name} is not one that cosigns")
        return found

    def _signer(self, name: str) -> Signer:
        """Return a key. Misconfigured if there is none, or nobody else would know it."""
        keys = self._settings.signers.get(name, ())
        if len(keys) != 1:
            raise Misconfigured(f"{len(keys)} key files for {name}: ledger prepare note-keys")
        (found,) = keys
        party = self._settings.agreement.countries[self._settings.country]
        if found.verifier.render() not in party.keys_named(name):
            raise Misconfigured(f"the agreement does not pin the key {name}: add it")
        return found

    def waiting(self) -> Mapping[str, str]:
        """Return what it still waits for; empty when it is ready."""
        if self._session is None:
            return {"witness": "has not begun, or another one of this country runs"}
        found = {one.name: why for one in self._logs.values() if (why := one.waiting)}
        if why := self._order.waiting:
            found["order"] = why
        return found

    def run(self, stop: threading.Event) -> None:
        """Witness until told to stop. StartAgain if a server fails."""
        with translated(), session.connect(self._settings.dsn, idle_s=30, lock_s=30) as database:
            database.execute("SET synchronous_commit = on")
            self._begin_offering(stop)
            while not stop.is_set():
                if self._is_only_one(database):
                    self.look(database)
                else:
                    stop.wait(_ANOTHER_S)
        self.close()

    def close(self) -> None:
        """Let Kafka go, after a clean stop."""
        for reader in self._readers:
            reader.close()
        self._writer.close()

    def look(self, database: Connection[Any]) -> None:
        """Read what notes there are, and go on with every log, once."""
        if not self._readers:
            self._is_level = False
        if not self._is_only_one(database):
            return
        if not self._readers:
            self._open_readers(database)
        waits = [_POLL_MS, *[0] * len(self._readers)]
        is_level = True
        for reader, wait_ms in zip(self._readers, waits, strict=False):
            found = list(reader.poll(wait_ms))
            self.take(database, reader.topic.name, reader.topic_id, found)
            is_level = is_level and len(found) < _MANY
        self.go_on(database, is_level=is_level)

    def go_on(self, database: Connection[Any], *, is_level: bool = True) -> None:
        """Compare, cosign and sign what the mirror and the notes that were taken in allow.

        Until the notes are read to their end nothing is cosigned: it might be long outdated.
        """
        with self._moving:
            self._is_level = is_level
            is_alive = self._order.look(database, kept_notes.open_alarms(database))
            alarms = kept_notes.open_alarms(database)
            for one in self._logs.values():
                one.look(database, alarms, is_alive=is_alive, may_cosign=is_level)
            self._lag.look(database)

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer whoever posts a checkpoint of a log that is cosigned here, from any thread."""
        database, logs = self._session, self._logs
        if database is None or not self._is_level:
            return NOT_NOW
        offered = Offered(database, self._trust, logs, self._moving)
        return offered.answer(body)

    def take(self, database: Connection[Any], topic: str, topic_id: Any, found: list[Read]) -> None:
        """Keep what notes say, and how far they were read, in one transaction."""
        if not found:
            return
        with self._moving, database.transaction():
            for read in found:
                self._hear(database, read.text)
            kept_notes.move(database, topic, topic_id, found[-1].offset + 1)

    def _hear(self, database: Connection[Any], text: bytes) -> None:
        """Keep what a note says. Whatever is wrong with it, it keeps nobody from reading on."""
        try:
            self._keep(database, self._trust.judged(text))
        except RecordRejected:
            NOISE.labels(self._settings.country).inc()

    def _keep(self, database: Connection[Any], judged: Signed | Ordered | Committed) -> None:
        if isinstance(judged, Signed):
            self._logs[judged.checkpoint.origin].hear(database, judged)
        elif isinstance(judged, Ordered):
            self._order.hear(database, judged)
        elif (fault := kept_notes.keep_commitment(database, judged)) is not None:
            raise_alarm(database, self._settings.country, fault)

    def _begin_offering(self, stop: threading.Event) -> None:
        """Ask third parties, each beside everything else: none of them holds anybody up."""
        known = self._trust.logs[self._settings.agreement.shared_log(self._settings.country)]
        for party in self._settings.third_parties:
            offering = Offering(known, party, self._post, self._shared)
            given = (self._settings.dsn, stop)
            threading.Thread(target=offering.run, args=given, name="offers", daemon=True).start()

    def _is_only_one(self, database: Connection[Any]) -> bool:
        """Say whether no other process is this country's witness, for as long as we are connected.

        Two could not contradict each other, for both look at one mirror; but each would write over
        the other's file of heads.
        """
        if self._session is not database:
            ((mine,),) = database.execute(_MINE).fetchall()
            if not mine:
                return False
            self._begin()
            self._session = database
        return True

    def _open_readers(self, database: Connection[Any]) -> None:
        for topic in (self._shared, self._national):
            reader = NoteReader(topic)
            known = kept_notes.position(database, topic.name)
            # A topic that was made anew is read from its beginning: what was read stays kept.
            is_same = known is not None and known[0] == reader.topic_id
            reader.begin(known[1] if known is not None and is_same else 0)
            self._readers.append(reader)
