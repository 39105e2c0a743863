"""REPORT.json: what is in a bundle, and which rules were checked over it.

Made from what the bundle holds and nothing else, so the same bundle has the same report: rules are
judged as of the moment at which its newest checkpoint was cosigned.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from events.codec import decode, read_stamp
from events.errors import RecordRejected
from ledger.case.case import Topic
from ledger.keys.national import NationalKeys, opened
from ledger.log.findings import Finding, Heard
from ledger.log.rules import CaseRules
from node.evidence.case_bundle import CaseBundle, CaseRecord
from node.evidence.proven import ProvenLog
from node.evidence.range_bundle import RangeBundle

#: Rules that the events of one case can be checked for; R5 needs the country's national events.
_RULES = ("R3", "R4", "R5", "R6")
_NATIONAL = "R5"
_FORMAT = "referral evidence, version 1"


@dataclass(slots=True)
class _Judged:
    """What the rules found."""

    checked: tuple[str, ...]
    breaches: list[Finding] = field(default_factory=list)
    crossed: list[Finding] = field(default_factory=list)

    def take(self, findings: Iterable[Finding]) -> None:
        for one in findings:
            (self.crossed if one.crossed else self.breaches).append(one)


def case_report(
    bundle: CaseBundle,
    exporter: str,
    verdicts: Mapping[UUID, bool],
    keys: NationalKeys | None = None,
) -> dict[str, Any]:
    """Return the report of a case.

    `verdicts` say which events this node has found effective. With `keys`, and national events in
    the bundle, R5 is checked, too.
    """
    logs = bundle.used_logs
    judged = _judged(bundle, verdicts, keys, newest_time(logs))
    broken = {one.rule for one in judged.breaches}
    return {
        **_head(bundle.agreement.name, exporter, {"case": str(bundle.case_id)}, logs),
        "events": [_event(bundle, one, verdicts.get(one.event_id)) for one in bundle.proven],
        "up_to": _ends(bundle),
        "provisional": [str(one.event_id) for one in bundle.provisional],
        "keys": [one.file for one in bundle.granted],
        "rules": {
            rule: "not_checked" if rule not in judged.checked
            else "broken" if rule in broken else "kept"
            for rule in _RULES
        },
        "breaches": [_finding(one) for one in judged.breaches],
        "crossed": [_finding(one) for one in judged.crossed],
    }  # fmt: skip


def range_report(bundle: RangeBundle, agreement: str, exporter: str) -> dict[str, Any]:
    """Return the report of a range: what it is, and under which checkpoints."""
    subject = {"range": [bundle.log.name, bundle.begin, bundle.end]}
    return _head(agreement, exporter, subject, [bundle.log])


def report_file(report: Mapping[str, Any]) -> bytes:
    """Return a report as the file in a bundle."""
    return (json.dumps(report, ensure_ascii=False, indent=1) + "\n").encode()


def newest_time(logs: Iterable[ProvenLog]) -> datetime:
    """Return when the newest checkpoint of some logs was cosigned: the time of a bundle."""
    return max(at for log in logs for at in log.newest.cosigned.values())


def _head(
    agreement: str, exporter: str, subject: Mapping[str, Any], logs: list[ProvenLog]
) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "agreement": agreement,
        "exported_by": exporter,
        "as_of": _text(newest_time(logs)),
        "subject": subject,
        "checkpoints": [
            {"log": log.name, "size": one.size, "root": one.root.hex(),
             "cosigned": {name: _text(at) for name, at in sorted(one.cosigned.items())}}
            for log in logs for _, one in sorted(log.used.items())
        ],
    }  # fmt: skip


def _ends(bundle: CaseBundle) -> dict[str, int]:
    """Return the version of the last event here, of each log: they count up from 1."""
    ends: dict[str, int] = {}
    for one in bundle.proven:
        log = bundle.log_of(one).name
        ends[log] = max(one.version, ends.get(log, 0))
    return dict(sorted(ends.items()))


def _event(bundle: CaseBundle, record: CaseRecord, effective: bool | None) -> dict[str, Any]:
    before, after = bundle.windows[record.event_id]
    return {
        "log": bundle.log_of(record).name,
        "index": record.log_index,
        "event_id": str(record.event_id),
        "type": record.ce_type,
        "origin": record.origin,
        "version": record.version,
        "recorded_at": _text(read_stamp(record.value).recorded_at),
        "leaf": record.leaf.hex(),
        "position": record.position,
        "effective": effective,
        "not_before": None if before is None else _text(max(before.cosigned.values())),
        "not_after": _text(min(after.cosigned.values())),
    }


def _judged(
    bundle: CaseBundle, verdicts: Mapping[UUID, bool], keys: NationalKeys | None, at: datetime
) -> _Judged:
    with_national = keys is not None and any(one.topic == Topic.NATIONAL for one in bundle.proven)
    judged = _Judged(tuple(rule for rule in _RULES if with_national or rule != _NATIONAL))
    rules = CaseRules(bundle.case_id)
    for record in bundle.proven:
        effective = verdicts.get(record.event_id)
        heard = _heard(record, None if effective is None else not effective, keys)
        if record.topic == Topic.SHARED:
            judged.take(rules.hear(heard))
        elif with_national:
            judged.take(rules.look(heard))
    judged.take(rules.end(at))
    return judged


def _heard(record: CaseRecord, void: bool | None, keys: NationalKeys | None) -> Heard:
    place = record.leaf, record.partition, record.offset, void
    try:
        event = decode(record.value)
        return Heard(opened(event, keys) if record.topic == Topic.NATIONAL else event, *place)
    except RecordRejected:
        return Heard(read_stamp(record.value), *place)


def _finding(one: Finding) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "what": one.what,
        "words": one.words,
        "event_id": str(one.event_id),
        "origin": one.origin,
        "about": str(one.about),
    }


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
