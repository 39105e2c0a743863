"""Signatures of a batch, checked by another process beside the work on the batch before it.

Not of records that a signed root proves (consumers/ranges.py): a worker that catches up hashes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from consumers.examination import Arrived, Claim, Ground, Outcome, Reason, Stray, examine
from ledger.log.checking import CheckingProcess, Signed

Proves = Callable[[Claim, Ground], bool]


class Checking:
    """Records whose signatures are being checked."""

    def __init__(
        self,
        found: Sequence[Claim | Stray],
        asked: Iterable[int],
        process: CheckingProcess,
        number: int,
    ) -> None:
        """`asked` are the claims, by their places in `found`, that only a signature proves."""
        self._found = list(found)
        self._asked: Iterable[int] | None = asked
        self._process = process
        self._number = number

    def result(self) -> list[Claim | Stray]:
        """Wait, and return what each record proves to be. ServiceUnavailable."""
        if self._asked is not None:
            for at, is_signed in zip(self._asked, self._process.finish(self._number), strict=True):
                if not is_signed:
                    self._found[at] = unsigned(self._found[at])
            self._asked = None
        return self._found


class Checker:
    """Examines records here, and has their signatures checked elsewhere."""

    def __init__(self, proves: Proves | None = None) -> None:
        """`proves` says of which claims it is known already that their country made them."""
        self._process = CheckingProcess()
        self._proves: Proves = proves or (lambda _claim, _ground: False)

    def begin(self, records: Sequence[Arrived], ground: Ground) -> Checking:
        """Examine records now, and begin to check the signatures that are needed."""
        found = [examine(record, ground) for record in records]
        asked = [
            at
            for at, one in enumerate(found)
            if isinstance(one, Claim) and not self._proves(one, ground)
        ]
        signed = signed_in((found[at] for at in asked), ground)
        return Checking(found, asked, self._process, self._process.begin(signed))

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
    return [one if isinstance(one, Stray) or next(signed) else unsigned(one) for one in found]


def unsigned(claim: Claim | Stray) -> Stray:
    """Return what a claim is that nobody has signed."""
    return Stray(Outcome.NOISE, Reason.SIGNATURE, claim.offset)
