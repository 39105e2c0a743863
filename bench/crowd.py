"""Threads that work at the same time, timed from the moment that each of them is warm."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.harness import Watch


@dataclass(frozen=True, slots=True)
class Worker:
    """What one thread does."""

    #: Opens connections, prepares statements, fills caches; not timed.
    warm_up: Callable[[], None]
    work: Callable[[], None]


def seconds_together(workers: Sequence[Worker]) -> float:
    """Run each worker in a thread; return the seconds that they took, the slowest one counts."""
    watches: list[Watch] = []
    # By the last one to be warm: this thread may be woken long after the others have begun.
    start = threading.Barrier(len(workers), action=lambda: watches.append(Watch()))
    failures: list[BaseException] = []

    def run(worker: Worker) -> None:
        try:
            worker.warm_up()
            start.wait()
            worker.work()
        except threading.BrokenBarrierError:
            pass  # another worker failed first
        except BaseException as error:  # noqa: BLE001  # raised again below
            failures.append(error)
            start.abort()

    threads = [threading.Thread(target=run, args=(worker,), daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return watches[0].seconds
