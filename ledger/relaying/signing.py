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

    def __init__(self, keys: Sequence[Path]) -> None:
        """Start it with a log key, and with the one that may follow it."""
        self._child = Child(__spec__.name, *map(str, keys))

    def verifiers(self) -> Sequence[str]:
        """Return the verifier key of each key, once; Misconfigured if a file holds no log key."""
        answer: Misconfigured | Sequence[str] = self._child.answer()
        if isinstance(answer, Misconfigured):
            raise answer
        return answer

    def begin(self, statements: Sequence[Statement], by: str) -> None:
        """Have statements signed by a key; `finish` has to be called before the next ones."""
        self._child.ask((by, statements))

    def finish(self) -> list[bytes]:
        """Return the signatures of what was begun."""
        signatures: list[bytes] = self._child.answer()
        return signatures

    def close(self) -> None:
        """End the child."""
        self._child.close()


def sign(pipe: Connection, keys: Sequence[Path]) -> None:
    """Answer each list of statements by their signatures, until nobody asks any more."""
    try:
        signers = [LogSigner.load(key) for key in keys]
    except Misconfigured as error:
        pipe.send(error)
        return
    by_key = {signer.verifier.render(): signer for signer in signers}
    pipe.send(list(by_key))

    def signed(asked: tuple[str, Sequence[Statement]]) -> list[bytes]:
        by, statements = asked
        return [by_key[by].sign(*statement) for statement in statements]

    serve(pipe, signed)


if __name__ == "__main__":
    sign(pipe_of(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
