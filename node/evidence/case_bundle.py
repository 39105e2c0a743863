"""The files of a bundle about one case: its events, each proven, and what they need to be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import tuple_row

from events.agreement import Agreement
from events.codec import read_stamp
from events.errors import CaseUnknown, ServiceUnavailable
from events.stamp import NOTHING_SEEN
from ledger.case.case import Topic
from ledger.keys.national import NationalKeys
from ledger.log.note import Note
from node.evidence.granted import GrantedKey, with_envelopes
from node.evidence.papers import schema_files, trust_files
from node.evidence.proven import Counted, ProvenLog, proven_in
from node.evidence.trust import signers_of

_RECORDS: LiteralString = """
SELECT topic, origin, log_index, partition, "offset", version, event_id, ce_type, leaf, value,
    signature
FROM mirror.record WHERE case_id = %s AND topic = ANY(%s)
ORDER BY topic DESC, effect_offset NULLS LAST, effect_rank, "offset"
"""


class CaseRecord(NamedTuple):
    """An event of the case as the mirror holds it."""

    topic: str
    origin: str
    log_index: int
    partition: int
    offset: int
    version: int
    event_id: UUID
    ce_type: str
    leaf: bytes
    value: bytes
    signature: bytes

    @property
    def position(self) -> str:
        """Where it stands on its topic."""
        return f"{self.topic}/{self.partition}@{self.offset}"


@dataclass(slots=True)
class CaseBundle:
    """What can be proven about a case."""

    case_id: UUID
    agreement: Agreement
    #: Log of each (topic, origin) that has events of the case.
    logs: Mapping[tuple[str, str], ProvenLog]
    #: What is in the bundle, in the order in which it took effect.
    proven: Sequence[CaseRecord]
    #: What no cosigned checkpoint covers yet, and what rests on it.
    provisional: Sequence[CaseRecord]
    granted: Sequence[GrantedKey] = ()
    #: Event -> the last checkpoint without it, and the first with it.
    windows: dict[UUID, tuple[Counted | None, Counted]] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        connection: Connection[Any],
        agreement: Agreement,
        case_id: UUID,
        *,
        national: bool = False,
        granted: Sequence[GrantedKey] = (),
        keys: NationalKeys | None = None,
    ) -> CaseBundle:
        """Read a case; with `national` this country's national events of it, too, in envelopes.

        CaseUnknown if the mirror has none of it; ServiceUnavailable if none of it is proven yet,
        or what a granted key opens, or the access that it was given for; else as ProvenLog.read
        and with_envelopes, to which `keys` go.
        """
        topics = [Topic.SHARED.value, *([Topic.NATIONAL.value] if national else [])]
        with connection.cursor(row_factory=tuple_row) as cursor:
            rows = cursor.execute(_RECORDS, (case_id, topics)).fetchall()
        records = [CaseRecord(*row) for row in rows]
        if not records:
            raise CaseUnknown(f"case {case_id}: this node's mirror holds no event of it")
        logs = {
            (topic, origin): ProvenLog.read(connection, agreement, agreement.log(topic, origin))
            for topic, origin in dict.fromkeys((one.topic, one.origin) for one in records)
        }
        proven, provisional = _divided(records, logs)
        if not proven:
            raise ServiceUnavailable(
                f"case {case_id}: no event of it is in a cosigned checkpoint yet; wait, then try"
                " again",
                rule="checkpoint",
            )
        given = _given(granted, proven, keys)
        made = cls(case_id, agreement, logs, proven, provisional, given)
        for one in proven:
            log = logs[one.topic, one.origin]
            made.windows[one.event_id] = log.around(connection, one.log_index)
        return made

    @property
    def used_logs(self) -> list[ProvenLog]:
        """The logs that have events in the bundle, by name."""
        used = {(one.topic, one.origin) for one in self.proven}
        return sorted((self.logs[place] for place in used), key=lambda log: log.name)

    def log_of(self, record: CaseRecord) -> ProvenLog:
        """Return the log in which a record stands."""
        return self.logs[record.topic, record.origin]

    def files(self) -> dict[str, bytes]:
        """Return everything that the verifier checks."""
        countries = {one.origin for one in self.proven}
        signers = {code: signers_of(self.agreement, code) for code in countries}
        keys = [key for of_country in signers.values() for key in of_country]
        found = dict(trust_files(self.used_logs, keys))
        for record in self.proven:
            log = self.log_of(record)
            place = f"{log.name}/{record.log_index}"
            found[f"entries/{place}.avro"] = record.value
            found[f"proofs/{place}.tlog-proof"] = proof_of(log, record.log_index)
            found[f"signatures/{place}.sig"] = record.signature
        for country, of_country in signers.items():
            found[f"signers/{country}.vkeys"] = "".join(f"{key}\n" for key in of_country).encode()
        found |= schema_files(record.value for record in self.proven)
        return found | {key.file: key.content for key in self.granted}


def proof_of(log: ProvenLog, index: int) -> bytes:
    """Return the tlog-proof of an entry under the newest checkpoint."""
    return proven_in(log.tree, index, Note.parse(log.newest.note))


def _given(
    granted: Sequence[GrantedKey], proven: Sequence[CaseRecord], keys: NationalKeys | None
) -> Sequence[GrantedKey]:
    """Return granted keys with those of envelopes; ServiceUnavailable while one lacks its proof."""
    values = {one.event_id: one.value for one in proven}
    for key in granted:
        if not {key.event_id, key.access_event_id} <= values.keys():
            raise ServiceUnavailable(
                f"event {key.event_id}, or the access to it, is in no cosigned checkpoint yet;"
                " wait, then try again",
                rule="checkpoint",
            )
    return list(with_envelopes(granted, values, keys))


def _divided(
    records: Iterable[CaseRecord], logs: Mapping[tuple[str, str], ProvenLog]
) -> tuple[list[CaseRecord], list[CaseRecord]]:
    """Return what is proven, and what is not, or rests on what is not.

    An event whose `seen` is not proven, and every later one of its origin, waits with it: what is
    in a bundle has no gap.
    """
    proven = [one for one in records if one.log_index < logs[one.topic, one.origin].newest.size]
    waiting = [one for one in records if one not in proven]
    while True:
        leaves = {NOTHING_SEEN, *(one.leaf for one in proven if one.topic == Topic.SHARED)}
        ends: dict[tuple[str, str], int] = {}
        for one in proven:
            if read_stamp(one.value).seen not in leaves:
                place = one.topic, one.origin
                ends[place] = min(one.version, ends.get(place, one.version))
        if not ends:
            return proven, waiting
        late = [one for one in proven if one.version >= ends.get((one.topic, one.origin), 2**31)]
        waiting += late
        proven = [one for one in proven if one not in late]
