"""The process that signs: it holds the log key and knows neither network nor database.

Signing takes a third of the relay's time. In a thread it would take turns with the Kafka client
for the one interpreter; beside it, the next batch is signed while this one is under way.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import ledger
from events.errors import Misconfigured, ServiceUnavailable
from ledger.log.signature import LogSigner

#: Log name, log index, leaf hash. Nothing else is ever signed, so a relay that was broken into
#: cannot have other things said in the country's name.
Statement = tuple[str, int, bytes]

_END_S = 2.0


class SigningProcess:
    """A child that signs what it is given, in order, as long as somebody holds the other end."""

    def __init__(self, key: Path) -> None:
        """Start it."""
        self._pipe, theirs = Pipe()
        # Only what it needs: our environment holds the password of the database.
        root = str(Path(ledger.__file__).parents[1])
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", __spec__.name, str(theirs.fileno()), str(key)],
            env={"PYTHONPATH": root},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
        theirs.close()

    def verifier(self) -> str:
        """Return the verifier key of whoever signs, once; Misconfigured if there is no log key."""
        answer: Misconfigured | str = self._receive()
        if isinstance(answer, Misconfigured):
            raise answer
        return answer

    def begin(self, statements: Sequence[Statement]) -> None:
        """Have statements signed; `finish` has to be called before the next ones."""
        self._pipe.send(statements)

    def finish(self) -> list[bytes]:
        """Return the signatures of what was begun."""
        signatures: list[bytes] = self._receive()
        return signatures

    def close(self) -> None:
        """End the child."""
        self._pipe.close()
        self._process.wait(_END_S)

    def _receive(self) -> Any:
        try:
            return self._pipe.recv()
        except EOFError:
            raise ServiceUnavailable("the signing process has ended") from None


def sign(pipe: Connection, key: Path) -> None:
    """Answer each list of statements by their signatures, until nobody asks any more."""
    try:
        signer = LogSigner.load(key)
    except Misconfigured as error:
        pipe.send(error)
        return
    pipe.send(signer.verifier.render())
    with suppress(EOFError, OSError):  # the relay has ended, in whatever way
        while True:
            statements: list[Statement] = pipe.recv()
            pipe.send([signer.sign(*statement) for statement in statements])


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the relay
    sign(Connection(int(sys.argv[1])), Path(sys.argv[2]))
