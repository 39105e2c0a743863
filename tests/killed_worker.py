"""A worker that kills itself at a step: BOOTSTRAP PREFIX DSN STEP COUNT [NUMBER [SIGNAL]]."""

import os
import signal
import sys
import threading

from consumers.worker import Worker
from tests.readers import Topics, settings_of
from tests.wire import Pens


def main(
    bootstrap: str,
    prefix: str,
    dsn: str,
    step: str,
    count: str,
    number: str = "1",
    sent: str = "SIGKILL",
) -> None:
    """Die, or stop, with the COUNT-th STEP after which something had been read."""
    topics = Topics(bootstrap, Pens(prefix=prefix, partitions=3, countries=("KZ", "KG")))
    left = int(count)

    def at(reached: str) -> None:
        nonlocal left
        if reached == step:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.Signals[sent])

    # One that stops is to lose its session soon; one that runs is never silent for long.
    idle_s = 1 if sent == "SIGSTOP" else 30
    settings = settings_of(topics, dsn, batch_records=2, number=int(number), idle_s=idle_s)
    Worker(settings).run(threading.Event(), at=at)


if __name__ == "__main__":
    main(*sys.argv[1:])
