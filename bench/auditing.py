"""audit: `ledger audit check` over 1,000,000 honest events with every note about them.

A country's mirror as its worker leaves it, with a checkpoint for each 256 events of a log, cosigned
by the other country, and order notes of both; read models from a rebuild. What is found here is a
false alarm: the line says how many, and one of them ends the run with exit code 1.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from itertools import islice
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import psycopg

from bench.harness import Effort, Watch, say
from bench.histories import KEYS, Entry, entries
from bench.play import COUNTRIES
from bench.servers import Servers
from events.agreement import Agreement, Country
from events.codec import read_stamp
from events.contract import order_name, partition_of, witness_name
from events.stamp import leaf_hash
from ledger import mirror
from ledger.case.case import Topic
from ledger.keys.national import NationalKeys
from ledger.log.checkpoint import Checkpoint
from ledger.log.cosignature import Ed25519Cosigner
from ledger.log.heads import Head
from ledger.log.merkle import CompactRange
from ledger.log.order import OrderNote
from ledger.log.signature import LogSigner
from node.audit_logs import Pinned
from node.auditing import check
from node.reading import Reader
from projections import generation, positions
from projections.positions import Position
from projections.rebuild import rebuild

_COUNTRY = "KG"
_PARTITIONS, _CHUNK = 12, 10_000
#: Events of a log between two of its checkpoints.
CHECKPOINT_EVERY = 256
_SEED = b"a key of a benchmark, no secret."


@dataclass(frozen=True, slots=True)
class Outcome:
    """The line that `audit` prints."""

    name: str
    events: int
    #: What was found in an honest history, by rule.
    false_alarms: int
    found: Mapping[str, int]
    checkpoints: int
    seconds: float
    events_per_second: float
    #: What was killed or restarted meanwhile, and how often.
    killed: Mapping[str, int]

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return self.false_alarms == 0

    def line(self) -> str:
        """Return the outcome as one JSON object."""
        return json.dumps(asdict(self))


def run(servers: Servers, effort: Effort) -> Iterator[Outcome]:
    """Fill, rebuild, check."""
    count = effort.events_or(1_000_000, quick=3_000)
    with servers.database("audit") as dsn:
        say(f"audit: {count:,} events into a mirror")
        honest = _Honest()
        with psycopg.connect(dsn, autocommit=True) as connection:
            honest.fill(connection, count)
        say("audit: read models")
        rebuild(dsn, country=_COUNTRY, keys=KEYS, expect_difference="there was nothing yet")
        say("audit: check")
        with psycopg.connect(dsn) as connection:
            yield audited("audit", connection, _COUNTRY, honest.agreement, KEYS)


def audited(
    name: str,
    connection: psycopg.Connection[Any],
    country: str,
    agreement: Agreement,
    keys: NationalKeys,
    *,
    killed: Mapping[str, int] = MappingProxyType({}),
) -> Outcome:
    """Audit a node; the alarms that it has raised itself count, too."""
    number = generation.current(connection)
    assert number is not None
    watch = Watch()
    audit = check(Reader(connection, country, number), Pinned(agreement=agreement), keys=keys)
    seconds = watch.seconds
    alarms = connection.execute("SELECT rule, log, words FROM witness.alarm").fetchall()
    for one in [*audit.breaches[:5], *alarms[:5]]:
        say(str(one))
    found = Counter({f"{rule} {what}": many for (rule, what), many in audit.found.items()})
    found.update(f"alarm {rule}" for rule, *_ in alarms)
    return Outcome(
        name,
        audit.counts.events,
        found.total(),
        dict(found),
        sum(one.checkpoints for one in audit.logs),
        round(seconds, 1),
        round(audit.counts.events / seconds),
        dict(killed),
    )


@dataclass
class _Honest:
    """A mirror whose events and notes are what honest programs make of them."""

    _logs: dict[str, CompactRange] = field(default_factory=dict)
    _orders: list[CompactRange] = field(
        default_factory=lambda: [CompactRange() for _ in range(_PARTITIONS)]
    )
    _ends: Counter[tuple[str, int]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._signers = {code: LogSigner(f"{code}-log", _SEED) for code in COUNTRIES}
        self._witnesses = {
            code: Ed25519Cosigner(witness_name("bench", code), _SEED) for code in COUNTRIES
        }
        bare = {code: Country(code=code, zone="UTC", log_keys=()) for code in COUNTRIES}
        self.agreement = Agreement(
            name="bench", prefix="bench", partitions=_PARTITIONS, countries=bare
        )
        countries = {code: self._country(code) for code in COUNTRIES}
        self.agreement = replace(self.agreement, countries=countries)

    def _country(self, code: str) -> Country:
        names = [self.agreement.log(topic, code) for topic in ("shared", "national")]
        names.append(order_name("bench", code))
        keys = [LogSigner(name, _SEED).verifier.render() for name in names]
        keys.append(self._witnesses[code].verifier.render())
        log_key = self._signers[code].verifier.render()
        return Country(code=code, zone="UTC", log_keys=(log_key,), note_keys=tuple(keys))

    def fill(self, connection: psycopg.Connection[Any], count: int) -> None:
        """Write everything but the read models."""
        generation.ensure(connection)
        told = (one for one in entries() if one.topic is Topic.SHARED or one.origin == _COUNTRY)
        left = islice(told, count)
        while chunk := list(islice(left, _CHUNK)):
            self._append(connection, chunk)
        ends = [Position(*part, uuid4(), end, 0) for part, end in self._ends.items()]
        positions.begin(connection, "read_1", ends)
        connection.execute("VACUUM (ANALYZE) mirror.record")

    def _append(self, connection: psycopg.Connection[Any], chunk: Sequence[Entry]) -> None:
        notes: list[tuple[str, tuple[Any, ...]]] = []
        with connection.transaction():
            mirror.append(connection, [self._record(one, notes) for one in chunk])
            cursor = connection.cursor()
            for statement in dict.fromkeys(statement for statement, _ in notes):
                rows = [row for one, row in notes if one == statement]
                cursor.executemany(statement, rows)

    def _record(self, entry: Entry, notes: list[tuple[str, tuple[Any, ...]]]) -> mirror.Record:
        value = entry.carried()
        stamp, leaf = read_stamp(value), leaf_hash(value)
        topic, partition = entry.topic.value, partition_of(entry.case_id, _PARTITIONS)
        offset = self._ends[topic, partition]
        self._ends[topic, partition] += 1
        log = self.agreement.log(topic, entry.origin)
        tree = self._logs.setdefault(log, CompactRange())
        index = tree.size
        tree.append(leaf)
        if topic == Topic.SHARED:
            self._orders[partition].append(leaf)
        if tree.size % CHECKPOINT_EVERY == 0:
            notes += self._sealed(log, topic, entry.origin, tree, stamp.recorded_at)
        return mirror.Record(
            topic, partition, offset, offset, 0, entry.case_id, entry.origin, stamp.version,
            stamp.event_id, leaf, index, self._signers[entry.origin].sign(log, index, leaf),
            entry.name, value,
        )  # fmt: skip

    def _sealed(
        self, log: str, topic: str, origin: str, tree: CompactRange, at: datetime
    ) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Yield what sealer, witness and order watch say then."""
        other = next(code for code in COUNTRIES if code != origin)
        note = Checkpoint(log, tree.size, tree.root).signed_by(LogSigner(log, _SEED))
        seconds = int(at.timestamp()) + 2
        if topic == Topic.SHARED:
            note = note.with_signatures([self._witnesses[other].cosign(note.text, seconds)])
        text = note.render().decode()
        yield _CHECKPOINT, (log, tree.size, tree.root, text, at)
        if topic == Topic.SHARED:
            yield _COSIGNATURE, (log, tree.size, self._witnesses[other].name, seconds)
            heads = tuple(Head(one.size, one.root) for one in self._orders)
            name = order_name("bench", origin)
            order = OrderNote(name, heads).signed_by(LogSigner(name, _SEED)).render().decode()
            for partition, head in enumerate(heads):
                yield _ORDER, (origin, partition, *head, order, at)


_CHECKPOINT = "INSERT INTO witness.checkpoint VALUES (%s, %s, %s, %s, %s)"
_COSIGNATURE = "INSERT INTO witness.cosignature VALUES (%s, %s, %s, to_timestamp(%s))"
_ORDER = "INSERT INTO witness.order_note VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
