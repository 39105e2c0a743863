"""Where the topics begin and end, asked beside the reading, on a connection of its own.

A consumer cannot say it: what it last fetched is all it knows, it knows nothing before that, and
it says nothing when Kafka does not answer. On its connection a question would wait behind a fetch.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog
from kafka import IsolationLevel, KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError

from consumers.progress import Ends, Progress
from ledger.case.case import Topic
from projections.positions import Part

_LOOK_S = 2.0
#: As long as there is a partition that nothing is known of.
_SOON_S = 0.1
_TIMEOUT_MS = 5_000

_log = structlog.get_logger()


@contextmanager
def looking_out(
    cluster: Mapping[str, Any], names: Mapping[Topic, str], progress: Progress
) -> Iterator[None]:
    """Tell `progress` where its partitions begin and end, for as long as the block runs."""
    stop = threading.Event()
    given = (cluster, names, progress, stop)
    thread = threading.Thread(target=_look_out, args=given, name="lookout", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_LOOK_S)


def _look_out(
    cluster: Mapping[str, Any],
    names: Mapping[Topic, str],
    progress: Progress,
    stop: threading.Event,
) -> None:
    timeouts = {"request_timeout_ms": _TIMEOUT_MS, "bootstrap_timeout_ms": _TIMEOUT_MS}
    while not stop.wait(_SOON_S):
        try:
            admin = KafkaAdminClient(**{**cluster, **timeouts})
            try:
                _look(admin, names, progress, stop)
            finally:
                admin.close()
        except KafkaError as error:  # the worker's own client says whether this is the end
            _log.warning("no_answer", error=type(error).__name__)
            stop.wait(_LOOK_S)


def _look(
    admin: KafkaAdminClient,
    names: Mapping[Topic, str],
    progress: Progress,
    stop: threading.Event,
) -> None:
    pause = 0.0
    while not stop.wait(pause):
        standings, asked_at = progress.standings(), time.time()
        parts = {part: TopicPartition(names[Topic(part[0])], part[1]) for part in standings}
        if parts:
            progress.looked(_ends(admin, parts), asked_at)
        known = progress.standings()
        pause = _LOOK_S if known and all(one.ends for one in known.values()) else _SOON_S


def _ends(admin: KafkaAdminClient, parts: Mapping[Part, TopicPartition]) -> dict[Part, Ends]:
    def asked(spec: OffsetSpec, isolation: IsolationLevel) -> dict[TopicPartition, Any]:
        wanted = dict.fromkeys(parts.values(), spec)
        found: dict[TopicPartition, Any] = admin.list_partition_offsets(wanted, isolation)
        return found

    # The end last: what was stable a moment ago cannot stand behind it.
    start = asked(OffsetSpec.EARLIEST, IsolationLevel.READ_UNCOMMITTED)
    stable = asked(OffsetSpec.LATEST, IsolationLevel.READ_COMMITTED)
    end = asked(OffsetSpec.LATEST, IsolationLevel.READ_UNCOMMITTED)
    return {
        part: Ends(start[at].offset, stable[at].offset, end[at].offset)
        for part, at in parts.items()
    }
