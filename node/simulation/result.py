"""What a simulation found, as `ledger simulate --json` prints it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Result:
    """What was decided, what came of it, and what must hold and does or does not."""

    cases: int
    seed: int
    #: All of it, and the traffic alone.
    seconds: float
    played_seconds: float
    decisions_per_second: float
    #: Kind of case -> events of one case, the median.
    events_per_case: Mapping[str, float]
    #: Decision -> how often it was recorded.
    decided: Mapping[str, int]
    #: Rule -> how often it refused.
    refused: Mapping[str, int]
    #: Reason -> how many events are without effect.
    void: Mapping[str, int]
    #: How often somebody else was first.
    overtaken: int
    #: Forbidden, repeated and contradicted turns; turns on which nothing was possible; how often a
    #: program did not answer.
    mischief: Mapping[str, int]
    #: Name -> how often it is broken.
    invariants: Mapping[str, int]
    #: The first of what breaks them.
    broken: Sequence[Mapping[str, Any]]
    views_agree: bool
    rebuild_equal: bool
    ok: bool
