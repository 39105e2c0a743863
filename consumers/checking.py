"""Signatures of a batch, checked by another process beside the work on the batch before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from consumers.examination import Arrived, Claim, Ground, Outcome, Reason, Stray, examine
from ledger.log.checking import CheckingProcess, Signed


class Checking:
    """Records whose signatures are being checked."""

    def __init__(
        self, found: Sequence[Claim | Stray], process: CheckingProcess, number: int
    ) -> None:
        self._found = found
        self._process = process
        self._number = number
        self._proven: list[Claim | Stray] | None = None

    def result(self) -> list[Claim | Stray]:
        """Wait, and return what each record proves to be. ServiceUnavailable."""
        if self._proven is None:
            self._proven = proven(self._found, self._process.finish(self._number))
        return self._proven


class Checker:
    """Examines records here, and has their signatures checked elsewhere."""

    def __init__(self) -> None:
        self._process = CheckingProcess()

    def begin(self, records: Sequence[Arrived], ground: Ground) -> Checking:
        """Examine records now, and begin to check their signatures."""
        found = [examine(record, ground) for record in records]
        return Checking(found, self._process, self._process.begin(signed_in(found, ground)))

    def close(self) -> None:
        """End the other process."""
        self._process.close()


def signed_in(found: Iterable[Claim | Stray], ground: Ground) -> list[Signed]:
    """Return what has to be signed so that the claims among these hold."""
    return [
        (*ground.logs[one.origin], one.log_index, one.leaf, one.signature)
        for one in found
        if isinstance(one, Claim)
    ]


def proven(found: Iterable[Claim | Stray], verdicts: Iterable[bool]) -> list[Claim | Stray]:
    """Return what records prove to be, given for each claim whether it is signed."""
    signed = iter(verdicts)
    return [
        one
        if isinstance(one, Stray) or next(signed)
        else Stray(Outcome.NOISE, Reason.SIGNATURE, one.offset)
        for one in found
    ]
