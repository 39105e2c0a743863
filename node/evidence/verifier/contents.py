"""The checks of what the entries say: schemas, the chain of a case, signatures, report."""

from __future__ import annotations

import hashlib

from node.evidence.verifier.avro import EventStamp, header_of, stamp_of
from node.evidence.verifier.container import Faulty
from node.evidence.verifier.ed25519 import ed25519_is_signed
from node.evidence.verifier.facts import REPORT, Facts
from node.evidence.verifier.merkle import leaf_hash_of
from node.evidence.verifier.released import RELEASED_SCHEMAS


def check_schemas(facts: Facts) -> str:
    """Every schema is one that was released, word for word, and every entry has a schema."""
    there: dict[bytes, str] = {}
    for name, match in facts.of_kind("schema").items():
        data = facts.take(name)
        if hashlib.sha256(data).hexdigest() != match["sha256"]:
            raise Faulty(name, "it does not have the SHA-256 that it is called by")
        if match["sha256"] not in RELEASED_SCHEMAS:  # its fingerprint leaves out what fields mean
            raise Faulty(name, "it is none of the schemas released when this verifier was made")
        try:
            there[header_of(data)] = name
        except ValueError as error:
            raise Faulty(name, str(error)) from None
    used = dict(facts.headers)
    for log, entries in facts.entries.items():
        for index, value in entries.items():
            used.setdefault(value[:10], f"entries/{log}/{index}.avro")
    for header in used.keys() - there.keys():
        raise Faulty(used[header], "its schema is not in the bundle")
    for header in there.keys() - used.keys():
        raise Faulty(there[header], "no entry is written in it")
    return f"schemas: {len(there)}, each as it was released"


def check_chains(facts: Facts) -> str:
    """The case has no gap: versions count up, and whatever a decider had seen is here."""
    stamps = {
        log: {index: _stamp(log, index, value) for index, value in sorted(entries.items())}
        for log, entries in facts.entries.items()
    }
    leaves = {
        leaf_hash_of(value) for log, entries in facts.entries.items() if _is_shared(log)
        for value in entries.values()
    }  # fmt: skip
    for log, events in stamps.items():
        before: EventStamp | None = None
        for index, stamp in events.items():
            facts.current = name = f"entries/{log}/{index}.avro"
            _follows(facts, name, log, stamp, before)
            if any(stamp.seen) and stamp.seen not in leaves:
                raise Faulty(name, "its decider had seen an event that is not in the bundle")
            before = stamp
    _require_reported(facts, stamps)
    many = sum(map(len, stamps.values()))
    upto = ", ".join(f"{log} 1 to {len(events)}" for log, events in sorted(stamps.items()))
    return f"chain: {many} events of the case, without a gap up to the last here: {upto}"


def _is_shared(log: str) -> bool:
    return ".national." not in log


def _stamp(log: str, index: int, value: bytes) -> EventStamp:
    try:
        return stamp_of(value)
    except ValueError as error:
        raise Faulty(f"entries/{log}/{index}.avro", str(error)) from None


def _follows(
    facts: Facts, name: str, log: str, stamp: EventStamp, before: EventStamp | None
) -> None:
    if stamp.case_id != facts.case or stamp.origin != log.rpartition("/")[2]:
        raise Faulty(name, "it is of another case, or of another origin than its log")
    if stamp.version != (1 if before is None else before.version + 1):
        raise Faulty(name, f"version {stamp.version} does not follow on the one before it")
    if before is not None and stamp.recorded_at < before.recorded_at:
        raise Faulty(name, "it says that it was recorded before the event before it")


def _require_reported(facts: Facts, stamps: dict[str, dict[int, EventStamp]]) -> None:
    here = [[log, at, one.event_id] for log, events in stamps.items() for at, one in events.items()]
    facts.current = REPORT
    said = facts.report.get("events")
    rows = said if isinstance(said, list) else []
    told = [
        [row.get(one) for one in ("log", "index", "event_id")] if isinstance(row, dict) else row
        for row in rows
    ]
    if sorted(told, key=str) != sorted(here, key=str):
        raise Faulty(REPORT, "it lists other events than the bundle holds")
    # Counting up from 1 was checked, so the number of events is the version of the last one.
    if facts.report.get("up_to") != {log: len(events) for log, events in stamps.items()}:
        raise Faulty(REPORT, "it says of a log that the case goes further, or less far, than here")


def check_signatures(facts: Facts) -> str:
    """Every event of a case is signed by a key of its country."""
    signatures = facts.at("signature")
    keys = {
        match["country"]: facts.keys_in(name) for name, match in facts.of_kind("signers").items()
    }
    for (log, index), name in sorted(signatures.items()):
        value = facts.entries.get(log, {}).get(index)
        if value is None:
            raise Faulty(name, "its event is not in the bundle")
        message = b"".join(
            (b"referral/event/v1\0", log.encode(), index.to_bytes(8, "big"), leaf_hash_of(value))
        )
        signature = facts.take(name)
        known = keys.get(log.rpartition("/")[2], [])
        if not any(ed25519_is_signed(key.public, message, signature) for key in known):
            raise Faulty(name, "no key of its country made this signature")
    for log, entries in facts.entries.items():
        for index in entries:
            if (log, index) not in signatures:
                raise Faulty(f"signatures/{log}/{index}.sig", "it is missing")
    return f"signatures: {len(signatures)} events are signed by their countries"


def late_or_early(facts: Facts) -> list[str]:
    """Return words on events whose own time does not fit the checkpoints around them.

    An event is younger than a checkpoint that does not hold it, older than the first that does.
    """
    found = []
    for log, entries in facts.entries.items():
        trees = sorted((size, times) for size, (_, times) in facts.trees[log].items())
        for index, value in sorted(entries.items()):
            stamp = stamp_of(value)
            at = stamp.recorded_at.timestamp()
            after = [times[-1] for size, times in trees if size <= index and times]
            until = [times[0] for size, times in trees if size > index and times]
            if after and at < after[-1] - 120:
                found.append(f"event {stamp.event_id} was published later than it says")
            if until and at > until[0] + 120:
                found.append(f"event {stamp.event_id} says a time after it was cosigned")
    return found
