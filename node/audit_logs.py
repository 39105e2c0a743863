"""The mirror read log by log, against checkpoints and cosignatures (R1, R10)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from events.agreement import Agreement
from events.codec import Stamp, read_stamp
from events.contract import (
    domestic_witness_name,
    log_name,
    partition_of,
    witness_name,
)
from events.errors import RecordRejected
from events.stamp import NOTHING_SEEN, leaf_hash
from ledger.case.case import Topic
from ledger.log.checkpoint import Checkpoint, signed_checkpoint
from ledger.log.cosignature import cosigned_at
from ledger.log.findings import Finding, Heard, found, found_without_event
from ledger.log.mirrored import LogName
from ledger.log.note import Note, Verifier
from ledger.log.rule_log import TOLERANCE, Known, Leaf, LogRules, check_signature
from ledger.log.signature import LogVerifier
from ledger.log.succession import Turns, have_successors, turns
from ledger.log.verifiers import log_verifier, witness_verifier
from node.audit_rows import WHOLE, bounded, doubled, timely
from node.audit_turns import sealers, signers
from node.reading import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """What is known of an agreement beforehand, and public: it is no key to any data."""

    agreement: Agreement
    tolerance: timedelta = TOLERANCE

    def log_keys(self, origin: str) -> list[LogVerifier]:
        """Return the keys that sign a country's events."""
        known = self.agreement.countries.get(origin)
        return [] if known is None else [LogVerifier.parse(key) for key in known.log_keys]

    def checkpoint_keys(self, log: LogName) -> list[Verifier]:
        """Return the keys that sign a log's checkpoints; they have its name."""
        known = self.agreement.countries.get(log.origin)
        return [] if known is None else [log_verifier(key) for key in known.keys_named(log.name)]

    def turns(self, reading: Reader, log: LogName) -> Turns:
        """Return whose turn it was when, of the keys that sign a country's shared log."""
        known = self.agreement.countries.get(log.origin)
        pinned = () if known is None else (*known.log_keys, *known.keys_named(log.name))
        prefix = self.agreement.prefix
        return turns(reading.connection, pinned, prefix=prefix, origin=log.origin)

    def witness_keys(self, log: LogName) -> list[Verifier]:
        """Return the keys that cosign a log's checkpoints: of others, or of one in the country."""
        prefix, countries = self.agreement.prefix, self.agreement.countries
        if log.topic == Topic.NATIONAL:
            names = {log.origin: domestic_witness_name(prefix, log.origin)}
        else:
            names = {code: witness_name(prefix, code) for code in countries if code != log.origin}
        return [
            witness_verifier(key)
            for code, name in names.items()
            if code in countries
            for key in countries[code].keys_named(name)
        ]


class LogSeen(NamedTuple):
    """How far one log is proven."""

    log: str
    topic: str
    origin: str
    events: int
    root: bytes
    #: So many events are under a root that its country signed and that is theirs; of the others
    #: every single signature was checked.
    proven: int
    checkpoints: int
    #: Whether something of it is on its way, by what has arrived.
    waiting: bool


class Row(NamedTuple):
    """An event as it stands in the mirror."""

    log_index: int
    partition: int
    offset: int
    case_id: UUID
    version: int
    event_id: UUID
    leaf: bytes
    value: bytes
    signature: bytes
    mirrored_at: datetime


def logs_of(reading: Reader, agreement: Agreement) -> list[LogName]:
    """Return every log of which there is an event or a checkpoint here."""
    topics = {
        Topic.SHARED.value: agreement.shared_topic,
        Topic.NATIONAL.value: agreement.national_topic(reading.country),
    }
    voices = [(Topic.SHARED.value, code) for code in agreement.countries]
    voices += [(Topic.NATIONAL.value, reading.country)]
    rows = reading.connection.execute("SELECT DISTINCT topic, origin FROM mirror.record")
    voices += [row for row in rows if row[0] in topics and row[1]]  # others: node/audit_rows.py
    found_here = dict.fromkeys((topic, origin) for topic, origin in voices)
    return [LogName(log_name(topics[topic], origin), topic, origin) for topic, origin in found_here]


def check_log(
    reading: Reader, log: LogName, pinned: Pinned, until: datetime
) -> Iterator[Finding | LogSeen]:
    """Yield what one log breaks, then how far it is proven."""
    rules = LogRules(
        log=log.name,
        topic=log.topic,
        origin=log.origin,
        checkpoints=_known(reading, log, pinned),
        until=until,
        tolerance=pinned.tolerance,
    )
    partitions = pinned.agreement.partitions
    for row in _rows(reading, log, 0):
        yield from rules.hear(leaf_of(row, log, partitions))
    yield from rules.end()
    yield from _tail(reading, log, pinned, rules.proven)
    yield from doubled(reading, log)
    for _ in reading.connection.execute(_SIZELESS, (log.name,)):
        yield found_without_event("R1", "note_differs", log.origin, log.name, topic=log.topic)
    for (size,) in reading.connection.execute(_UNFOUNDED, (log.name,)):
        said = {"topic": log.topic, "size": size}
        yield found_without_event("R1", "cosignature_differs", log.origin, log.name, **said)
    tree = rules.tree
    yield LogSeen(*log, tree.size, tree.root, rules.proven, rules.compared, rules.waiting)


def _tail(reading: Reader, log: LogName, pinned: Pinned, begin: int) -> Iterator[Finding]:
    """Yield what is not signed of what no root proves, and what was said of keys and cannot be."""
    whose = pinned.turns(reading, log) if log.topic == Topic.SHARED else None
    keys_at = signers(reading, log, pinned.log_keys(log.origin), whose)
    for row in _rows(reading, log, begin):
        yield from check_signature(_heard(row, log)[0], row.signature, keys_at(row.log_index))
    for place in whose.refused if whose is not None else ():
        for row in islice(_rows(reading, log, place), 1):
            yield found("R1", "key_succession", _heard(row, log)[0])


def leaf_of(row: Row, log: LogName, partitions: int) -> Leaf:
    """Return what the bytes of a row say, and whether its columns say the same."""
    heard, is_read = _heard(row, log)
    event = heard.event
    said = (event.case_id, event.origin, event.version, event.event_id)
    stands = (row.case_id, log.origin, row.version, row.event_id)
    fits = is_read and said == stands and partition_of(event.case_id, partitions) == row.partition
    return Leaf(heard, row.leaf, fits, row.mirrored_at)


def _heard(row: Row, log: LogName) -> tuple[Heard, bool]:
    """Return what a row says, and whether its bytes have a stamp; if not, the row is named."""
    try:
        stamp, is_read = read_stamp(row.value), True
    except RecordRejected:
        at = row.mirrored_at
        stamp = Stamp(
            event_id=row.event_id,
            case_id=row.case_id,
            origin=log.origin,
            version=row.version,
            seen=NOTHING_SEEN,
            occurred_at=at,
            recorded_at=at,
        )
        is_read = False
    leaf = leaf_hash(row.value)
    place = (row.partition, row.offset, None, log.topic, log.name, row.log_index)
    return Heard(stamp, leaf, *place), is_read


def _rows(reading: Reader, log: LogName, begin: int) -> Iterator[Row]:
    with reading.connection.cursor(name=f"log_{begin}", binary=True) as cursor:
        cursor.itersize = 1_000
        cursor.execute(_LOG, (log.topic, log.origin, begin))
        for row in cursor:
            yield Row(*row)


def _known(reading: Reader, log: LogName, pinned: Pinned) -> Iterator[Known]:
    """Stream the checkpoints of a log by size; a note is looked at before its row is believed."""
    may_sign = _sealers(reading, log, pinned)
    with reading.connection.cursor(name="checkpoints", binary=True) as cursor:
        cursor.itersize = 500
        witnesses = pinned.witness_keys(log)
        # A time counts if a pinned witness said it; anybody else's clock is nobody's.
        known = [one.name for one in witnesses]
        own = witness_name(pinned.agreement.prefix, reading.country)
        # A country's own sealer signs what it has, so whoever cosigns that says it, too.
        here = known if log.origin == reading.country else [own]
        cursor.execute(_CHECKPOINTS, {"log": log.name, "known": known, "here": here})
        for size, root, text, heard_at, timely, names, times, *bounds in cursor:
            note = _parsed(text)
            fits = timely and _is_head(_said(note, may_sign(size)), log.name, size, root)
            said = {one: at for one, at in zip(names, times, strict=True) if one is not None}
            cosigned_fits = _is_cosigned(note, witnesses, said)
            yield Known(size, root, fits, cosigned_fits, heard_at, *bounds)


def _sealers(reading: Reader, log: LogName, pinned: Pinned) -> Callable[[int], Sequence[Verifier]]:
    """Return who may have signed a checkpoint, by its size."""
    keys = pinned.checkpoint_keys(log)
    if log.topic != Topic.SHARED or not have_successors([key.render() for key in keys]):
        return lambda _size: keys
    return sealers(reading, log, keys, pinned.turns(reading, log))


def _parsed(text: str | None) -> Note | None:
    try:
        return Note.parse((text or "").encode())
    except RecordRejected:
        return None


def _is_head(said: Checkpoint | None, log: str, size: int, root: bytes) -> bool:
    """Say whether a row says what its note does; what it says may be nothing that can be."""
    return said is not None and (said.origin, said.size, said.root) == (log, size, root)


def _said(note: Note | None, keys: Sequence[Verifier]) -> Checkpoint | None:
    """Return what a note says and its log has signed; None if it is no such note."""
    try:
        return None if note is None else signed_checkpoint(note, keys)
    except RecordRejected:
        return None


def _is_cosigned(
    note: Note | None, witnesses: Sequence[Verifier], said: Mapping[str, datetime]
) -> bool:
    """Say whether those whose keys are known have cosigned a note at the times that are said."""
    try:
        lines = () if note is None else note.verified_by(witnesses)
    except RecordRejected:  # nobody, or somebody else in a witness's name
        lines = ()
    known = {one.name for one in witnesses}
    times: dict[str, set[float]] = {}
    for line in lines:
        times.setdefault(line.name, set()).add(float(cosigned_at(line)))
    stated = {name: at.timestamp() for name, at in said.items() if name in known}
    return stated.keys() == times.keys() and all(at in times[name] for name, at in stated.items())


_LOG = f"""
SELECT log_index, partition, "offset", case_id, version, event_id, leaf, value, signature,
    {bounded("mirrored_at")}
FROM mirror.record AS record
WHERE topic = %s AND origin = %s AND log_index >= %s AND {WHOLE}
ORDER BY log_index, partition, "offset"
"""  # noqa: S608 - our own names
# The windows run over the whole log: a cosignature of a larger size counts for all before it.
_CHECKPOINTS = f"""
SELECT size, root, note, {bounded("signed_at")}, {timely("signed_at")},
    coalesce(names, '{{}}'), coalesce(times, '{{}}'),
    min(first_at) OVER (ORDER BY size DESC), max(last_at) OVER (ORDER BY size),
    min(here_at) OVER (ORDER BY size DESC)
FROM witness.checkpoint LEFT JOIN (
    SELECT log, size, min(at) AS first_at, max(at) AS last_at,
        min(at) FILTER (WHERE witness = ANY (%(here)s)) AS here_at,
        array_agg(witness ORDER BY witness) AS names, array_agg(at ORDER BY witness) AS times
    FROM witness.cosignature, LATERAL (SELECT {bounded("cosigned_at")} AS at) AS said
    WHERE witness = ANY (%(known)s) GROUP BY log, size
) AS cosigned USING (log, size)
WHERE log = %(log)s AND size IS NOT NULL ORDER BY size
"""  # noqa: S608 - our own names
# Of a checkpoint without a size nothing can be compared: it is named, and left out above.
_SIZELESS = "SELECT FROM witness.checkpoint WHERE log = %s AND size IS NULL"
_UNFOUNDED = """
SELECT DISTINCT size FROM witness.cosignature AS one WHERE log = %s
    AND NOT EXISTS (SELECT FROM witness.checkpoint AS note WHERE note.log = one.log
        AND note.size = one.size)
"""
