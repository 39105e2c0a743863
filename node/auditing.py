"""The rules R1 to R10 that an auditor can check without any key, over all a node has mirrored.

Two passes, both streamed: log by log for what stands where, case by case for what was decided. A
rule that reads national events (R5) needs the country's own keys, which open envelopes and no data.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ledger.keys.national import NationalKeys
from ledger.log.findings import Finding
from ledger.log.rules import WITHIN
from node.audit_alarms import check_alarms, resolved_by
from node.audit_cases import CaseAudit, Counts
from node.audit_days import check_days
from node.audit_logs import LogSeen, Pinned, check_log, logs_of
from node.audit_orders import check_orders
from node.audit_places import check_places
from node.audit_receipts import check_receipt
from node.audit_remarks import Remark, remarks
from node.audit_rows import check_rows
from node.reading import Reader

#: Rules that are checked here, in order.
RULES = tuple(f"R{number}" for number in range(1, 11))
#: Those that need the country's own events, which stand in envelopes.
_NATIONAL = frozenset({"R5"})
#: So many findings of a kind are listed; all are counted.
LISTED = 1_000


@dataclass(slots=True, kw_only=True)
class Audit:
    """What was read, and what was found in it."""

    country: str
    #: Until when what had to come is waited for: the moment at which the mirror was read.
    judged_at: datetime
    checked: tuple[str, ...] = RULES
    counts: Counts = field(default_factory=Counts)
    logs: list[LogSeen] = field(default_factory=list)
    seconds: float = 0.0
    breaches: list[Finding] = field(default_factory=list)
    #: Releases that crossed with what forbids them: void in every country, nobody's breach.
    crossed: list[Finding] = field(default_factory=list)
    #: Countries that owe an answer after an erasure, and still have time.
    outstanding: list[Finding] = field(default_factory=list)
    #: What a person has to look at, and no rule is broken by for sure.
    remarks: list[Remark] = field(default_factory=list)
    #: How often each kind of breach was found, also where not every one is listed.
    found: Counter[tuple[str, str]] = field(default_factory=Counter)

    def take(self, findings: Iterable[Finding]) -> None:
        """Put findings where they belong."""
        for finding in findings:
            kept = self._kept(finding)
            if kept is self.breaches:
                kind = (finding.rule, finding.what)
                self.found[kind] += 1
                if self.found[kind] > LISTED:
                    continue
            kept.append(finding)

    def _kept(self, finding: Finding) -> list[Finding]:
        if finding.crossed:
            return self.crossed
        return self.outstanding if finding.within_term else self.breaches

    def words(self) -> dict[str, Any]:
        """Return the audit as plain data: the rules, and what breaks them."""
        broken = {rule for rule, _ in self.found}
        states = {True: "broken", False: "kept"}
        counts = self.counts
        return {
            "country": self.country,
            "judged_at": self.judged_at,
            "cases": counts.cases,
            "events": counts.events,
            "releases": counts.releases,
            "unread": counts.unread,
            "seconds": round(self.seconds, 3),
            "logs": [seen._asdict() for seen in self.logs],
            "rules": {
                rule: states[rule in broken] if rule in self.checked else "not_checked"
                for rule in RULES
            },
            "found": {f"{rule} {what}": count for (rule, what), count in self.found.items()},
            "breaches": [_described(one) for one in self.breaches],
            "remarks": [one.as_words() for one in self.remarks],
            "crossed": [_described(one) for one in self.crossed],
            "outstanding": [_described(one) for one in self.outstanding],
        }


def check(
    reading: Reader,
    pinned: Pinned,
    *,
    keys: NationalKeys | None = None,
    within: timedelta = WITHIN,
) -> Audit:
    """Check all rules over the mirror and what is known of notes; R5 only with national keys."""
    begun = time.monotonic()
    row = reading.connection.execute("SELECT now()").fetchone()
    assert row is not None
    checked = tuple(rule for rule in RULES if keys is not None or rule not in _NATIONAL)
    audit = Audit(country=reading.country, judged_at=row[0], checked=checked)
    for log in logs_of(reading, pinned.agreement):
        for one in check_log(reading, log, pinned, audit.judged_at):
            audit.logs.append(one) if isinstance(one, LogSeen) else audit.take([one])
    audit.take(check_rows(reading, pinned.agreement))
    audit.take(check_days(reading, pinned.agreement))
    audit.take(check_orders(reading, pinned.agreement, audit.judged_at - pinned.tolerance))
    audit.take(check_places(reading, pinned.agreement, pinned.tolerance))
    audit.take(check_receipt(reading, pinned.agreement))
    said = resolved_by(reading, pinned.agreement, keys)
    audit.take(check_alarms(reading, said))
    audit.remarks += remarks(reading, said)
    cases = CaseAudit(reading, pinned.agreement, keys=keys, within=within)
    audit.counts = cases.counts
    audit.take(cases.findings(audit.judged_at))
    audit.seconds = time.monotonic() - begun
    return audit


def _described(finding: Finding) -> Mapping[str, Any]:
    placed = finding.partition is not None and finding.offset is not None
    return {
        "rule": finding.rule,
        "what": finding.what,
        "words": finding.words,
        "log": finding.log,
        "log_index": finding.log_index,
        "size": finding.size,
        "case_id": finding.case_id,
        "event_id": finding.event_id,
        "origin": finding.origin,
        "version": finding.version,
        "about": finding.about,
        "position": f"{finding.topic}/{finding.partition}@{finding.offset}" if placed else None,
        "void": finding.void,
    }
