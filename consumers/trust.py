"""Whose signature under a note counts: what the agreement pins, and nothing that a note says.

Whoever may write to a topic of notes may write anything there. What no pinned key has signed is
noise; it stops nobody and is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from psycopg import Connection

from events.agreement import Agreement
from events.contract import domestic_witness_name, order_name, witness_name
from events.errors import RecordRejected
from ledger.case.case import Topic
from ledger.log.checkpoint import Checkpoint
from ledger.log.commitment import DAY, Commitment
from ledger.log.cosignature import cosigned_at
from ledger.log.mirrored import LogName
from ledger.log.note import Note, SignatureLine, Verifier
from ledger.log.order import OrderNote
from ledger.log.signature import LogVerifier
from ledger.log.succession import have_successors, turns
from ledger.log.verifiers import log_verifier, witness_verifier

#: Seconds of the year 9999: what PostgreSQL and Python can say as a time.
_LAST_TIME: Final = 253_402_300_799


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A log, and whose keys count for it."""

    log: LogName
    #: Of its checkpoints.
    sealers: Sequence[Verifier]
    #: Of its cosignatures.
    witnesses: Sequence[Verifier]
    #: Of its events.
    events: Sequence[LogVerifier]
    #: Prefix of its topics.
    prefix: str

    def sealers_at(self, database: Connection[Any], size: int) -> Sequence[Verifier]:
        """Return whose turn it is to sign a checkpoint of a size, as far as this mirror knows."""
        pinned = [one.render() for one in self.sealers]
        if self.log.topic != Topic.SHARED or not have_successors(pinned):
            return self.sealers
        known = turns(database, pinned, prefix=self.prefix, origin=self.log.origin)
        return [one for one in self.sealers if known.may_seal(one.render(), size)]


class Signed(NamedTuple):
    """A checkpoint that its log has signed."""

    checkpoint: Checkpoint
    #: The text and the lines of known keys alone.
    note: Note
    cosignatures: tuple[SignatureLine, ...]


class Ordered(NamedTuple):
    """An order note that its country has signed."""

    country: str
    order: OrderNote
    note: Note


class Committed(NamedTuple):
    """A commitment to a national log that its country has signed."""

    commitment: Commitment
    note: Note


class Trust:
    """The keys of an agreement, as one country's witness uses them."""

    def __init__(
        self, agreement: Agreement, country: str, strangers: Iterable[Verifier] = ()
    ) -> None:
        """`strangers` are witnesses beyond the agreement that cosign this country's shared log."""
        self._partitions = agreement.partitions
        logs = [
            _shared(agreement, code, strangers if code == country else ())
            for code in agreement.countries
        ]
        logs.append(_national(agreement, country))
        #: By name: every country's log of the shared topic, and this country's national one.
        self.logs: Mapping[str, Known] = {one.log.name: one for one in logs}
        self.orders: Mapping[str, tuple[str, Sequence[Verifier]]] = {
            order_name(agreement.prefix, code): (code, _keys(agreement, code, name))
            for code in agreement.countries
            for name in [order_name(agreement.prefix, code)]
        }

        #: By first line: the keys that sign what is committed of a national log, day by day.
        self.days: Mapping[str, Sequence[Verifier]] = {
            log + DAY: _keys(agreement, code, log)
            for code in agreement.countries
            for log in [agreement.national_log(code)]
        }

    def judged(self, data: bytes) -> Signed | Ordered | Committed:
        """Return what a note proves to be; RecordRejected, with any rule, if it is noise."""
        note = Note.parse(data)
        name = note.text.partition("\n")[0]
        if name in self.orders:
            country, keys = self.orders[name]
            note = Note(note.text, note.verified_by(keys))
            return Ordered(country, OrderNote.parse(note.text, self._partitions), note)
        if name in self.days:
            note = Note(note.text, note.verified_by(self.days[name]))
            return Committed(Commitment.parse(note.text), note)
        if name not in self.logs:
            raise RecordRejected("nobody knows a log of this name", rule="note_signature")
        return _signed(note, self.logs[name])


def _signed(note: Note, known: Known) -> Signed:
    checkpoint = Checkpoint.parse(note.text)
    lines = note.verified_by([*known.sealers, *known.witnesses])
    witnesses = {(one.name, one.key_id) for one in known.witnesses}
    by = tuple(line for line in lines if (line.name, line.key_id) in witnesses)
    if len(by) == len(lines):
        raise RecordRejected("its log has not signed this note", rule="note_signature")
    if any(not 0 < cosigned_at(line) <= _LAST_TIME for line in by):
        raise RecordRejected("a cosignature has a time that is none", rule="cosignature")
    return Signed(checkpoint, Note(note.text, lines), by)


def _shared(agreement: Agreement, origin: str, strangers: Iterable[Verifier]) -> Known:
    others = [code for code in agreement.countries if code != origin]
    named = [(code, witness_name(agreement.prefix, code)) for code in others]
    witnesses = [key for code, name in named for key in _witness_keys(agreement, code, name)]
    log = LogName(agreement.shared_log(origin), Topic.SHARED.value, origin)
    return _known(agreement, log, [*witnesses, *strangers])


def _national(agreement: Agreement, country: str) -> Known:
    name = domestic_witness_name(agreement.prefix, country)
    log = LogName(agreement.national_log(country), Topic.NATIONAL.value, country)
    return _known(agreement, log, _witness_keys(agreement, country, name))


def _known(agreement: Agreement, log: LogName, witnesses: Sequence[Verifier]) -> Known:
    events = agreement.countries[log.origin].log_keys
    return Known(
        log=log,
        sealers=_keys(agreement, log.origin, log.name),
        witnesses=witnesses,
        events=[LogVerifier.parse(text) for text in events],
        prefix=agreement.prefix,
    )


def _keys(agreement: Agreement, country: str, name: str) -> list[Verifier]:
    return [log_verifier(text) for text in agreement.countries[country].keys_named(name)]


def _witness_keys(agreement: Agreement, country: str, name: str) -> list[Verifier]:
    return [witness_verifier(text) for text in agreement.countries[country].keys_named(name)]
