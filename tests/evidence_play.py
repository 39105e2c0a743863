"""A node's mirror full of stories, and checkpoints of its logs under real signatures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg

from events.agreement import Agreement, Country
from events.codec import encode
from events.contract import domestic_witness_name, witness_name
from events.national import NationalEvent
from events.stamp import leaf_hash
from ledger import mirror
from ledger.case.case import Topic
from ledger.keys.national import NationalKeys
from ledger.log.checkpoint import Checkpoint
from ledger.log.cosignature import Ed25519Cosigner
from ledger.log.merkle import root_of
from ledger.log.note import Note
from ledger.log.signature import LogSigner
from ledger.mirror import Placed, Record
from projections import generation
from projections.folding import fold_in

COUNTRIES = ("KZ", "KG", "UZ")
PREFIX = "referral"
#: A checkpoint each so many entries, in this second of 2026 and so on.
EVERY = 7
BEGIN = 1_780_000_000


def seed(name: str) -> bytes:
    return sha256(name.encode()).digest()


@dataclass
class Notary:
    """Every key of every country: of events, of checkpoints, of witnesses."""

    agreement: Agreement = field(init=False)

    def __post_init__(self) -> None:
        bare = Country(code="KZ", zone="Asia/Almaty", log_keys=())
        plain = {"name": "t", "prefix": PREFIX, "partitions": 1}
        names = Agreement(**plain, countries=dict.fromkeys(COUNTRIES, bare))
        self._sealers, self._witnesses, countries = {}, {}, {}
        for code in COUNTRIES:
            logs = [names.shared_log(code), names.national_log(code)]
            witnesses = [witness_name(PREFIX, code), domestic_witness_name(PREFIX, code)]
            self._sealers |= {log: LogSigner(log, seed(log)) for log in logs}
            self._witnesses |= {name: Ed25519Cosigner(name, seed(name)) for name in witnesses}
            countries[code] = Country(
                code=code,
                zone="Asia/Almaty",
                log_keys=(self.events(code).verifier.render(),),
                note_keys=(
                    *(self._sealers[log].verifier.render() for log in logs),
                    *(self._witnesses[name].verifier.render() for name in witnesses),
                ),
            )
        self.agreement = Agreement(**plain, countries=countries)

    def events(self, code: str) -> LogSigner:
        return LogSigner(f"{code}-log", seed(code))

    def checkpoint(self, log: str, leaves: list[bytes], at: int, *by: str) -> Note:
        """Return a checkpoint cosigned by some countries; a national log has its own witness."""
        signed = Checkpoint(log, len(leaves), root_of(leaves)).signed_by(self._sealers[log])
        names = [
            witness_name(PREFIX, code) if ".national." not in log
            else domestic_witness_name(PREFIX, code) for code in by
        ]  # fmt: skip
        lines = [self._witnesses[name].cosign(signed.text, at) for name in names]
        return signed.with_signatures(lines) if lines else signed


class Mirror:
    """What a node has mirrored: events of stories at their places, and checkpoints over them."""

    def __init__(self, database: Any, keys: NationalKeys, notary: Notary) -> None:
        self.database = database
        self.keys = keys
        self.notary = notary
        self.logs: dict[str, list[bytes]] = defaultdict(list)
        self._offsets: dict[Topic, int] = defaultdict(int)

    def read(self, topic: Topic, events: Iterable[Any]) -> None:
        """Mirror and project events in this order."""
        records = [self._record(topic, event) for event in events]
        placed = [Placed(*one[:8], one.leaf, one.ce_type, one.value) for one in records]
        with psycopg.connect(self.database.as_role("project"), autocommit=True) as connection:
            generation.ensure(connection)
            mirror.append(connection, records)
            fold_in(connection, "read_1", placed, country="KG", keys=self.keys)

    def _record(self, topic: Topic, event: Any) -> Record:
        bare = topic is Topic.NATIONAL and not isinstance(event, NationalEvent)
        value = encode(self.keys.envelope(event) if bare else event)
        agreement, leaf = self.notary.agreement, leaf_hash(value)
        shared = topic is Topic.SHARED
        log = (agreement.shared_log if shared else agreement.national_log)(event.origin)
        index, offset = len(self.logs[log]), self._offsets[topic]
        self.logs[log].append(leaf)
        self._offsets[topic] += 1
        signature = self.notary.events(event.origin).sign(log, index, leaf)
        name = type(event).__name__ if shared else "NationalEvent"
        return Record(
            topic.value, 0, offset, offset, 0, event.case_id, event.origin, event.version,
            event.event_id, leaf, index, signature, name, value,
        )  # fmt: skip

    def sealed(self, *, short_of: int = 0) -> None:
        """Put checkpoints of every log there, up to some entries before its end."""
        for log, leaves in self.logs.items():
            end = len(leaves) - short_of
            origin = log.rpartition("/")[2]
            shared = ".national." not in log
            by = [code for code in COUNTRIES if code != origin] if shared else [origin]
            for size in sorted({*range(EVERY, end, EVERY), end} - {0}):
                note = self.notary.checkpoint(log, leaves[:size], BEGIN + size, *by)
                self.put(log, size, note)

    def put(self, log: str, size: int, note: Note) -> None:
        root = Checkpoint.parse(note.text).root
        self.database.run(
            "INSERT INTO witness.checkpoint (log, size, root, note) VALUES (%s, %s, %s, %s)",
            log, size, root, note.render().decode(),
        )  # fmt: skip


def settings(monkeypatch: Any, folder: Path, database: Any, notary: Notary) -> None:
    """Let verbs find the node."""
    agreement = folder / "agreement.toml"
    agreement.write_text(notary.agreement.render())
    monkeypatch.setenv("LEDGER_AGREEMENT", str(agreement))
    monkeypatch.setenv("LEDGER_COUNTRY", "KG")
    monkeypatch.setenv("LEDGER_PG", database.as_role("audit"))
    monkeypatch.setenv("LEDGER_NATIONAL_KEY_FILE", str(folder / "national.key"))
