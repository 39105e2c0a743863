"""A node's mirror for auditors: stories as a worker would have read them, signed and witnessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from events.codec import encode
from events.contract import log_name, order_name, witness_name
from events.stamp import leaf_hash
from ledger import mirror
from ledger.case.case import Topic
from ledger.keys.national import NationalKeys
from ledger.log.checkpoint import Checkpoint
from ledger.log.cosignature import Ed25519Cosigner
from ledger.log.findings import Heard
from ledger.log.heads import Head
from ledger.log.merkle import CompactRange
from ledger.log.order import OrderNote
from ledger.log.signature import LogSigner
from ledger.mirror import Placed, Record
from projections import generation, positions
from projections.folding import fold_in
from projections.positions import Position

COUNTRIES = ("KZ", "KG", "UZ")
SIGNERS = {code: LogSigner(f"{code}-log", code.encode() * 16) for code in COUNTRIES}
#: Begins the bytes of an event of a schema that nobody here has.
UNKNOWN = b"\xc3\x01" + b"\x99" * 8
TOPICS = {Topic.SHARED: "t.ledger", Topic.NATIONAL: "t.national.{country}"}


def agreement_text() -> str:
    """Return an agreement of one partition, so that one order is all orders."""
    rows = "".join(
        f'[countries.{code}]\nzone = "Asia/Almaty"\nlog_keys = ["{one.verifier.render()}"]\n'
        f'note_keys = ["{sealer(code).verifier.render()}", "{orderer(code).verifier.render()}",'
        f' "{cosigner(code).verifier.render()}"]\n'
        for code, one in SIGNERS.items()
    )
    return f'name = "t"\nprefix = "t"\npartitions = 1\n{rows}'


def sealer(origin: str) -> LogSigner:
    """Return the key that signs checkpoints of a country's shared log."""
    return LogSigner(log_name(TOPICS[Topic.SHARED], origin), origin.encode() * 16)


def cosigner(country: str) -> Ed25519Cosigner:
    """Return the key with which a country cosigns what others have sealed."""
    return Ed25519Cosigner(witness_name("t", country), country.encode() * 16)


def orderer(country: str) -> LogSigner:
    """Return the key that signs in which order a country heard the shared topic."""
    return LogSigner(order_name("t", country), country.encode() * 16)


def records(
    topic: Topic, said: Iterable[Heard], country: str, keys: NationalKeys | None = None
) -> Iterator[Record]:
    """Yield events as they stand in a mirror, those of the national topic in envelopes."""
    ranks: Counter[str] = Counter()
    for offset, heard in enumerate(said):
        event = heard.event if keys is None else keys.envelope(heard.event)
        value, origin = encode(event), event.origin
        leaf, rank = leaf_hash(value), ranks[origin]
        ranks[origin] += 1
        log = log_name(TOPICS[topic].format(country=country), origin)
        yield Record(
            topic.value, 0, offset, offset, 0, event.case_id, origin, event.version,
            event.event_id, leaf, rank, SIGNERS[origin].sign(log, rank, leaf),
            type(event).__name__, value,
        )  # fmt: skip


def _unknown(record: Record) -> Record:
    """Return an event under a schema of a later release, as its country signed it."""
    value = UNKNOWN + record.value[len(UNKNOWN) :]
    leaf, log = leaf_hash(value), log_name(TOPICS[Topic.SHARED], record.origin)
    signature = SIGNERS[record.origin].sign(log, record.log_index, leaf)
    return record._replace(value=value, leaf=leaf, signature=signature)


@dataclass
class Mirror:
    """One country's database."""

    database: Any
    country: str
    keys: NationalKeys
    kept: list[Record] = field(default_factory=list)

    def read(
        self,
        shared: Iterable[Heard],
        national: Iterable[Heard] = (),
        *,
        unknown: Collection[int] = (),
    ) -> None:
        """Let its worker read these stories, from the beginning of both topics.

        Shared events at the `unknown` offsets come under a schema that is not installed here.
        """
        said = records(Topic.SHARED, shared, self.country)
        self.kept = [_unknown(one) if one.offset in unknown else one for one in said]
        self.kept += records(Topic.NATIONAL, national, self.country, self.keys)
        placed = [Placed(*one[:8], one.leaf, one.ce_type, one.value) for one in self.kept]
        with psycopg.connect(self.database.as_role("project"), autocommit=True) as connection:
            generation.ensure(connection)
            mirror.append(connection, self.kept)
            fold_in(connection, "read_1", placed, country=self.country, keys=self.keys)
            positions.begin(connection, "read_1", self._positions())
        # Everything came some time ago: nothing is on its way.
        self.run("UPDATE mirror.record SET mirrored_at = now() - interval '1 hour'")

    def _positions(self) -> Iterator[Position]:
        """Yield how far it has read: behind the last record of each topic."""
        for topic, read in Counter(one.topic for one in self.kept).items():
            yield Position(topic, 0, UUID(int=1), read, 0)

    def run(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a statement as the owner of everything."""
        rows: list[tuple[Any, ...]] = self.database.run(statement, *parameters)
        return rows

    def signed(self, origin: str, size: int, *, cosigned_at: datetime | None = None) -> None:
        """Know a checkpoint of a country's shared log, and a cosignature if there is one."""
        log = log_name(TOPICS[Topic.SHARED], origin)
        tree = CompactRange()
        for one in [one for one in self.kept if (one.topic, one.origin) == ("shared", origin)]:
            if tree.size < size:
                tree.append(one.leaf)
        note = Checkpoint(log, size, tree.root).signed_by(sealer(origin))
        if cosigned_at is not None:
            cosigned_at = cosigned_at.replace(microsecond=0)
            line = cosigner("KG").cosign(note.text, int(cosigned_at.timestamp()))
            note = note.with_signatures([line])
        self.database.run(
            "INSERT INTO witness.checkpoint VALUES (%s, %s, %s, %s, now() - interval '1 hour')",
            log, size, tree.root, note.render().decode(),
        )  # fmt: skip
        if cosigned_at is not None:
            self.database.run(
                "INSERT INTO witness.cosignature VALUES (%s, %s, 't.witness/KG', %s)",
                log, size, cosigned_at,
            )  # fmt: skip

    def ordered(self, country: str, size: int, *, swapped: bool = False) -> None:
        """Know an order note of a country."""
        leaves = [one.leaf for one in self.kept if one.topic == "shared"][:size]
        tree = CompactRange()
        for leaf in (*leaves[1::-1], *leaves[2:]) if swapped else leaves:
            tree.append(leaf)
        name, head = order_name("t", country), Head(size, tree.root)
        note = OrderNote(name, (head,)).signed_by(orderer(country)).render().decode()
        self.database.run(
            "INSERT INTO witness.order_note VALUES (%s, 0, %s, %s, %s)", country, *head, note
        )


def made(database: Any, folder: Path, monkeypatch: Any, country: str = "KG") -> Mirror:
    """Return a node without events; verbs find it by settings."""
    key_file = folder / f"{country}-national.key"
    keys = NationalKeys.create(key_file)
    agreement = folder / "agreement.toml"
    agreement.write_text(agreement_text())
    monkeypatch.setenv("LEDGER_AGREEMENT", str(agreement))
    monkeypatch.setenv("LEDGER_COUNTRY", country)
    monkeypatch.setenv("LEDGER_PG", database.as_role("audit"))
    monkeypatch.setenv("LEDGER_NATIONAL_KEY_FILE", str(key_file))
    return Mirror(database, country, keys)
