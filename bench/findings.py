"""What stands where after the unrest: store, topics, mirrors and read models of both countries.

Read by a bare consumer and plain SQL, and folded once more in memory, so that nothing that was
killed is trusted with judging itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from kafka import KafkaConsumer, TopicPartition

from bench.harness import say
from bench.pair import Pair
from bench.play import COUNTRIES
from events.codec import read_stamp
from events.contract import LOG, split_log_header
from events.stamp import leaf_hash
from ledger.case.case import Topic
from ledger.case.encoding import plane_to_json
from ledger.case.plane import Plane, empty
from ledger.case.reading import Unsealed, read_on
from ledger.keys.national import opened
from node.audit_logs import Pinned
from node.auditing import check
from node.reading import Reader
from projections.hashing import shared_hashes

_SCHEMA = "read_1"
_STORED = "SELECT state FROM ledger.ledger_events WHERE topic LIKE %s ORDER BY notification_id"
_MIRRORED = (
    'SELECT partition, "offset", leaf FROM mirror.record WHERE topic = %s'
    " AND effect_offset IS NOT NULL ORDER BY 1, 2"
)
_STATES = "SELECT case_id, state FROM read_1.case_state WHERE topic = %s"
_TRAIL = (
    "SELECT count(*), count(*) FILTER (WHERE NOT effective) FROM read_1.audit_trail"
    " WHERE topic = %s"
)


class OnTopic(NamedTuple):
    """A committed record."""

    partition: int
    offset: int
    origin: str
    case_id: UUID
    version: int
    log_index: int
    leaf: bytes
    value: bytes


@dataclass(slots=True)
class Findings:
    """How much is wrong; all zero and equal if nothing is."""

    events: int = 0
    void: int = 0
    #: Stored and not on the topic, or on the topic and not in a mirror, or in no read model.
    lost: int = 0
    #: On the topic twice.
    duplicates: int = 0
    #: Records that stand before one that their country recorded earlier.
    reordered: int = 0
    #: Whether both countries say the same, and what a fold from scratch says.
    equal: bool = True
    #: What sealers, witnesses and auditors found, where nobody had tampered with anything.
    false_alarms: int = 0

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        wrong = self.lost or self.duplicates or self.reordered or self.false_alarms
        return self.equal and not wrong


def find(pair: Pair, dsns: Mapping[str, str]) -> Findings:
    """Compare everything with everything; all of it has to be at rest."""
    found = Findings()
    bootstrap, agreement = pair.bootstrap, pair.agreement
    shared = read_topic(bootstrap, agreement.shared_topic)
    connections = {code: psycopg.connect(dsn, autocommit=True) for code, dsn in dsns.items()}
    for country, connection in connections.items():
        own = read_topic(bootstrap, agreement.national_topic(country))
        mine = [record for record in shared if record.origin == country]
        _compare_log(connection, Topic.SHARED, mine, found)
        _compare_log(connection, Topic.NATIONAL, own, found)
        for topic, records in ((Topic.SHARED, shared), (Topic.NATIONAL, own)):
            _compare_mirror(connection, topic, records, found)
            folded = _folded(topic, records, partial(opened, keys=pair.keys(country)))
            found.equal &= _states(connection, topic) == folded
    one, other = (shared_hashes(connections[code], _SCHEMA) for code in COUNTRIES)
    found.equal &= one == other
    for connection in connections.values():
        connection.close()
    for country, dsn in dsns.items():
        found.false_alarms += _alarms(pair, country, dsn)
    return found


def _alarms(pair: Pair, country: str, dsn: str) -> int:
    """Count alarms, and breaches of all rules that no slow program breaks (R4: a stop in time)."""
    with psycopg.connect(dsn) as connection:
        alarms = connection.execute("SELECT rule, log, words FROM witness.alarm").fetchall()
        reading, keys = Reader(connection, country, 1), pair.keys(country)
        audit = check(reading, Pinned(agreement=pair.agreement), keys=keys)
    breaches = [one for one in audit.breaches if one.rule != "R4"]
    for one in [*alarms, *breaches]:
        say(f"{country}: {one}")
    return len(alarms) + len(breaches)


def read_topic(bootstrap: str, topic: str) -> list[OnTopic]:
    """Return every committed record of a topic, partition by partition in order."""
    consumer: Any = KafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    parts = [TopicPartition(topic, one) for one in sorted(consumer.partitions_for_topic(topic))]
    consumer.assign(parts)
    ends = consumer.end_offsets(parts)
    consumer.seek_to_beginning(*parts)
    records = []
    while any(consumer.position(part) < ends[part] for part in parts):
        for some in consumer.poll(timeout_ms=200).values():
            records += [_record(one) for one in some]
    consumer.close()
    return sorted(records)


def _record(record: Any) -> OnTopic:
    stamp = read_stamp(record.value)
    index, _ = split_log_header(dict(record.headers)[LOG])
    return OnTopic(
        record.partition,
        record.offset,
        stamp.origin,
        stamp.case_id,
        stamp.version,
        index,
        leaf_hash(record.value),
        record.value,
    )


def _compare_log(
    connection: psycopg.Connection[Any],
    topic: Topic,
    records: Sequence[OnTopic],
    found: Findings,
) -> None:
    """Compare a country's store with what it published: every event, once, in store order."""
    rows = connection.execute(_STORED, (f"{topic}/%",))
    stored = [leaf_hash(state) for (state,) in rows]
    published = {record.leaf for record in records}
    found.events += len(stored)
    found.lost += len(set(stored) - published)
    found.duplicates += len(records) - len(published)
    rank = {leaf: place for place, leaf in enumerate(stored)}
    last: dict[int, int] = {}
    for record in records:
        place = rank.get(record.leaf, -1)
        found.equal &= place == record.log_index
        found.reordered += place < last.get(record.partition, -1)
        last[record.partition] = max(place, last.get(record.partition, -1))


def _compare_mirror(
    connection: psycopg.Connection[Any],
    topic: Topic,
    records: Sequence[OnTopic],
    found: Findings,
) -> None:
    mirrored = connection.execute(_MIRRORED, (topic,)).fetchall()
    there = [(record.partition, record.offset, record.leaf) for record in records]
    found.lost += len(set(there) - set(mirrored))
    found.equal &= mirrored == there
    row = connection.execute(_TRAIL, (topic,)).fetchone()
    assert row is not None
    trail, void = row
    found.lost += max(0, len(there) - trail)
    found.equal &= trail == len(there)
    found.void += void if topic is Topic.SHARED else 0


def _states(connection: psycopg.Connection[Any], topic: Topic) -> dict[UUID, bytes]:
    return dict(connection.execute(_STATES, (topic,)).fetchall())


def _folded(topic: Topic, records: Iterable[OnTopic], unsealed: Unsealed) -> dict[UUID, bytes]:
    """Fold a topic from its beginning, with nothing but the records and the country's keys."""
    cases: defaultdict[UUID, list[OnTopic]] = defaultdict(list)
    for record in records:
        cases[record.case_id].append(record)
    return {case_id: plane_to_json(_fold(topic, rows, unsealed)) for case_id, rows in cases.items()}


def _fold(topic: Topic, records: Sequence[OnTopic], unsealed: Unsealed) -> Plane:
    plane = empty(records[0].case_id, shared=topic is Topic.SHARED)
    for record in records:
        plane, _, _ = read_on(
            plane,
            record.value,
            record.leaf,
            origin=record.origin,
            version=record.version,
            unsealed=unsealed,
        )
    return plane
