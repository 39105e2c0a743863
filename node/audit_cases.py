"""The mirror read case by case: what was decided by the rules, and what is shown of it (R9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from events.agreement import Agreement
from events.codec import Stamp, decode, read_stamp
from events.contract import is_register, log_name
from events.data import KeysReleased
from events.errors import RecordRejected, UnknownSchema
from events.schema_pin import began_with
from events.stamp import NOTHING_SEEN, Event
from ledger.case.case import Topic
from ledger.keys.national import NationalKeys, opened
from ledger.log.findings import Finding, Heard, found
from ledger.log.rule_order import OrderRules
from ledger.log.rule_schema import SchemaRules
from ledger.log.rules import WITHIN, CaseRules
from ledger.mirror import Placed
from node.audit_models import ModelRules, States, lines_from_nothing
from node.audit_parked import Waiting
from node.audit_rows import WHOLE, bounded
from node.audit_sides import LINE, Line, Read, line_of
from node.reading import Reader
from node.register import lines


@dataclass(slots=True)
class Counts:
    """What was read, case by case."""

    cases: int = 0
    events: int = 0
    releases: int = 0
    #: Admitted records that cannot be read here: little is said about them.
    unread: int = 0


class _Row(NamedTuple):
    """A record that has taken effect, and what the read models say became of it."""

    record: Placed
    event_id: UUID
    log_index: int
    mirrored_at: datetime
    line: Line

    @classmethod
    def of(cls, columns: Sequence[Any]) -> _Row:
        """Return a row as it was asked for."""
        end = len(Placed._fields)
        event_id, log_index, mirrored_at, *line = columns[end:]
        return cls(Placed(*columns[:end]), event_id, log_index, mirrored_at, line_of(line))


class CaseAudit:
    """One pass over all cases, one of them in memory at a time."""

    def __init__(
        self,
        reading: Reader,
        agreement: Agreement,
        *,
        keys: NationalKeys | None,
        within: timedelta = WITHIN,
    ) -> None:
        """Prepare to read; what is national is opened with `keys`, or judged from outside."""
        self._reading = reading
        self._topics: Mapping[str, str] = {
            Topic.SHARED.value: agreement.shared_topic,
            Topic.NATIONAL.value: agreement.national_topic(reading.country),
        }
        self._keys = keys
        self._within = within
        self._waiting = Waiting(reading)
        self._schemas = SchemaRules(began_with(agreement.schemas), opens=keys is not None)
        for line in lines(reading, agreement):
            if line.event is not None:
                log = log_name(self._topics.get(line.topic, line.topic), line.origin)
                shared = line.topic == Topic.SHARED
                self._schemas.learn(log, line.log_index, line.event, shared=shared)
        self.counts = Counts()

    def findings(self, until: datetime) -> Iterator[Finding]:
        """Yield what breaks a rule, case by case; what had to come had to come by an instant."""
        states = States(self._reading)
        for case_id, rows in groupby(self._rows(), key=lambda one: one.record.case_id):
            self.counts.cases += not is_register(case_id)
            rules, order = CaseRules(case_id, self._within), OrderRules()
            country, waits = self._reading.country, self._waiting.of(case_id)
            models = ModelRules(case_id, country, self._keys, waits)
            for row in rows:
                heard, wrong = self._heard(row)
                yield from wrong
                yield from order.hear(heard)
                yield from self._judged(rules, heard)
                yield from models.hear(heard, Read(row.record, heard.event), row.line)
            yield from rules.end(until)
            stated, strangers = states.of(case_id)
            yield from strangers
            yield from models.end(stated)
        yield from states.before(None)
        yield from self._waiting.rest()
        yield from lines_from_nothing(self._reading, self._topics)

    def _judged(self, rules: CaseRules, heard: Heard) -> list[Finding]:
        self.counts.events += 1
        self.counts.unread += not hasattr(heard.event, "actor")
        if heard.topic == Topic.NATIONAL:
            return [] if self._keys is None else rules.look(heard)
        self.counts.releases += isinstance(heard.event, KeysReleased)
        return rules.hear(heard)

    def _heard(self, row: _Row) -> tuple[Heard, list[Finding]]:
        """Return what a record says, with what is wrong with its schema.

        Its stamp, if it cannot be read; its row, if it has none. It keeps its place in any case.
        """
        record, line = row.record, row.line
        name = log_name(self._topics.get(record.topic, record.topic), record.origin)
        void = None if line is None or line["effective"] is None else not line["effective"]
        place = (record.partition, record.offset, void, record.topic, name, row.log_index)
        unknown, event = False, None
        said: Event | Stamp
        try:
            event = decode(record.value)
            said = opened(event, self._keys) if record.topic == Topic.NATIONAL else event
        except UnknownSchema:
            unknown, said = True, _stamp(row)
        except RecordRejected:
            said = _stamp(row)
        heard = Heard(said, record.leaf, *place)
        findings = [*self._schemas.check(heard, record.value)]
        if unknown and event is not None:  # inside of its envelope
            findings.append(found("R8", "schema_unknown", heard))
        return heard, findings

    def _rows(self) -> Iterator[_Row]:
        """Stream what has taken effect: case by case, shared topic first, each in its order."""
        with self._reading.connection.cursor(name="heard", binary=True) as cursor:
            cursor.itersize = 1_000
            at = bounded("record.mirrored_at")
            schema = self._reading.schema
            cursor.execute(_HEARD.format(schema=schema, whole=WHOLE, mirrored_at=at, line=LINE))
            for row in cursor:
                yield _Row.of(row)


def _stamp(row: _Row) -> Event | Stamp:
    record = row.record
    try:
        return read_stamp(record.value)
    except RecordRejected:
        return Stamp(
            event_id=row.event_id,
            case_id=record.case_id,
            origin=record.origin,
            version=record.version,
            seen=NOTHING_SEEN,
            occurred_at=row.mirrored_at,
            recorded_at=row.mirrored_at,
        )


_COLUMNS = ", ".join(f'record."{name}"' for name in Placed._fields)
_HEARD = f"""
SELECT {_COLUMNS}, record.event_id, record.log_index, {{mirrored_at}}, {{line}}
FROM mirror.record AS record
LEFT JOIN {{schema}}.audit_trail AS line USING (case_id, topic, partition, "offset")
WHERE record.effect_offset IS NOT NULL AND topic IN ('shared', 'national') AND {{whole}}
ORDER BY record.case_id, record.topic DESC, record.effect_offset, record.effect_rank
"""  # noqa: S608 - our own names
