"""The process that signs: it holds the log key and knows neither network nor database.

Signing takes a third of the relay's time; beside it, the next batch is signed while this one is
under way.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from events.errors import Misconfigured
from ledger.log.child import Child, pipe_of, serve
from ledger.log.signature import LogSigner

#: Log name, log index, leaf hash. Nothing else is ever signed, so a relay that was broken into
#: cannot have other things said in the country's name.
Statement = tuple[str, int, bytes]


class SigningProcess:
    """A child that signs what it is given, in order."""

    def __init__(self, key: Path) -> None:
        """Start it."""
        self._child = Child(__spec__.name, str(key))

    def verifier(self) -> str:
        """Return the verifier key of whoever signs, once; Misconfigured if there is no log key."""
        answer: Misconfigured | str = self._child.answer()
        if isinstance(answer, Misconfigured):
            raise answer
        return answer

    def begin(self, statements: Sequence[Statement]) -> None:
        """Have statements signed; `finish` has to be called before the next ones."""
        self._child.ask(statements)

    def finish(self) -> list[bytes]:
        """Return the signatures of what was begun."""
        signatures: list[bytes] = self._child.answer()
        return signatures

    def close(self) -> None:
        """End the child."""
        self._child.close()


def sign(pipe: Connection, key: Path) -> None:
    """Answer each list of statements by their signatures, until nobody asks any more."""
    try:
        signer = LogSigner.load(key)
    except Misconfigured as error:
        pipe.send(error)
        return
    pipe.send(signer.verifier.render())
    serve(pipe, lambda statements: [signer.sign(*statement) for statement in statements])


if __name__ == "__main__":
    sign(pipe_of(sys.argv[1]), Path(sys.argv[2]))
