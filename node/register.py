"""The register of an agreement: what was done to the ledger itself, as it stands in the mirror."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Concatenate, NamedTuple, ParamSpec

from events.agreement import Agreement
from events.codec import decode
from events.codes import Role
from events.contract import register_id
from events.errors import RecordRejected
from events.governance import SchemasReleased
from events.registry import SCHEMAS
from events.schema_pin import began_with
from events.stamp import Event
from ledger.case.matter import Drafts, Matter
from ledger.keys.national import NationalKeys, opened
from ledger.receipt import Receipt
from node.place import Place, actor
from node.reading import Reader

P = ParamSpec("P")

#: What is done to a node is recorded even if somebody else records at the same moment.
_ATTEMPTS = 10
#: What stands for an event that cannot be read here.
UNREAD = "not readable here"


class Line(NamedTuple):
    """One event of the register at its place, and what it says as far as it can be read here."""

    topic: str
    origin: str
    version: int
    log_index: int
    partition: int
    offset: int
    leaf: bytes
    event: Event | None

    def words(self) -> dict[str, Any]:
        """Return the line as plain data."""
        event = self.event
        return {
            "topic": self.topic,
            "origin": self.origin,
            "version": self.version,
            "log_index": self.log_index,
            "position": f"{self.topic}/{self.partition}@{self.offset}",
            "leaf": self.leaf.hex(),
            "type": UNREAD if event is None else type(event).__name__,
            "recorded_at": None if event is None else event.recorded_at,
            "actor": None if event is None else event.actor.id,
            "said": {} if event is None else said(event),
        }


@dataclass(frozen=True, slots=True)
class Recording:
    """Records what is done to a node, before it takes effect."""

    decide: Callable[..., Receipt]

    def __call__(
        self, take: Callable[Concatenate[Matter, P], Drafts], /, *args: P.args, **kwargs: P.kwargs
    ) -> Receipt:
        """Take a decision of the register. A LedgerError: then it must not be done."""
        return self.decide(take, *args, **kwargs)


@contextmanager
def recording(where: Place, by: str | None) -> Iterator[Recording]:
    """Give what records acts on this node; LEDGER_PG_APPEND, or the folder, lets it write."""
    from ledger.service import open_ledger

    who = actor(by, where=where, role=Role.SYSTEM)
    register = register_id(where.agreement.prefix)
    with open_ledger(where.ledger_settings()) as ledger:
        yield Recording(ledger.on(register, by=who, retries=_ATTEMPTS).decide)


def lines(reading: Reader, agreement: Agreement) -> Iterator[Line]:
    """Yield the events of the register: the shared topic first, each topic in its order."""
    rows = reading.connection.execute(_LINES, (register_id(agreement.prefix),))
    for row in rows:
        yield Line._make((*row[:-1], _read(row[-1], reading.keys)))


def _read(value: bytes, keys: NationalKeys | None) -> Event | None:
    try:
        return opened(decode(value), keys)
    except RecordRejected:
        return None


def said(event: Event) -> dict[str, Any]:
    """Return what an event of the register says beyond its stamp; schemas by their names."""
    stamp = {one.name for one in fields(Event)}
    found = {one.name: getattr(event, one.name) for one in fields(event) if one.name not in stamp}
    if isinstance(event, SchemasReleased):
        found["schemas"] = [_NAMES.get(one, one.hex()) for one in event.schemas]
    return {name: one.hex() if isinstance(one, bytes) else one for name, one in found.items()}


class Standing(NamedTuple):
    """Whether a schema may be written with here, on one of the two topics."""

    name: str
    sha256: str
    topic: str
    #: `agreement`, the moment at which it was released, or nothing.
    since: str | datetime | None


def standings(reading: Reader, agreement: Agreement) -> list[Standing]:
    """Return how each schema of this release stands on each topic on which it may stand."""
    began = began_with(agreement.schemas)
    since: dict[tuple[str, bytes], datetime] = {}
    for line in lines(reading, agreement):
        if isinstance(line.event, SchemasReleased) and line.origin == reading.country:
            for one in line.event.schemas:
                since.setdefault((line.topic, one), line.event.recorded_at)
    found = []
    for schema in SCHEMAS:
        sha = bytes.fromhex(schema.sha256)
        for topic in ("shared", "national") if schema.visibility == "shared" else ("national",):
            when = "agreement" if sha in began else since.get((topic, sha))
            found.append(Standing(_NAMES[sha], schema.sha256, topic, when))
    return found


_NAMES = {bytes.fromhex(one.sha256): f"{one.name}.v{one.version}" for one in SCHEMAS}
_LINES = """
SELECT topic, origin, version, log_index, partition, "offset", leaf, value
FROM mirror.record
WHERE case_id = %s AND effect_offset IS NOT NULL AND log_index >= 0 AND value IS NOT NULL
ORDER BY topic DESC, effect_offset, effect_rank
"""
