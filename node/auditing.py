"""The rules an auditor can check without any key, over everything that a node has mirrored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from events.codec import decode, read_stamp
from events.data import KeysReleased
from events.errors import RecordRejected
from ledger.case.case import Topic
from ledger.keys.national import NationalKeys, opened
from ledger.log.findings import Finding, Heard
from ledger.log.rules import WITHIN, CaseRules
from node.reading import Reader

#: Rules that are checked here, in order.
RULES = ("R3", "R4", "R5", "R6")
#: Those that need the country's own events, which stand in envelopes.
_NATIONAL = frozenset({"R5"})


@dataclass(slots=True, kw_only=True)
class Audit:
    """What was read, and what was found in it."""

    country: str
    #: Until when what had to come is waited for: the moment at which the mirror was read.
    judged_at: datetime
    checked: tuple[str, ...] = RULES
    cases: int = 0
    events: int = 0
    releases: int = 0
    #: Admitted records that cannot be read here: nothing is said about them.
    unread: int = 0
    breaches: list[Finding] = field(default_factory=list)
    #: Releases that crossed with what forbids them: void in every country, nobody's breach.
    crossed: list[Finding] = field(default_factory=list)

    def take(self, findings: list[Finding]) -> None:
        """Put findings where they belong."""
        for finding in findings:
            (self.crossed if finding.crossed else self.breaches).append(finding)

    def words(self) -> dict[str, Any]:
        """Return the audit as plain data: the rules, and what breaks them."""
        broken = {one.rule for one in self.breaches}
        states = {True: "broken", False: "kept"}
        return {
            "country": self.country,
            "judged_at": self.judged_at,
            **{name: getattr(self, name) for name in ("cases", "events", "releases", "unread")},
            "rules": {
                rule: states[rule in broken] if rule in self.checked else "not_checked"
                for rule in RULES
            },
            "breaches": [_described(one) for one in self.breaches],
            "crossed": [_described(one) for one in self.crossed],
        }


class _Row(NamedTuple):
    """A record that has taken effect, and what the read models say became of it."""

    case_id: UUID
    topic: str
    partition: int
    offset: int
    leaf: bytes
    value: bytes
    effective: bool | None


def check(
    reading: Reader, *, keys: NationalKeys | None = None, within: timedelta = WITHIN
) -> Audit:
    """Check R3 to R6 over the mirror, one case in memory at a time; R5 only with national keys."""
    row = reading.connection.execute("SELECT now()").fetchone()
    assert row is not None
    checked = tuple(rule for rule in RULES if keys is not None or rule not in _NATIONAL)
    audit = Audit(country=reading.country, judged_at=row[0], checked=checked)
    topics = [Topic.SHARED.value] if keys is None else [Topic.SHARED.value, Topic.NATIONAL.value]
    for case_id, rows in groupby(_rows(reading, topics), key=lambda one: one.case_id):
        rules = CaseRules(case_id, within)
        audit.cases += 1
        for one in rows:
            _hear(audit, rules, one, keys)
        audit.take(rules.end(audit.judged_at))
    return audit


def _hear(audit: Audit, rules: CaseRules, row: _Row, keys: NationalKeys | None) -> None:
    heard = _heard(row, keys)
    audit.events += 1
    audit.unread += not hasattr(heard.event, "actor")
    if row.topic == Topic.NATIONAL:
        audit.take(rules.look(heard))
        return
    audit.releases += isinstance(heard.event, KeysReleased)
    audit.take(rules.hear(heard))


def _heard(row: _Row, keys: NationalKeys | None) -> Heard:
    """Return what a record says; its stamp, if it cannot be read. It keeps its place either way."""
    void = None if row.effective is None else not row.effective
    try:
        event = decode(row.value)
        said = opened(event, keys) if row.topic == Topic.NATIONAL else event
    except RecordRejected:
        return Heard(read_stamp(row.value), row.leaf, row.partition, row.offset, void)
    return Heard(said, row.leaf, row.partition, row.offset, void)


def _rows(reading: Reader, topics: list[str]) -> Iterator[_Row]:
    """Stream what has taken effect: case by case, the shared topic first, each in its order."""
    with reading.connection.cursor(name="heard", binary=True) as cursor:
        cursor.itersize = 2_000
        cursor.execute(_HEARD.format(schema=reading.schema), (topics,))
        for row in cursor:
            yield _Row(*row)


def _described(finding: Finding) -> Mapping[str, Any]:
    topic = Topic.NATIONAL if finding.rule in _NATIONAL else Topic.SHARED
    return {
        "rule": finding.rule,
        "what": finding.what,
        "words": finding.words,
        "case_id": finding.case_id,
        "event_id": finding.event_id,
        "origin": finding.origin,
        "version": finding.version,
        "about": finding.about,
        "position": f"{topic}/{finding.partition}@{finding.offset}",
        "void": finding.void,
    }


_HEARD = """
SELECT case_id, topic, partition, "offset", record.leaf, record.value, trail.effective
FROM mirror.record AS record
LEFT JOIN {schema}.audit_trail AS trail USING (case_id, topic, partition, "offset")
WHERE topic = ANY(%s) AND record.effect_offset IS NOT NULL
ORDER BY case_id, topic DESC, record.effect_offset, record.effect_rank
"""
