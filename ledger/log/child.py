"""A child process for the arithmetic of the log.

Signing and checking cost more than everything else that happens to an event. In a thread they
would take turns with Kafka's client and the folds for the one interpreter: after each signature a
thread waits until another gives it up. A child has its own, and works meanwhile on another core.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import events
from events.errors import ServiceUnavailable

_END_S = 2.0


class Child:
    """Answers what it is asked, in order, as long as somebody holds the other end of its pipe."""

    def __init__(self, module: str, *arguments: str, files: Sequence[int] = ()) -> None:
        """Start `module`, which has to call `serve` with the number it is given first.

        It has the open `files` under the same numbers.
        """
        self._pipe, theirs = Pipe()
        # Only what it needs: our environment holds the password of the database.
        root = str(Path(events.__file__).parents[1])
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", module, str(theirs.fileno()), *arguments],
            env={"PYTHONPATH": root},
            pass_fds=[theirs.fileno(), *files],
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal is for the parent
        )
        theirs.close()

    def ask(self, question: Any) -> None:
        """Have something worked out; each question gets one answer."""
        try:
            self._pipe.send(question)
        except OSError:
            raise ServiceUnavailable("the child process has ended") from None

    def answer(self) -> Any:
        """Wait for the next answer; ServiceUnavailable if there will be none."""
        try:
            return self._pipe.recv()
        except (EOFError, OSError):
            raise ServiceUnavailable("the child process has ended") from None

    @property
    def has_answered(self) -> bool:
        """Whether `answer` returns, or raises, at once."""
        return self._pipe.poll(0)

    def close(self) -> None:
        """End the child. It has nothing to lose, so it is killed if it does not end by itself."""
        self._pipe.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def pipe_of(number: str) -> Connection:
    """Return a child's end of the pipe; it ends with the pipe, not before its parent does."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a service manager tells both
    return Connection(int(number))


def serve(pipe: Connection, answer: Callable[[Any], Any]) -> None:
    """Answer each question, until nobody asks any more."""
    with suppress(EOFError, OSError):  # the parent has ended, in whatever way
        while True:
            pipe.send(answer(pipe.recv()))
