"""A worker that kills itself at a step: arguments BOOTSTRAP PREFIX DSN STEP COUNT [NUMBER]."""

import os
import signal
import sys
import threading

from consumers.worker import Worker
from tests.readers import Topics, settings_of
from tests.wire import Pens


def main(bootstrap: str, prefix: str, dsn: str, step: str, count: str, number: str = "1") -> None:
    """Die with the COUNT-th STEP after which something had been read."""
    topics = Topics(bootstrap, Pens(prefix=prefix, partitions=3, countries=("KZ", "KG")))
    left = int(count)

    def at(reached: str) -> None:
        nonlocal left
        if reached == step:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    settings = settings_of(topics, dsn, batch_records=2, number=int(number))
    Worker(settings).run(threading.Event(), at=at)


if __name__ == "__main__":
    main(*sys.argv[1:])
