"""The process that checks signatures, beside the work on the batch before."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ledger.log.child import Child, pipe_of, serve
from ledger.log.signature import LogVerifier

#: Log name, keys of whoever may have signed, log index, leaf hash, signature.
Signed = tuple[str, tuple[LogVerifier, ...], int, bytes, bytes]


class CheckingProcess:
    """A child that says of each list it is given which signatures are good."""

    def __init__(self) -> None:
        """Start it."""
        self._child = Child(__spec__.name)
        self._asked = self._answered = 0

    def begin(self, signed: Sequence[Signed]) -> int:
        """Have signatures checked; return the number under which `finish` gives the answer."""
        self._child.ask(signed)
        self._asked += 1
        return self._asked

    def finish(self, number: int) -> list[bool]:
        """Return an answer, once; those that nobody wants any more are passed over."""
        assert self._answered < number <= self._asked, "answers are given in order, once"
        answer: list[bool] = []
        while self._answered < number:
            answer = self._child.answer()
            self._answered += 1
        return answer

    def close(self) -> None:
        """End the child."""
        self._child.close()


def check(signed: Sequence[Signed]) -> list[bool]:
    """Say of each whether one of the keys signed it."""
    return [
        any(key.is_signed(log, index, leaf, signature) for key in keys)
        for log, keys, index, leaf, signature in signed
    ]


if __name__ == "__main__":
    serve(pipe_of(sys.argv[1]), check)
