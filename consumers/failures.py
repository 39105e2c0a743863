"""What could not be done for a case: one bad due, grant or capsule leaves the others alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from events.errors import DecisionRefused, LedgerError, SealBroken, StartAgain


@dataclass(slots=True)
class Failures:
    """Collects what fails while a case is served, and goes on."""

    #: Told the outcome of what failed, as `ledger_releases_total` names it.
    count: Callable[[str], None]
    _failed: list[LedgerError] = field(default_factory=list)

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Keep what fails within from keeping what comes after from being done. StartAgain.

        What another country or a stranger sent may fail for ever: a one-time key that is none, a
        capsule with wrong keys. A withdrawal in the same case must not wait for that.
        """
        try:
            yield
        except StartAgain:
            raise
        except LedgerError as error:
            if isinstance(error, DecisionRefused):
                self.count("refused")
            elif isinstance(error, SealBroken):
                self.count("broken")
            self._failed.append(error)

    def taken(self) -> tuple[LedgerError, ...]:
        """Return what failed since the last time."""
        failed, self._failed = tuple(self._failed), []
        return failed
