"""Countries with keys for everything that is signed, mirrors filled by hand, and a witness."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import psycopg

from consumers.note_mail import NoteTopic, Read
from consumers.witness import Witness, WitnessSettings
from events.agreement import Agreement, Country
from events.contract import domestic_witness_name, order_name, witness_name
from events.stamp import leaf_hash
from ledger.log.checkpoint import Checkpoint
from ledger.log.cosignature import Ed25519Cosigner
from ledger.log.heads import Head
from ledger.log.merkle import CompactRange, root_of
from ledger.log.note import Note
from ledger.log.order import OrderNote
from ledger.log.signature import LogSigner

NOW = 1_790_000_000


def seed(name: str) -> bytes:
    return sha256(name.encode()).digest()


class Keys:
    """Every key of every country, and the agreement that pins them."""

    def __init__(
        self,
        prefix: str = "referral",
        countries: Sequence[str] = ("KZ", "KG", "UZ"),
        partitions: int = 3,
    ) -> None:
        bare = Country(code="KZ", zone="UTC", log_keys=())
        plain: dict[str, Any] = {"name": "test", "prefix": prefix, "partitions": partitions}
        names = Agreement(**plain, countries=dict.fromkeys(countries, bare))
        self.prefix = prefix
        self.sealers: dict[str, LogSigner] = {}
        self.witnesses: dict[str, Ed25519Cosigner] = {}
        self.orders: dict[str, LogSigner] = {}
        self.events = {code: LogSigner(f"{code}-log", seed(f"{code}-log")) for code in countries}
        made = {}
        for code in countries:
            logs = [names.shared_log(code), names.national_log(code)]
            cosigners = [witness_name(prefix, code), domestic_witness_name(prefix, code)]
            order = order_name(prefix, code)
            self.sealers |= {log: LogSigner(log, seed(log)) for log in logs}
            self.witnesses |= {name: Ed25519Cosigner(name, seed(name)) for name in cosigners}
            self.orders[code] = LogSigner(order, seed(order))
            signers = [self.sealers[log] for log in logs]
            signers += [self.witnesses[name] for name in cosigners]
            made[code] = Country(
                code=code,
                zone="UTC",
                log_keys=(self.events[code].verifier.render(),),
                note_keys=tuple(one.verifier.render() for one in (*signers, self.orders[code])),
            )
        self.agreement = Agreement(**plain, countries=made)

    def witness(self, code: str) -> Ed25519Cosigner:
        """Return the witness key of a country."""
        return self.witnesses[witness_name(self.prefix, code)]

    def checkpoint(self, log: str, leaves: Sequence[bytes], *by: str) -> Note:
        """Return the signed head of these leaves, cosigned by some countries."""
        note = Checkpoint(log, len(leaves), root_of(leaves)).signed_by(self.sealers[log])
        lines = [self.witness(code).cosign(note.text, NOW) for code in by]
        return note.with_signatures(lines) if lines else note

    def order(self, code: str, orders: Sequence[Sequence[bytes]]) -> Note:
        """Return a country's order note."""
        heads = tuple(Head(len(leaves), root_of(leaves)) for leaves in orders)
        return OrderNote(order_name(self.prefix, code), heads).signed_by(self.orders[code])


class Event(NamedTuple):
    """An event at its place in its origin's log and on the topic; what it says does not matter."""

    origin: str
    index: int
    partition: int
    value: bytes

    @property
    def leaf(self) -> bytes:
        return leaf_hash(self.value)


def events_of(chance: random.Random, many: int, keys: Keys) -> list[Event]:
    """Return events of all countries, in the order in which they were written."""
    countries, ranks, found = [*keys.agreement.countries], {}, []
    for _ in range(many):
        origin = chance.choice(countries)
        ranks[origin] = ranks.get(origin, -1) + 1
        partition = chance.randrange(keys.agreement.partitions)
        found.append(Event(origin, ranks[origin], partition, chance.randbytes(40)))
    return found


def log_of(events: Iterable[Event], origin: str) -> list[bytes]:
    """Return the leaves of an origin's log."""
    mine = sorted((one for one in events if one.origin == origin), key=lambda one: one.index)
    return [one.leaf for one in mine]


def orders_of(events: Iterable[Event], partitions: int) -> list[list[bytes]]:
    """Return the leaves of every partition, in the topic's order."""
    found: list[list[bytes]] = [[] for _ in range(partitions)]
    for one in events:
        found[one.partition].append(one.leaf)
    return found


@dataclass
class Posted:
    """Where notes are put that a test looks at, and nobody else."""

    notes: list[tuple[str, str, Note]] = field(default_factory=list)

    def put(self, topic: NoteTopic, key: str, note: bytes) -> None:
        self.notes.append((topic.name, key, Note.parse(note)))

    def of(self, key: str) -> list[Note]:
        return [note for _, named, note in self.notes if named == key]

    def sizes(self, log: str) -> list[int]:
        return [Checkpoint.parse(note.text).size for note in self.of(log)]


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    at: float = 1_000.0

    def __call__(self) -> float:
        return self.at


class Bench:
    """One country's witness on its own database, without a topic: what it reads is given to it."""

    def __init__(self, keys: Keys, code: str, database: Any, folder: Path) -> None:
        self.keys, self.code, self.database = keys, code, database
        self.folder = folder
        self.clock = Clock()
        self.posted = Posted()
        self._offsets: dict[tuple[str, int], int] = {}
        self._notes = 0
        self.connection = psycopg.connect(database.as_role("witness"), autocommit=True)
        self._owner = psycopg.connect(database.dsn, autocommit=True)
        self.witness = self.started()

    def settings(self, **changes: Any) -> WitnessSettings:
        keys, code = self.keys, self.code
        given = WitnessSettings(
            agreement=keys.agreement,
            country=code,
            dsn=self.database.as_role("witness"),
            kafka={},
            national_kafka={},
            heads=self.folder / f"{code}-heads.json",
            signers={
                **{one.name: (one,) for one in (keys.orders[code], keys.witness(code))},
                **{
                    name: (keys.witnesses[name],)
                    for name in [domestic_witness_name(keys.prefix, code)]
                },
            },
        )
        return replace(given, **changes)

    def started(self) -> Witness:
        """Begin again, as a new process does."""
        self.witness = self.made()
        assert self.witness._is_only_one(self.connection)
        return self.witness

    def made(self, **changes: Any) -> Witness:
        """Return another witness of this country."""
        return Witness(
            self.settings(**changes), clock=self.clock, now=lambda: NOW, post=self.posted
        )

    def mirrors(self, *events: Event, topic: str = "shared") -> None:
        """Put events into the mirror, behind what is there."""
        rows = []
        for one in events:
            place = (topic, one.partition)
            offset = self._offsets.get(place, 0)
            self._offsets[place] = offset + 1
            rows.append(self._row(one, topic, offset))
        self._owner.cursor().executemany(_MIRROR, rows)

    def _row(self, one: Event, topic: str, offset: int) -> tuple[Any, ...]:
        log = self.keys.agreement.log(topic, one.origin)
        signature = self.keys.events[one.origin].sign(log, one.index, one.leaf)
        return (
            topic, one.partition, offset, offset, 0, uuid4(), one.origin, 1, uuid4(), one.leaf,
            one.index, signature, "X", one.value,
        )  # fmt: skip

    def hears(self, *notes: Note | bytes) -> None:
        """Let it read notes from the topic of the shared logs."""
        found = []
        for note in notes:
            found.append(Read(self._notes, note if isinstance(note, bytes) else note.render()))
            self._notes += 1
        topic = self.keys.agreement.checkpoints_topic
        self.witness.take(self.connection, topic, UUID(int=7), found)

    def looks(self) -> None:
        """Let it go on with what is there."""
        self.witness.go_on(self.connection)

    def alarms(self) -> list[tuple[Any, ...]]:
        """Return rule, log, partition and size of the faults that were found, oldest first."""
        rows: list[tuple[Any, ...]] = self.database.run(
            "SELECT rule, log, partition, size FROM witness.alarm WHERE resolved_at IS NULL"
            " ORDER BY found_at"
        )
        return rows

    def resolved(self) -> None:
        """Let a person say that what was found is resolved."""
        self.database.run("UPDATE witness.alarm SET resolved_at = now(), resolved_by = 'dpo'")

    def cosigned(self, origin: str) -> list[int]:
        """Return the sizes of a country's shared log that it has put on the topic cosigned."""
        log = self.keys.agreement.shared_log(origin)
        for note in self.posted.of(log):
            note.verified_by([self.keys.witness(self.code).verifier])
        return self.posted.sizes(log)

    def emptied(self) -> None:
        """Forget everything, for a run of its own."""
        for table in _KEPT:
            self._owner.execute(f"DELETE FROM {table}")
        self._offsets.clear()
        self.posted.notes.clear()
        (self.folder / f"{self.code}-heads.json").unlink(missing_ok=True)
        self.started()

    def close(self) -> None:
        self.connection.close()
        self._owner.close()


def tree_of(leaves: Iterable[bytes]) -> CompactRange:
    tree = CompactRange()
    for leaf in leaves:
        tree.append(leaf)
    return tree


_MIRROR = (
    'INSERT INTO mirror.record (topic, partition, "offset", effect_offset, effect_rank, case_id,'
    " origin, version, event_id, leaf, log_index, signature, ce_type, value)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
_KEPT = (
    "mirror.record", "witness.cosignature", "witness.checkpoint", "witness.order_note",
    "witness.alarm", "witness.position", "witness.commitment",
)  # fmt: skip
