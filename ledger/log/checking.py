"""The process that checks signatures, beside the work on the batch before."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ledger.log.child import Child, pipe_of, serve
from ledger.log.signature import LogVerifier

#: Log name, keys of whoever may have signed, log index, leaf hash, signature.
Signed = tuple[str, tuple[LogVerifier, ...], int, bytes, bytes]

#: Number of an answer to no question.
_NOTHING = 0
#: So many lists may be under way; a hundred small answers fit into the smallest pipe.
_UNDER_WAY = 64


class CheckingProcess:
    """A child that says of each list it is given which signatures are good."""

    def __init__(self) -> None:
        """Start it."""
        self._child = Child(__spec__.name)
        self._asked = self._taken = 0
        #: Answers taken in and not given out yet, by number.
        self._answers: dict[int, list[bool]] = {}

    def begin(self, signed: Sequence[Signed]) -> int:
        """Have signatures checked; return the number under which `finish` gives the answer."""
        if not signed:
            return _NOTHING
        # Answers that nobody takes in would fill the pipe, and both sides would wait for ever.
        while self._asked - self._taken >= _UNDER_WAY:
            self._take()
        self._child.ask(signed)
        self._asked += 1
        return self._asked

    def finish(self, number: int) -> list[bool]:
        """Return an answer, once; earlier ones that nobody has asked for are dropped."""
        if number == _NOTHING:
            return []
        while self._taken < number:
            self._take()
        answer = self._answers.pop(number)
        self._answers = {later: kept for later, kept in self._answers.items() if later > number}
        return answer

    def _take(self) -> None:
        self._taken += 1
        self._answers[self._taken] = self._child.answer()

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
