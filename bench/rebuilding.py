"""rebuild: all read models again from the mirror, against kafka-python's bare poll().

Ours reads the mirror, decodes, folds, fills every table of a new generation, makes its indexes,
compares it with the one in use and flips; one process for the ratio, and `two_processes` as many
as this machine has cores. The baseline reads the records of the same events from the topic and
does nothing with them.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

import psycopg

from bench.harness import BASELINE, OURS, Effort, Figure, Watch, compare, rounded, say
from bench.histories import Record, records
from bench.machine import peak_rss_mb_of
from bench.pair import Pair
from bench.servers import Servers
from events.codec import read_stamp
from events.contract import split_log_header
from events.stamp import leaf_hash
from ledger import mirror
from ledger.case.case import Topic
from ledger.keys.national import NationalKeys
from projections import generation
from projections.filling import Progress
from projections.rebuild import rebuild

_COUNTRY = "KG"
_CHUNK = 10_000


def run(servers: Servers, effort: Effort) -> Iterator[Figure]:
    """Measure events per second, and how large a filling process grows."""
    count = effort.events_or(60_000, quick=600)
    pair = Pair(servers)
    peak = Peak()
    with pair.database(_COUNTRY) as dsn:
        say(f"rebuild: {count:,} events into the topic and the mirror")
        pair.fill(count)
        _fill_mirror(pair, dsn, count)
        keys = pair.keys(_COUNTRY)
        rebuild(dsn, country=_COUNTRY, keys=keys, expect_difference="there was nothing yet")
        contenders = {
            OURS: lambda: _rebuild(dsn, keys, count, peak, processes=1),
            BASELINE: lambda: _poll(pair, count),
            "two_processes": lambda: _rebuild(dsn, keys, count, peak, processes=2),
        }
        yield compare(
            "rebuild",
            contenders,
            unit="events/s",
            effort=effort,
            goal="ratio >= 0.3, two_processes >= 30000, peak_rss_mb < 300",
            extra=lambda: {"events": count, "peak_rss_mb": rounded(peak.megabytes)},
        )


class Peak:
    """The largest size that a filling process has had."""

    def __init__(self) -> None:
        self.megabytes = 0.0

    def look(self, _progress: Progress) -> None:
        """Look at the processes that fill right now."""
        self.megabytes = max(self.megabytes, peak_rss_mb_of("projections.filling"))


def _rebuild(dsn: str, keys: NationalKeys, count: int, peak: Peak, *, processes: int) -> float:
    watch = Watch()
    done = rebuild(dsn, country=_COUNTRY, keys=keys, processes=processes, tell=peak.look)
    rate = watch.rate(count)
    assert done.equal
    assert done.events == count
    with psycopg.connect(dsn, autocommit=True) as connection:
        generation.drop_old(connection)
        connection.execute("CHECKPOINT")
    return rate


def _poll(pair: Pair, count: int) -> float:
    command = [sys.executable, "-m", "bench.bare_poll"]
    arguments = [pair.bootstrap, pair.agreement.shared_topic, str(count)]
    said = subprocess.run([*command, *arguments], check=True, capture_output=True, text=True)
    return count / float(said.stdout)


def _fill_mirror(pair: Pair, dsn: str, count: int) -> None:
    """Mirror the records of the topic, as a worker does; faster, because nothing is folded."""
    told = records(count, pair.agreement, pair.signers())
    ends: Counter[int] = Counter()
    with psycopg.connect(dsn) as connection:
        generation.ensure(connection)
        while chunk := list(islice(told, _CHUNK)):
            mirror.append(connection, _mirrored(chunk, ends))
        connection.execute(
            "INSERT INTO read_1.position (topic, partition, topic_id, next_offset)"
            " SELECT %s, partition, gen_random_uuid(), reached"
            " FROM unnest(%s::int4[], %s::int8[]) AS ends (partition, reached)",
            (Topic.SHARED, list(ends), list(ends.values())),
        )
        connection.commit()
        connection.execute("ANALYZE mirror.record")


def _mirrored(chunk: Sequence[Record], ends: Counter[int]) -> list[mirror.Record]:
    rows = []
    for record in chunk:
        offset = ends[record.partition]
        ends[record.partition] += 1
        stamp = read_stamp(record.value)
        (_, ce_type), (_, log) = record.headers
        index, signature = split_log_header(log)
        rows.append(
            mirror.Record(
                topic=Topic.SHARED,
                partition=record.partition,
                offset=offset,
                effect_offset=offset,
                effect_rank=0,
                case_id=stamp.case_id,
                origin=stamp.origin,
                version=stamp.version,
                event_id=stamp.event_id,
                leaf=leaf_hash(record.value),
                log_index=index,
                signature=signature,
                ce_type=ce_type.decode(),
                value=record.value,
            )
        )
    return rows
