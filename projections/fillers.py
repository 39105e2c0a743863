"""The processes that fill a new generation, one per job, and how they tell how far they are."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from threading import Thread

from events.errors import ServiceUnavailable
from projections.filling import Job, Progress, write_job


def run_all(jobs: Sequence[Job], tell: Callable[[Progress], None]) -> int:
    """Run one process per job; ServiceUnavailable if one of them ends badly."""
    done: list[int] = []

    def listen(process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            progress = Progress(*json.loads(line))
            done.append(progress.events)
            tell(progress)

    running = [_start(job) for job in jobs]
    listeners = [Thread(target=listen, args=(process,)) for process in running]
    try:
        for thread in listeners:
            thread.start()
        codes = [process.wait() for process in running]
    finally:
        for process in running:
            process.kill()
            process.wait()
        for thread in listeners:
            thread.join()
        for process in running:
            assert process.stdout is not None
            process.stdout.close()
    if any(codes):
        raise ServiceUnavailable(f"filling ended with codes {codes}", rule="filling")
    return sum(done)


def _start(job: Job) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "projections.filling"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(write_job(job))
    process.stdin.close()
    return process
