"""An honest history on two countries' nodes, with every note about it, for somebody to tamper with.

Stories of tests/sharing_play.py, told side by side, signed and admitted as workers, sealers and
witnesses would have done it. Times are those of the stories: long ago, so nothing is on its way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from events.agreement import Agreement, Country
from events.codec import encode
from events.contract import (
    ce_type,
    log_header,
    log_name,
    order_name,
    partition_of,
    witness_name,
)
from events.stamp import Event, leaf_hash
from ledger import mirror
from ledger.case.case import Topic
from ledger.keys.national import NationalKeys
from ledger.log.checkpoint import Checkpoint
from ledger.log.commitment import Commitment, committed
from ledger.log.cosignature import Ed25519Cosigner
from ledger.log.findings import Heard
from ledger.log.heads import Head
from ledger.log.merkle import CompactRange
from ledger.log.note import Note
from ledger.log.order import OrderNote
from ledger.log.signature import LogSigner
from ledger.mirror import Placed, Record, Stray
from projections import generation, positions
from projections.folding import fold_in
from projections.positions import Position
from tests.sharing_play import Play, told

COUNTRIES = ("KZ", "KG", "UZ")
PARTITIONS = 2
PREFIX = "h"
SECOND = timedelta(seconds=1)
#: An offset of each partition at which no event stands.
_FREE = 7
#: One checkpoint for so many events, and one order note.
EVERY = 9
#: On these days each country has committed to its national log.
DAYS = tuple(date(2025, 1, day) for day in range(1, 6))


def seed(*words: str) -> bytes:
    """Return 32 bytes that belong to a name."""
    return leaf_hash(" ".join(words).encode())


def topic_name(topic: Topic, origin: str) -> str:
    """Return Kafka's name of a topic."""
    return f"{PREFIX}.ledger" if topic is Topic.SHARED else f"{PREFIX}.national.{origin}"


def log_of(topic: str, origin: str) -> str:
    """Return the name of a log."""
    return log_name(topic_name(Topic(topic), origin), origin)


SIGNERS = {code: LogSigner(f"{code}-log", seed(code, "log")) for code in COUNTRIES}
LOGS = [log_of(topic, code) for topic in ("shared", "national") for code in COUNTRIES]
SEALERS = {log: LogSigner(log, seed(log, "sealer")) for log in LOGS}
WITNESSES = {
    code: Ed25519Cosigner(witness_name(PREFIX, code), seed(code, "witness")) for code in COUNTRIES
}
ORDERERS = {code: LogSigner(order_name(PREFIX, code), seed(code, "order")) for code in COUNTRIES}


def _country(code: str) -> Country:
    own = [SEALERS[log] for log in LOGS if log.endswith(f"/{code}")]
    keys = [one.verifier.render() for one in (*own, WITNESSES[code], ORDERERS[code])]
    log_key = SIGNERS[code].verifier.render()
    return Country(code=code, zone="Asia/Almaty", log_keys=(log_key,), note_keys=tuple(keys))


AGREEMENT = Agreement(
    name="h", prefix=PREFIX, partitions=PARTITIONS,
    countries={code: _country(code) for code in COUNTRIES},
)  # fmt: skip
KEYS = {code: NationalKeys.drawn() for code in COUNTRIES}
#: A key that is in nobody's file: one case of one country waits for it, from its second event on.
LOST = NationalKeys.drawn()
WAITING = "KG"


class Entry(NamedTuple):
    """An admitted event, and when it was there for all to read."""

    record: Record
    at: datetime
    event: Event

    @property
    def log(self) -> str:
        """The name of its log."""
        return log_of(self.record.topic, self.record.origin)


def turns(stories: Iterable[Iterable[Event]]) -> list[tuple[datetime, Event]]:
    """Tell stories side by side, each in its order, by the time at which all is recorded."""
    found = []
    for at, story in enumerate(stories):
        last = None
        for place, event in enumerate(story):
            last = max(last or event.recorded_at, event.recorded_at)
            found.append(((last, at, place), event))
    return [(key[0], event) for key, event in sorted(found, key=lambda one: one[0])]


@dataclass
class History:
    """What was said, on the shared topic and on each country's own."""

    plays: list[Play]
    shared: list[Entry] = field(default_factory=list)
    national: dict[str, list[Entry]] = field(default_factory=dict)

    @classmethod
    def told(cls, seeds: Iterable[int], *, steps: int = 14) -> History:
        """Tell some stories."""
        found = cls([told(number, steps=steps) for number in seeds])
        said = turns([one.event for one in play.topic] for play in found.plays)
        found.shared = list(_entries(Topic.SHARED, said))
        for code in COUNTRIES:
            own = [play.nodes[code].said for play in found.plays if code in play.nodes]
            said = turns([one.event for one in story] for story in own)
            lost = _waiting(own) if code == WAITING else None
            sealed = [
                (at, (LOST if event.event_id == lost else KEYS[code]).envelope(event))
                for at, event in said
            ]
            found.national[code] = list(_entries(Topic.NATIONAL, sealed))
        return found

    def of(self, country: str) -> list[Entry]:
        """Return what a country mirrors."""
        return [*self.shared, *self.national[country]]


def _waiting(stories: Iterable[Sequence[Heard]]) -> UUID:
    """Return the second event of the first story that has some more."""
    return next(story[1].event.event_id for story in stories if len(story) > 3)


def _entries(topic: Topic, said: Iterable[tuple[datetime, Event]]) -> Iterator[Entry]:
    offsets: Counter[int] = Counter()
    ranks: Counter[str] = Counter()
    for at, event in said:
        value, partition = encode(event), partition_of(event.case_id, PARTITIONS)
        offset, rank, leaf = offsets[partition], ranks[event.origin], leaf_hash(value)
        offsets[partition] += 1 + (offset + 1 == _FREE)
        ranks[event.origin] += 1
        signature = SIGNERS[event.origin].sign(log_of(topic.value, event.origin), rank, leaf)
        yield Entry(
            Record(
                topic.value, partition, offset, offset, 0, event.case_id, event.origin,
                event.version, event.event_id, leaf, rank, signature,
                ce_type(event, shared=topic is Topic.SHARED), value,
            ),
            at + SECOND, event,
        )  # fmt: skip


def checkpoint(log: str, size: int, root: bytes, at: datetime, *, by: Iterable[str]) -> Note:
    """Return a checkpoint of a log with the cosignatures of some countries."""
    note = Checkpoint(log, size, root).signed_by(SEALERS[log])
    return note.with_signatures(
        [WITNESSES[code].cosign(note.text, int(at.timestamp())) for code in by]
    )


def order_text(country: str, trees: Iterable[CompactRange]) -> Note:
    """Return the order note of a country."""
    heads = tuple(Head(tree.size, tree.root) for tree in trees)
    return OrderNote(order_name(PREFIX, country), heads).signed_by(ORDERERS[country])


@dataclass
class Node:
    """One country's node, which has mirrored an honest history and knows all notes about it."""

    country: str
    dsn: str
    history: History

    def fill(self) -> None:
        """Write everything, as worker, sealer and witness do."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            generation.ensure(connection)
            entries = self.history.of(self.country)
            mirror.append(connection, [one.record for one in entries])
            _mirrored_at(connection, entries)
            self.fold(connection)
            mirror.put_aside(connection, list(self._strays()))
            self._store(connection)
            for log in {one.log: None for one in entries}:
                self._sealed(connection, log, [one for one in entries if one.log == log])
            for code in COUNTRIES:
                self._ordered(connection, code)
                self._committed(connection, code)

    def fold(
        self,
        connection: psycopg.Connection[Any],
        *,
        strict: bool = True,
        without: frozenset[bytes] = frozenset(),
    ) -> None:
        """Fold what is mirrored into the read models, `without` some events."""
        placed = [one for one in placed_in(connection) if one.leaf not in without]
        folded = fold_in(
            connection, "read_1", placed, country=self.country, keys=KEYS[self.country]
        )
        assert not strict or len(folded.stops) == (self.country == WAITING)
        ends = connection.execute(
            'SELECT topic, partition, max("offset") + 1 FROM mirror.record GROUP BY 1, 2'
        ).fetchall()
        rows = [Position(topic, at, _TOPIC_ID, end, 0) for topic, at, end in ends]
        positions.begin(connection, "read_1", rows)

    def _strays(self) -> Iterator[Stray]:
        """Two records that changed nothing: a repeat, and something that is no event."""
        one = self.history.shared[3].record
        header = log_header(one.log_index, one.signature)
        yield Stray(
            "shared", one.partition, _FREE, "repeat", "same_bytes", one.case_id.bytes, None,
            one.leaf, header, one.origin,
        )  # fmt: skip
        other = 1 - one.partition
        yield Stray("shared", other, _FREE, "noise", "stamp", b"key", b"value", None, None, None)

    def _store(self, connection: psycopg.Connection[Any]) -> None:
        own = [one for one in self.history.of(self.country) if one.event.origin == self.country]
        numbers: Counter[Any] = Counter()
        for one in sorted(own, key=lambda entry: entry.at):
            numbers[one.event.case_id] += 1
            connection.execute(
                "INSERT INTO ledger.ledger_events VALUES (%s, %s, %s, %s)",
                (
                    one.event.case_id, numbers[one.event.case_id],
                    f"{one.record.topic}/{one.record.ce_type}", one.record.value,
                ),
            )  # fmt: skip

    def _sealed(self, connection: psycopg.Connection[Any], log: str, entries: list[Entry]) -> None:
        tree, origin = CompactRange(), log.rpartition("/")[2]
        for one in entries:
            tree.append(one.record.leaf)
            if tree.size % EVERY == 0 or tree.size == len(entries):
                at = one.at + SECOND
                others = [code for code in COUNTRIES if code != origin] if "ledger" in log else []
                note = checkpoint(log, tree.size, tree.root, at, by=others)
                connection.execute(
                    "INSERT INTO witness.checkpoint VALUES (%s, %s, %s, %s, %s)",
                    (log, tree.size, tree.root, note.render().decode(), at),
                )
                for code in others:
                    connection.execute(
                        "INSERT INTO witness.cosignature VALUES (%s, %s, %s, to_timestamp(%s))",
                        (log, tree.size, WITNESSES[code].name, int(at.timestamp())),
                    )

    def _committed(self, connection: psycopg.Connection[Any], country: str) -> None:
        """Know what a country has said of its national log, day by day; what opens it at home."""
        log, root = log_of("national", country), CompactRange().root
        for day in DAYS:
            salt = seed(country, str(day))
            said = Commitment(log, day, committed(day, Checkpoint(log, 0, root), salt))
            note = said.signed_by(SEALERS[log]).render().decode()
            opens = (salt, 0, root) if country == self.country else (None, None, None)
            connection.execute(
                "INSERT INTO witness.commitment VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (log, day, said.hash, note, *opens),
            )

    def _ordered(self, connection: psycopg.Connection[Any], country: str) -> None:
        trees = [CompactRange() for _ in range(PARTITIONS)]
        for count, one in enumerate(self.history.shared, 1):
            trees[one.record.partition].append(one.record.leaf)
            if count % EVERY == 0 or count == len(self.history.shared):
                note = order_text(country, trees).render().decode()
                for at, tree in enumerate(trees):
                    connection.execute(
                        "INSERT INTO witness.order_note VALUES (%s, %s, %s, %s, %s, %s)"
                        " ON CONFLICT DO NOTHING",
                        (country, at, tree.size, tree.root, note, one.at),
                    )


_TOPIC_ID = UUID(bytes=seed("topic")[:16])


def _mirrored_at(connection: psycopg.Connection[Any], entries: list[Entry]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE mirror.record SET mirrored_at = %s"
            ' WHERE topic = %s AND partition = %s AND "offset" = %s',
            [(one.at, *one.record[:3]) for one in entries],
        )


def placed_in(connection: psycopg.Connection[Any]) -> list[Placed]:
    """Return all that has taken effect, in order."""
    columns = ", ".join(f'"{name}"' for name in Placed._fields)
    rows = connection.execute(
        f"SELECT {columns} FROM mirror.record WHERE effect_offset IS NOT NULL"
        " ORDER BY topic DESC, partition, effect_offset, effect_rank"
    )
    return [Placed(*row) for row in rows]
