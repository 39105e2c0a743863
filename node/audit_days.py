"""R1: what was committed of national logs, day by day, and whether ours open to what was signed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, LiteralString, NamedTuple

from events.agreement import Agreement
from events.errors import RecordRejected
from ledger.case.case import Topic
from ledger.log.checkpoint import Checkpoint
from ledger.log.commitment import Commitment, committed
from ledger.log.findings import Finding, found_without_event
from ledger.log.heads import Head
from ledger.log.merkle import CompactRange
from ledger.log.note import Note
from ledger.log.verifiers import log_verifier
from node.reading import Reader

#: A country commits to what its sealer has signed: it is a checkpoint here, or nothing at all. On
#: a day that is none nobody has committed to anything.
_DAYS: LiteralString = """
SELECT coalesce(c.log, ''),
    CASE WHEN c.day BETWEEN '0001-01-01' AND '9999-12-31' THEN c.day END,
    c.commitment, coalesce(c.note, ''), c.salt, c.size, c.root, p.root IS NOT NULL AS signed
FROM witness.commitment c
LEFT JOIN witness.checkpoint p ON (p.log, p.size, p.root) = (c.log, c.size, c.root)
ORDER BY c.log, c.day
"""
_NOTHING = Head(0, CompactRange().root)


class _Day(NamedTuple):
    log: str
    day: date
    commitment: bytes
    note: str
    salt: bytes | None
    size: int | None
    root: bytes | None
    signed: bool


def check_days(reading: Reader, agreement: Agreement) -> Iterator[Finding]:
    """Yield each commitment that is not what its country signed, or opens to something else."""
    origins = {agreement.national_log(code): code for code in agreement.countries}
    for row in map(_Day._make, reading.connection.execute(_DAYS)):
        origin = origins.get(row.log, row.log)
        is_signed = _said(agreement, origin, row) == Commitment(row.log, row.day, row.commitment)
        if not is_signed or not _opens(row, is_own=origin == reading.country):
            said: dict[str, Any] = {"topic": Topic.NATIONAL.value, "size": row.size}
            yield found_without_event("R1", "commitment_differs", origin, row.log, **said)


def _said(agreement: Agreement, origin: str, row: _Day) -> Commitment | None:
    known = agreement.countries.get(origin)
    keys = () if known is None else known.keys_named(row.log)
    try:
        note = Note.parse(row.note.encode())
        note.verified_by(map(log_verifier, keys))
        return Commitment.parse(note.text)
    except RecordRejected:
        return None


def _opens(row: _Day, *, is_own: bool) -> bool:
    """Say whether our own opens, where its salt is here: a restored database has lost all of it."""
    if not is_own or row[4:7] == (None, None, None):
        return True
    if row.salt is None or row.size is None or row.root is None:
        return False
    known = row.signed or Head(row.size, row.root) == _NOTHING
    try:
        opened = committed(row.day, Checkpoint(row.log, row.size, row.root), row.salt)
    except (RecordRejected, ValueError):  # no root, size or salt that can be
        return False
    return known and opened == row.commitment
