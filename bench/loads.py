"""Load programs in processes of their own: all of them begin at the same time."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from statistics import quantiles
from typing import Any, NamedTuple

from bench.arrivals import BareConsumer
from bench.histories import shared_entries
from bench.pair import Pair
from events.contract import partition_of


class Load(NamedTuple):
    """One program: it says that it is ready, waits for a line, and prints what it did."""

    module: str
    arguments: Sequence[str]
    #: What it reads before it is ready.
    said: str = ""


@contextmanager
def started(*loads: Load) -> Iterator[Sequence[subprocess.Popen[str]]]:
    """Run programs; they are told to begin as soon as every one of them is ready."""
    with ExitStack() as stack:
        running = []
        for load in loads:
            command = [sys.executable, "-m", load.module, *load.arguments]
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            running.append(stack.enter_context(process))
            if load.said:
                _say(process, load.said)
        for process in running:
            assert process.stdout is not None
            process.stdout.readline()
        for process in running:
            _say(process, "go")
        yield running


def told_by(process: subprocess.Popen[str]) -> Mapping[str, str]:
    """Return the two words of each line that a program prints."""
    return dict(line.split() for line in process.stdout or ())


def pipe(pair: Pair, rate: int, count: int) -> Sequence[float]:
    """Return the milliseconds that each value took from one process to another, with kafka-python.

    The same bytes and partitions as ours, at the same pace; nothing is stored, checked or decided.
    """
    entries = list(islice(shared_entries(count), count))
    partitions = pair.agreement.partitions
    records = [
        (partition_of(one.case_id, partitions), one.case_id.bytes, one.value) for one in entries
    ]
    file = pair.home.path / "values"
    file.write_bytes(pickle.dumps(records))
    consumer = BareConsumer(pair.bootstrap, pair.agreement.shared_topic)
    arguments = [pair.bootstrap, pair.agreement.shared_topic, str(rate), str(file)]
    with started(Load("bench.bare_pipe", arguments)) as (process,):
        numbers: Mapping[Any, int] = {one.value: number for number, one in enumerate(entries)}
        seen = consumer.wait_for(numbers)
        due = told_by(process)
    return [1000 * (seen[int(number)] - float(moment)) for number, moment in due.items()]


def p99(milliseconds: Sequence[float]) -> float:
    """Return the 99th percentile."""
    return quantiles(milliseconds, n=100, method="inclusive")[98]


def _say(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
