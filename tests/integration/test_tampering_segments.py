"""Whoever runs the broker rewrites its files, checksums too: a country that reads anew finds it.

Many small topics on one broker. Kazakhstan has read all of them; the broker is stopped, files are
rewritten, each in another way, and it starts again. No client objects. Then Kyrgyzstan reads each
topic for the first time, and is audited: against the notes that were signed before, and side by
side with Kazakhstan. Some topics are left as they were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any
from uuid import UUID

import psycopg
import pytest
import structlog
from kafka import TopicPartition
from psycopg import IsolationLevel

from consumers.start import STRICT
from events.codec import read_stamp
from events.contract import order_name
from events.stamp import leaf_hash
from ledger.fetching import SafeConsumer
from ledger.log.checkpoint import Checkpoint
from ledger.log.heads import Head
from ledger.log.merkle import CompactRange
from ledger.log.order import OrderNote
from ledger.log.signature import LogSigner
from node.audit_compare import compare
from node.audit_logs import Pinned
from node.auditing import check
from node.embedded.kafka import EmbeddedKafka
from node.reading import Reader
from tests import segments
from tests.readers import Topics, events_of, read_all, transferred
from tests.segment_tampers import KINDS, Segment
from tests.wire import Pens

_log = structlog.get_logger()
COUNTRIES = ("KZ", "KG")
HONEST = "nothing"
#: After so many empty answers nothing more comes: an end of file says less where it was cut. Before
#: that end, or before all that was put there, a busy broker may take its time.
_SILENT, _PATIENT = 3, 150


def signer(name: str) -> LogSigner:
    """The key that signs notes in a name."""
    return LogSigner(name, name[-2:].encode() * 16)


@dataclass
class Ledger:
    """One small topic, and what is done to its file."""

    number: int
    kind: str
    new_database: Callable[[], Any]
    topics: Any = None
    #: Everything that could be read before, and the databases of those who read.
    before: list[tuple[Any, ...]] = field(default_factory=list)
    databases: dict[str, Any] = field(default_factory=dict)

    @property
    def agreement(self) -> Any:
        """Its agreement; the keys of its notes are pinned."""
        return self.topics.pens.agreement

    def begin(self, bootstrap: str) -> None:
        """Let two countries speak, in several transactions, and Kazakhstan read."""
        pens = Pens(prefix=f"s{self.number}", partitions=1, countries=COUNTRIES)
        names = {code: order_name(pens.prefix, code) for code in COUNTRIES}
        countries = {
            code: replace(
                country,
                note_keys=tuple(
                    signer(name).verifier.render()
                    for name in (pens.agreement.shared_log(code), names[code])
                ),
            )
            for code, country in pens.agreement.countries.items()
        }
        pens.agreement = replace(pens.agreement, countries=countries)
        self.topics = Topics(bootstrap, pens)
        self.topics.create()
        events = events_of(transferred(2 * self.number), transferred(2 * self.number + 1))
        count = len(events)
        chance = Random(self.number)
        while events:
            some = chance.randrange(1, 4)
            self.topics.put(*events[:some])
            events = events[some:]
        self.topics.close()
        self.before = self.readable(bootstrap, count)
        assert len(self.before) == count
        self.read("KZ", len(self.before))

    def readable(self, bootstrap: str, count: int = 0) -> list[tuple[Any, ...]]:
        """Return what the client of a worker gets to see, once `count` records are there.

        The end of what is committed moves a moment after a commit has returned.
        """
        place = TopicPartition(self.agreement.shared_topic, 0)
        consumer = SafeConsumer(bootstrap_servers=bootstrap, **STRICT)
        consumer.assign([place])
        consumer.seek(place, 0)
        end = consumer.end_offsets([place])[place]
        found: list[Any] = []
        done = lambda: consumer.position(place) >= end and len(found) >= count  # noqa: E731
        empty = 0
        while empty < (_SILENT if done() else _PATIENT):
            some = consumer.poll(200).get(place, [])
            found += some
            empty = 0 if some else empty + 1
        consumer.close()
        return [(one.offset, one.key, one.value, tuple(one.headers)) for one in found]

    def read(self, country: str, count: int) -> None:
        """Let a country's node read the topic from its beginning."""
        self.databases[country] = database = self.new_database()
        dsn = database.as_role("project")
        read_all(self.topics, dsn, count, country=country)
        database.run("UPDATE mirror.record SET mirrored_at = now() - interval '1 hour'")
        for note in self.notes():
            database.run(*note)

    def notes(self) -> Iterator[tuple[Any, ...]]:
        """What was signed before anybody tampered, as statements."""
        whole = CompactRange()
        trees = {code: CompactRange() for code in COUNTRIES}
        stamps = [(read_stamp(value), leaf_hash(value)) for _, _, value, _ in self.before]
        for stamp, leaf in stamps:
            whole.append(leaf)
            trees[stamp.origin].append(leaf)
        for code, tree in trees.items():
            log = self.agreement.shared_log(code)
            text = Checkpoint(log, tree.size, tree.root).signed_by(signer(log)).render().decode()
            yield (
                "INSERT INTO witness.checkpoint VALUES (%s, %s, %s, %s, now() - interval '1 hour')",
                log, tree.size, tree.root, text,
            )  # fmt: skip
        name = order_name(self.topics.pens.prefix, "KZ")
        note = OrderNote(name, (Head(whole.size, whole.root),)).signed_by(signer(name))
        text = note.render().decode()
        yield (
            "INSERT INTO witness.order_note VALUES ('KZ', 0, %s, %s, %s)",
            whole.size, whole.root, text,
        )  # fmt: skip

    def tamper(self, data: Any) -> None:
        """Rewrite the file."""
        if self.kind == HONEST:
            return
        folder = data / f"{self.agreement.shared_topic}-0"
        batches = segments.read(folder)
        for attempt in range(99):
            chance = Random(f"{self.kind} {self.number} {attempt}")
            segment = Segment(self.agreement.shared_topic, list(batches), chance)
            if KINDS[self.kind](segment) and segment.batches != batches:
                segments.write(folder, segment.batches)
                return
        raise AssertionError(self.kind)

    def found(self, bootstrap: str) -> tuple[set[str], set[str]]:
        """Read anew as Kyrgyzstan; return what its audit and the comparison name that is right."""
        self.topics.bootstrap = bootstrap
        after = self.readable(bootstrap)
        touched = {*_less(self.before, after), *_less(after, self.before)}
        self.read("KG", len(after))
        logs = {self.agreement.shared_topic, *map(self.agreement.shared_log, COUNTRIES)}
        with self.reader("KG") as here, self.reader("KZ") as there:
            audit = check(here, Pinned(agreement=self.agreement))
            said = compare(here, there, self.agreement)
        by_check = {f"{one.rule} {one.what}" for one in audit.breaches if one.log in logs}
        by_compare = {
            part.difference.kind
            for part in said.partitions
            if part.difference is not None and part.difference.event_id in touched
        }
        if self.kind == HONEST:
            assert not audit.breaches
            assert said.equal
        return by_check, by_compare

    def reader(self, country: str) -> Any:
        """Give the read models of a country."""
        dsn = self.databases[country].as_role("audit")
        connection = psycopg.connect(dsn)
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        return _Closing(Reader(connection, country, 1))


@dataclass
class _Closing:
    reader: Reader

    def __enter__(self) -> Reader:
        return self.reader

    def __exit__(self, *_: object) -> None:
        self.reader.connection.close()


def _less(some: list[tuple[Any, ...]], others: list[tuple[Any, ...]]) -> Iterator[UUID]:
    """Yield the ids of events that stand in one list as in no place of the other."""
    for one in some:
        if one not in others and one[2] is not None:
            try:
                yield read_stamp(one[2]).event_id
            except Exception:  # noqa: BLE001 - no event any more
                continue


def tampered(tmp_path, new_database, kinds: list[str]) -> Counter[str]:
    """Let each of these happen to a topic of its own; count who has found how many."""
    kafka = EmbeddedKafka(tmp_path / "kafka")
    ledgers = [Ledger(number, kind, new_database) for number, kind in enumerate(kinds)]
    try:
        kafka.start()
        for ledger in ledgers:
            ledger.begin(kafka.bootstrap)
        kafka.stop()
        data = tmp_path / "kafka" / "data"
        for ledger in ledgers:
            ledger.tamper(data)
        segments.forget_clean_stop(data)
        kafka.start()
        count: Counter[str] = Counter()
        missed = []
        for ledger in ledgers:
            by_check, by_compare = ledger.found(kafka.bootstrap)
            count[ledger.kind] += 1
            count["by check"] += bool(by_check)
            count["by compare"] += bool(by_compare)
            if ledger.kind != HONEST and not by_check | by_compare:
                missed.append((ledger.kind, ledger.number))
            _log.info(ledger.kind, by_check=sorted(by_check), by_compare=sorted(by_compare))
        assert [] == missed
        return count
    finally:
        kafka.stop()


@pytest.mark.soak
def test_a_rewritten_file_is_found_by_a_country_that_reads_anew(tmp_path, new_database):
    kinds = [
        "edits_a_payload", "swaps_records_of_two_origins", "cuts_the_end_off", HONEST,
        "makes_a_transaction_aborted",
    ]  # fmt: skip
    tampered(tmp_path, new_database, kinds)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_hundreds_of_rewritten_files_are_found(tmp_path, new_database):
    kinds = [kind for kind in KINDS for _ in range(6)] + [HONEST] * 12
    count = tampered(tmp_path, new_database, kinds)
    assert sum(count[kind] for kind in KINDS) >= 100
    _log.info("all", **count)
