"""How fast something goes forward, seen from outside."""

from __future__ import annotations

import time
from collections.abc import Callable

_LOOK_EVERY_S = 0.005
_STUCK_S = 60.0


def rate_until(total: int, reached: Callable[[], int], *, began: float | None = None) -> float:
    """Watch a count grow to `total`; return how much was done per second.

    Counted from `began` (time.perf_counter) if it is given, else from the first step that was
    seen: what a program does before its first step is its start. (A load so small that it is one
    step is counted from the beginning.)
    """
    looked = changed = time.perf_counter()
    first = last = 0
    while True:
        count, now = reached(), time.perf_counter()
        if count > last:
            changed, last = now, count
            if began is None and count < total:
                began, first = now, count
        if count >= total:
            return (total - first) / (now - (began or looked))
        if now - changed > _STUCK_S:
            raise RuntimeError(f"stuck at {count} of {total}")
        time.sleep(_LOOK_EVERY_S)
