"""Signatures of a batch, checked beside the work on the batch before it.

Checking costs more than everything else that happens to a record. libsodium frees the interpreter
while it computes, so a few threads use the other core while the database is being written.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import NamedTuple

from consumers.examination import Arrived, Claim, Ground, Outcome, Reason, Stray, examine, is_signed

#: So many at once: little enough to be shared out evenly, enough to be worth the handing over.
_SLICE = 32


class Checking(NamedTuple):
    """Records whose signatures are being checked."""

    found: Sequence[Claim | Stray]
    verdicts: Sequence[Future[list[bool]]]

    def result(self) -> list[Claim | Stray]:
        """Wait, and return what each record proves to be."""
        signed = chain.from_iterable(verdict.result() for verdict in self.verdicts)
        return [
            one
            if isinstance(one, Stray) or next(signed)
            else Stray(Outcome.NOISE, Reason.SIGNATURE, one.offset)
            for one in self.found
        ]


class Checker:
    """Threads that check signatures."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="checks signatures")

    def begin(self, records: Sequence[Arrived], ground: Ground) -> Checking:
        """Examine records now, and begin to check their signatures."""
        found = [examine(record, ground) for record in records]
        claims = [one for one in found if isinstance(one, Claim)]
        slices = (claims[at : at + _SLICE] for at in range(0, len(claims), _SLICE))
        return Checking(found, [self._pool.submit(_signed, part, ground) for part in slices])

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _signed(claims: Sequence[Claim], ground: Ground) -> list[bool]:
    return [is_signed(claim, ground) for claim in claims]
