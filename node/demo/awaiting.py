"""Waiting until a program of a country has done something."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from events.errors import ServiceUnavailable
from node.demo.desk import Desk

#: Longer than anything here takes on a busy machine.
_PATIENCE_S = 60.0

T = TypeVar("T")


def waits(desk: Desk, found: Callable[[], T | None]) -> T:
    """Return what is found as soon as it is; ServiceUnavailable if it never is."""
    end = time.monotonic() + _PATIENCE_S
    while (said := found()) is None:
        if time.monotonic() > end:
            raise ServiceUnavailable(f"{desk.country} waits in vain for its rules")
        time.sleep(0.05)
    return said
